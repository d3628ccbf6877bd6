package test_test

import (
	"bytes"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"guardian/internal/cli"
)

// guides returns the documentation, by file.
func guides(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"../*.md", "../docs/*.md", "../docs/decisions/*.md", "../docs/runbooks/*.md", "../configs/*.md", "../configs/packs/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			out[f] = string(b)
		}
	}
	if len(out) < 15 {
		t.Fatalf("only %d pages were found", len(out))
	}
	return out
}

func TestLinksInTheDocumentationLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
	for file, text := range guides(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s leads to %s, which is not there", file, m[1])
			}
		}
	}
}

// The pictures of the README are there, and small enough to be waited for.
func TestPicturesOfTheReadme(t *testing.T) {
	for _, file := range []string{"../README.md", "../README.zh.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources := regexp.MustCompile(`<img [^>]*src="([^"]+)"`).FindAllStringSubmatch(string(text), -1)
		if len(sources) != 2 {
			t.Errorf("%s shows %d pictures, want 2", file, len(sources))
		}
		for _, m := range sources {
			b, err := os.ReadFile(filepath.Join("..", m[1]))
			if err != nil || len(b) > 150_000 {
				t.Errorf("%s shows %s: %d bytes, %v; make pictures", file, m[1], len(b), err)
			}
			if _, err := png.DecodeConfig(bytes.NewReader(b)); err != nil {
				t.Errorf("%s shows %s: %v", file, m[1], err)
			}
		}
	}
}

// All commands and flags in the documentation exist.
func TestCommandsInTheDocumentationExist(t *testing.T) {
	const command = "guardian((?: [a-z]+)+)([^`\n|<>&]*)"
	inText, inCode := regexp.MustCompile("`"+command), regexp.MustCompile("(?:^|[|&;] *|\\./cmd/|bin/)"+command)
	flag := regexp.MustCompile(` (--[a-z-]+)`)
	help := func(command []string) (string, bool) {
		var out, told bytes.Buffer
		code := cli.Main(append(append([]string{}, command...), "--help"), strings.NewReader(""), &out, &told)
		return out.String(), code == 0
	}
	seen := 0
	for file, text := range guides(t) {
		code := false
		for line := range strings.Lines(text) {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				code = !code
			}
			shown := inText
			if code {
				shown = inCode
			}
			for _, m := range shown.FindAllStringSubmatch(strings.TrimSpace(line), -1) {
				words := strings.Fields(m[1])
				usage, ok := help(words[:1])
				if !ok {
					t.Errorf("%s shows guardian %s, which is no command", file, words[0])
					continue
				}
				if len(words) > 1 && strings.Contains(usage, "\n  "+words[1]+" ") {
					usage, _ = help(words[:2])
				}
				seen++
				for _, f := range flag.FindAllStringSubmatch(m[2], -1) {
					if !strings.Contains(usage, f[1]) {
						t.Errorf("%s shows guardian %s with %s, which it does not have", file, strings.Join(words, " "), f[1])
					}
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d commands were found: the pattern is wrong", seen)
	}
}

// TestMetricsInTheDocumentationExist compares the metrics in the guides with those that the
// process exposes.
func TestMetricsInTheDocumentationExist(t *testing.T) {
	var code strings.Builder
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		code.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	metric := regexp.MustCompile(`guardian_[a-z_]*[a-z]`)
	named := 0
	for file, guide := range guides(t) {
		for _, n := range metric.FindAllString(guide, -1) {
			named++
			if !strings.Contains(code.String(), `"`+n+`"`) {
				t.Errorf("%s names %s, which the guardian does not have", file, n)
			}
		}
	}
	if named < 20 {
		t.Fatalf("only %d metrics are named: the pattern is wrong", named)
	}
}
