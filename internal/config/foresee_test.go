package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"guardian/internal/config"
)

// What is valid and cannot work is said with its line, and with what to do.
func TestWhatCannotWorkIsSaid(t *testing.T) {
	files, err := filepath.Glob("testdata/warned-*.yml")
	if err != nil || len(files) < 5 {
		t.Fatalf("found %d files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yml"), func(t *testing.T) {
			c, err := config.Load(file, config.Options{LookupEnv: environment})
			if err != nil {
				t.Fatal(err)
			}
			message := ""
			if len(c.Warnings) > 0 {
				message = c.Warnings.Error() + "\n"
			}
			golden(t, strings.TrimSuffix(file, ".yml")+".txt", []byte(message))
		})
	}
}
