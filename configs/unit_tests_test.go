//go:build !race

package configs_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"

	"guardian/internal/ruletest"
)

// These tests use one goroutine and would take a minute under the race detector.

// A unit test must fail when its rule is broken: each alert is changed once so that it never
// fires and once so that it always fires.
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

func TestUnitTestsOfPacksPass(t *testing.T) {
	folder := examples(t)
	for _, pack := range packs(t) {
		if n, out := runUnitTests(t, folder, pack); n != 0 {
			t.Errorf("%s: %d failures:\n%s", pack, n, out)
		}
	}
}

func runUnitTests(t *testing.T, folder, pack string) (failures int, out string) {
	t.Helper()
	var b bytes.Buffer
	n, err := ruletest.Run(t.Context(), []string{filepath.Join(folder, "packs", "tests", pack+".test.yaml")}, ruletest.Options{}, &b)
	if err != nil {
		t.Fatal(err)
	}
	return n, b.String()
}

// withExpr returns a rule file in which one alert has another expression.
func withExpr(t *testing.T, content []byte, alert, expr string) []byte {
	t.Helper()
	var file struct {
		Groups []map[string]any `yaml:"groups"`
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g["rules"].([]any) {
			if rule := r.(map[string]any); rule["alert"] == alert {
				rule["expr"] = expr
			}
		}
	}
	b, err := yaml.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
