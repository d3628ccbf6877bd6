package program

import (
	"os"
	"os/exec"
	"testing"
)

// Installed finds a program of a package of Debian, which test/setup installs. Where it is missing
// the test is skipped, or fails with CI=true.
func Installed(tb testing.TB, name, pkg string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatalf("no %s: run test/setup", name)
		}
		tb.Skipf("no %s (Debian: apt-get install %s)", name, pkg)
	}
	return path
}
