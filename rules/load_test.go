package rules_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/rules"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestEachMistakeIsTold loads one file per mistake and compares what is said of it.
func TestEachMistakeIsTold(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bad files: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".yaml"), func(t *testing.T) {
			content, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			groups, err := rules.Load([]rules.File{{Name: filepath.Base(f), Content: content}}, rules.Options{})
			if err == nil || groups != nil {
				t.Fatalf("loaded %d groups, error %v; want an error and nothing else", len(groups), err)
			}
			var one *rules.Error
			if !errors.As(err, &one) || one.Line == 0 {
				t.Errorf("no line in %v", err)
			}
			golden := strings.TrimSuffix(f, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, rerr := os.ReadFile(golden)
			if rerr != nil {
				t.Fatal(rerr)
			}
			if diff := cmp.Diff(string(want), err.Error()+"\n"); diff != "" {
				t.Errorf("what is said (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMistakesOfAllFilesAreToldAtOnce(t *testing.T) {
	_, err := rules.Load([]rules.File{
		{Name: "one.yaml", Content: []byte("groups: [{name: g, rules: [{alert: A}]}]")},
		{Name: "good.yaml", Content: []byte("groups: []")},
		{Name: "two.yaml", Content: []byte("groups: [{name: g, rules: [{alert: A, expr: 'up ==', lable: x}, {alert: A, expr: up, fro: x}]}]")},
	}, rules.Options{})
	if err == nil {
		t.Fatal("no error")
	}
	if got := len(strings.Split(err.Error(), "\n")); got != 3 || !strings.Contains(err.Error(), "one.yaml") || !strings.Contains(err.Error(), "two.yaml") {
		t.Errorf("%d mistakes, want 3 in two files:\n%s", got, err)
	}
}

func TestLoadReadsAllThatPrometheusDoes(t *testing.T) {
	groups, err := rules.Load([]rules.File{{Name: "a.yaml", Content: []byte(`
groups:
- name: one
  interval: 15s
  query_offset: 10s
  limit: 3
  labels: {team: shop, source: group}
  rules:
  - alert: A
    expr: |
      probe_success
        == 0
    for: 1m
    keep_firing_for: 2m
    labels: {source: rule, severity: page, fails_watch: "true"}
    annotations: {summary: text}
  - record: a:b
    expr: sum(up)
- name: two
  rules:
  - alert: A
    expr: up == 0
  - alert: A
    expr: up == 1
`)}}, rules.Options{Interval: 20 * time.Second, QueryOffset: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	g := groups[0]
	if g.Name != "one" || g.Interval != 15*time.Second || g.QueryOffset != 10*time.Second || g.Limit != 3 || g.Line != 3 || g.Key() != "a.yaml;one" {
		t.Errorf("group %+v", g)
	}
	r := g.Rules[0]
	if r.Alert != "A" || r.Expr != "probe_success == 0" || r.For != time.Minute || r.KeepFiringFor != 2*time.Minute ||
		r.Tier != rules.Critical || !r.FailsWatch || r.Line != 10 {
		t.Errorf("rule %+v", r)
	}
	want := map[string]string{"team": "shop", "source": "rule", "severity": "page", "fails_watch": "true"}
	if diff := cmp.Diff(want, r.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	two := groups[1]
	if two.Interval != 20*time.Second || two.QueryOffset != time.Second {
		t.Errorf("defaults: interval %s, query offset %s", two.Interval, two.QueryOffset)
	}
	if two.Rules[0].Key == two.Rules[1].Key {
		t.Errorf("two rules have the same key %q", two.Rules[0].Key)
	}
}

func TestReads(t *testing.T) {
	for expr, want := range map[string]string{
		"probe_success == 0":                             "probe_success",
		"rate(a[5m]) / on (x) b > 3":                     "a b",
		`{__name__="a", b="c"}`:                          "a",
		`{__name__=~"probe_.*"}`:                         "*",
		`{check="a"}`:                                    "*",
		"max_over_time(sum(a)[1h:1m]) or absent(b) or a": "a b",
		"vector(1)":                                      "",
	} {
		g := load(t, "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: |\n      "+expr)[0]
		if got := strings.Join(g.Reads(), " "); got != want {
			t.Errorf("%s reads %q, want %q", expr, got, want)
		}
	}
}

func TestARuleThatReadsWhatNothingMakesIsAMistake(t *testing.T) {
	groups := load(t, `
groups:
- name: g
  rules:
  - record: service:success
    expr: avg by (service) (probe_success)
  - alert: Fine
    expr: service:success < 1 or ALERTS or ALERTS_FOR_STATE or ingested_by_others or {check="a"}
  - alert: Typo
    expr: probe_sucess == 0
  - alert: Far
    expr: node_load15 > 3
`)
	errs := rules.Validate(groups, func(name string) bool { return name == "probe_success" || strings.HasPrefix(name, "ingested_") }, []string{"probe_success", "probe_duration_seconds"})
	var got []string
	for _, err := range errs {
		got = append(got, err.Error())
	}
	want := []string{
		`test.yaml:10: group "g", rule "Typo" reads "probe_sucess", which no check, recording rule or declared ingest makes (did you mean "probe_success"?)`,
		`test.yaml:12: group "g", rule "Far" reads "node_load15", which no check, recording rule or declared ingest makes (the nearest metric is "probe_success"; declare metrics of other systems in ingest)`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("groups: [{name: g, rules: [{alert: A, expr: up == 0, labels: {a: '{{ $value }}'}}]}]"))
	f.Fuzz(func(t *testing.T, content []byte) {
		groups, err := rules.Load([]rules.File{{Name: "f.yaml", Content: content}}, rules.Options{})
		if err != nil {
			var one *rules.Error
			if groups != nil || !errors.As(err, &one) {
				t.Fatalf("groups %v, error %v; want no groups and errors with a place", groups, err)
			}
			return
		}
		for _, g := range groups {
			_ = g.Reads()
			for _, r := range g.Rules {
				if r.Name() == "" || r.Key == "" || r.Expr == "" {
					t.Fatalf("a rule without name, key or expression: %+v", r)
				}
			}
		}
	})
}
