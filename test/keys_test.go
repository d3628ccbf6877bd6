package test_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"guardian/internal/config"
)

// A configuration of an earlier build, with every key that has another name since, loads once
// test/cases.sed has renamed them.
func TestOldConfigurationsLoadAfterTheirKeysAreRenamed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/old-keys-*.yaml")
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		old, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range config.RenamedKeys() {
			if key := r.Old[strings.LastIndex(r.Old, ".")+1:]; !strings.Contains(string(old), key+":") {
				t.Errorf("%s does not have %s", file, key)
			}
		}
		renamed, err := exec.Command("sed", "-E", "-f", "cases.sed", file).Output()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "guardian.yaml")
		if err := os.WriteFile(path, renamed, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(path, config.Options{}); err != nil {
			t.Errorf("%s: %v\n%s", file, err, renamed)
		}
	}
}
