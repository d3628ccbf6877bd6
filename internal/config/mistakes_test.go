package config_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guardian/internal/config"
)

var update = flag.Bool("update", false, "write golden files anew")

// environment is the environment of these tests.
func environment(name string) (string, bool) {
	value, ok := map[string]string{
		"TOKEN": "correct-horse-battery-staple",
		"HOOK":  "https://hooks.slack.com/services/T0/B0/verysecret",
	}[name]
	return value, ok
}

// golden compares with a golden file, or writes it.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not current (make golden; look at the diff):\n%s", path, cmp.Diff(string(want), string(got)))
	}
}

// One file per mistake, with the message that its author reads.
func TestEveryMistakeHasItsMessage(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid-*.yml")
	if err != nil || len(files) < 50 {
		t.Fatalf("found %d files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yml"), func(t *testing.T) {
			c, err := config.Load(file, config.Options{LookupEnv: environment})
			if err == nil {
				t.Fatal("was accepted")
			}
			if c != nil {
				t.Error("gave a configuration beside its mistakes")
			}
			here, absErr := filepath.Abs("testdata")
			if absErr != nil {
				t.Fatal(absErr)
			}
			message := strings.ReplaceAll(err.Error(), here, "FOLDER")
			golden(t, strings.TrimSuffix(file, ".yml")+".txt", []byte(message+"\n"))
			for _, secret := range []string{"correct-horse", "verysecret"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the message holds a secret: %v", err)
				}
			}
		})
	}
}
