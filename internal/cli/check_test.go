package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guardian/internal/cli"
	"guardian/internal/store"
)

const checkedConfig = `
storage: {path: data}
services: [{name: orders, rollback: back%s}]
checks: [{name: push, service: orders, every: 15s, http: {url: "http://127.0.0.1:1/"}}]
runbooks: [{name: back, steps: [{exec: {command: [/bin/true, "{{.%s}}"]}}]}]
`

// A rollback that has nothing to go back to is found before it is needed.
func TestCheckWarnsOfARollbackWithoutAVersionToGoBackTo(t *testing.T) {
	for name, c := range map[string]struct {
		declared, variable string
		journal            func(t *testing.T, dir string)
		code               int
		says               string // "": no warning
	}{
		"before the first start":           {variable: "To", says: ":3:37: services[0].rollback: warning: no version of orders is known to be good yet"},
		"declared good":                    {declared: ", known_good: [v1]", variable: "To"},
		"a version has passed":             {variable: "To", journal: func(t *testing.T, dir string) { t.Helper(); keep(t, dir, "v1") }},
		"a journal without one":            {variable: "To", journal: func(t *testing.T, dir string) { t.Helper(); keep(t, dir, "") }, says: "is known to be good yet"},
		"a journal that cannot be read":    {variable: "To", journal: garbage},
		"a variable that is none is wrong": {variable: "Too", code: 1, says: `did you mean .To?`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if c.journal != nil {
				if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
					t.Fatal(err)
				}
				c.journal(t, filepath.Join(dir, "data"))
			}
			file := filepath.Join(dir, "guardian.yaml")
			if err := os.WriteFile(file, fmt.Appendf(nil, checkedConfig, c.declared, c.variable), 0o600); err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			code := cli.Main([]string{"check", file}, strings.NewReader(""), &out, &errs)
			if code != c.code || strings.Contains(out.String(), "known to be good") && c.says == "" || !strings.Contains(out.String(), c.says) {
				t.Errorf("exit code %d:\n%s%s", code, out.String(), errs.String())
			}
		})
	}
}

// keep makes a journal in which a version is known to be good.
func keep(t *testing.T, dir, version string) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "journal.db")})
	if err != nil {
		t.Fatal(err)
	}
	if version != "" {
		lease, _, err := s.Acquire(t.Context(), "test", "", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Commit(t.Context(), lease.Token, store.Batch{KnownGoods: []store.KnownGood{{Service: "orders", Environment: "production", Version: version, At: time.Now().Add(-time.Hour)}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func garbage(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "journal.db"), []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
}
