package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInitAsks what no flag says, takes an empty line for the default, and overwrites nothing.
func TestInitAsks(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "guardian.yaml")
	code, out, errs := runCLI(t, "order-sync\nhttps://shop.example.com/healthz\n\nscript\n/opt/deploy.sh\nv1\n", "init", "--file", file)
	if code != 0 || !strings.Contains(out, "export SLACK_WEBHOOK") || !strings.Contains(out, "CheckFails") || !strings.Contains(errs, "absolute path of a script") {
		t.Fatalf("exit code %d\n%s\n%s", code, out, errs)
	}
	if strings.Count(errs, "Which address") != 1 {
		t.Errorf("asked %q", errs)
	}
	before, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(before), `known_good: ["v1"]`) {
		t.Fatalf("%v\n%s", err, before)
	}
	code, _, errs = runCLI(t, "", "init", "--file", file, "--url", "https://example.com", "--rollback", "none")
	if after, _ := os.ReadFile(file); code != 2 || !strings.Contains(errs, "is there already") || string(after) != string(before) {
		t.Errorf("a second time: exit code %d: %s", code, errs)
	}
	mended := filepath.Join(dir, "mended.yaml")
	if code, _, errs := runCLI(t, "Order Sync\norders\nshop\nhttps://shop.example.com/\nnone\nnone\n", "init", "--file", mended); code != 0 || strings.Count(errs, "Which address") != 2 {
		t.Errorf("wrong answers are asked again: exit code %d: %s", code, errs)
	}
	for name, c := range map[string]struct{ input, says string }{
		"no answer":          {"", "say --url"},
		"only wrong answers": {"orders\nshop\nftp://shop\n", "say --url"},
	} {
		t.Run(name, func(t *testing.T) {
			other := filepath.Join(t.TempDir(), "other.yaml")
			code, _, errs := runCLI(t, c.input, "init", "--file", other)
			if _, err := os.Stat(other); code != 2 || !strings.Contains(errs, c.says) || err == nil {
				t.Errorf("exit code %d: %s", code, errs)
			}
		})
	}
}
