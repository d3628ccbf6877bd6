package test_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMetricsInTheDocumentationExist keeps the guides to what the process really exposes.
func TestMetricsInTheDocumentationExist(t *testing.T) {
	var code strings.Builder
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(path) != "metrics.go" {
			return err
		}
		b, err := os.ReadFile(path)
		code.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`guardian_[a-z_]+`).FindAllString(string(guide), -1)
	if len(names) < 5 {
		t.Fatalf("only %d metrics are named: the pattern is wrong", len(names))
	}
	for _, n := range names {
		if !strings.Contains(code.String(), `"`+n+`"`) {
			t.Errorf("docs/operations.md names %s, which no metrics.go makes", n)
		}
	}
}
