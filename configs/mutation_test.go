//go:build !race

package configs_test

import (
	"os"
	"path/filepath"
	"testing"
)

// Many unit tests in one goroutine: under the race detector they would take a minute and find
// nothing.

// A unit test that passes whatever a rule says is none: each alert is broken once so that it
// never fires and once so that it always does.
func TestUnitTestsOfPacksFindABrokenRule(t *testing.T) {
	for _, pack := range packs(t) {
		t.Run(pack, func(t *testing.T) {
			t.Parallel()
			folder := examples(t)
			file := filepath.Join(folder, "packs", pack+".yaml")
			content := read(t, "packs/"+pack+".yaml")
			for _, r := range alertsOf(t, pack) {
				for _, broken := range []string{"vector(1) > 1", "vector(1)"} {
					if err := os.WriteFile(file, withExpr(t, content, r.Alert, broken), 0o644); err != nil {
						t.Fatal(err)
					}
					if n, _ := runUnitTests(t, folder, pack); n == 0 {
						t.Errorf("no unit test fails when %s is %s", r.Alert, broken)
					}
				}
			}
		})
	}
}
