package importer_test

import (
	"os"
	"os/exec"
	"testing"
)

// amtool is Alertmanager's command line, which test/setup installs.
func amtool(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("amtool")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("amtool is not installed: run test/setup")
		}
		t.Skip("amtool is not installed: run test/setup")
	}
	return path
}
