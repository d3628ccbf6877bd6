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
	"guardian/internal/flags"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/oncall"
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

// What is set now and the file has no place for is said before the file is loaded.
func TestCheckWarnsOfWhatWouldNoLongerBeSet(t *testing.T) {
	now := time.Now().UTC()
	set := func(flag, variant string, until time.Time) flags.Change {
		return flags.Change{Flag: flag, Variant: variant, By: "wang", Reason: reason.Text("prices are zero"), At: now.Add(-time.Hour), Until: until}
	}
	shift := func(id, schedule, person string) oncall.Made {
		return oncall.Made{ID: id, Schedule: schedule, Person: person, By: "ada", Created: now, From: now.Add(-time.Hour), To: now.Add(time.Hour)}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "data", "journal.db")})
	if err != nil {
		t.Fatal(err)
	}
	lease, _, err := s.Acquire(t.Context(), "test", "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), lease.Token, store.Batch{
		Flags:     []flags.Change{set("prices", "half", now.Add(time.Hour)), set("orders", "on", now.Add(time.Hour)), set("stock", "on", now.Add(time.Hour)), set("ads", "on", now.Add(-time.Minute))},
		Overrides: []oncall.Made{shift("o_1", "orders", "siti"), shift("o_2", "nights", "wei"), shift("o_3", "orders", "wei")},
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "guardian.yaml")
	if err := os.WriteFile(file, []byte(`
storage: {path: data}
services: [{name: orders}]
flags:
  - {name: orders, owner: ops}
  - name: prices
    owner: ops
    variants: {go: "false", stop: "true"}
    default: go
people: [{name: wei, mail: wei@example.com}]
schedules: [{name: orders, fallback: "", layers: [{people: [wei], start: 2026-01-05}]}]
`), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := cli.Main([]string{"check", file}, strings.NewReader(""), &out, &errs)
	for _, want := range []string{
		":8:15: flags[1].variants: warning: prices was set to half until ", "by wang, and the configuration has no such variant any more: its default go holds",
		"guardian flag reset prices", ":5:3: flags: warning: stock was set to on until ", "no such flag any more",
		": people: warning: override o_1 puts siti on call by orders until ", `there is no person "siti": it does not count`, "guardian oncall override delete o_1",
		": schedules: warning: override o_2 puts wei on call by nights", "4 warnings",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("does not say %q", want)
		}
	}
	if code != 0 || t.Failed() || strings.Contains(out.String(), "o_3") || strings.Contains(out.String(), "ads") || strings.Contains(out.String(), "orders was set") {
		t.Errorf("exit code %d:\n%s%s", code, out.String(), errs.String())
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
