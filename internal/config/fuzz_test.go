package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guardian/internal/config"
	"guardian/internal/secret"
)

// For any file the loader returns without a panic: a configuration, or mistakes with file and
// message.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/invalid-*.yml")
	if err != nil {
		f.Fatal(err)
	}
	files = append(files, "../../configs/minimal.yaml", "../../configs/full.yaml")
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add([]byte("a: &a {<<: &b {<<: *a}}\nserver: *a\n"))
	f.Add([]byte("checks: [{name: x, cron: TZ=UTC}]"))
	path := filepath.Join(f.TempDir(), "guardian.yaml")
	f.Fuzz(func(t *testing.T, content []byte) {
		// Patterns and files of the machine are not what is tested here.
		if strings.Contains(string(content), "file:") || strings.Contains(string(content), "rules") {
			t.Skip()
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(path, config.Options{LookupEnv: environment, Redactor: &secret.Redactor{}})
		if err == nil {
			_ = c.String()
			return
		}
		var mistakes config.Mistakes
		if !errors.As(err, &mistakes) || len(mistakes) == 0 {
			t.Fatalf("%#v", err)
		}
		for _, m := range mistakes {
			if m.File == "" || m.Problem == "" {
				t.Errorf("an empty mistake: %#v", m)
			}
		}
		if strings.Contains(err.Error(), "correct-horse") || strings.Contains(err.Error(), "verysecret") {
			t.Errorf("a secret: %v", err)
		}
	})
}

func BenchmarkLoadThousandChecks(b *testing.B) {
	var text strings.Builder
	text.WriteString("services: [{name: shop}]\nchecks:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "  - {name: check-%d, service: shop, every: 15s, labels: {shop: sg-%d}, http: {url: 'https://shop-%d.example.com/', expect: {status: [200]}}}\n", i, i, i)
	}
	path := filepath.Join(b.TempDir(), "guardian.yaml")
	write(b, path, text.String())
	for b.Loop() {
		if _, err := config.Load(path, config.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
