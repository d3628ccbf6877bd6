package ruletest_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/util/junitxml"

	"guardian/internal/ruletest"
)

const ruleFile = `
groups:
- name: orders
  rules:
  - alert: OrderPushDown
    expr: probe_success{kind="order_push"} == 0
    for: 1m
    labels: {tier: critical}
`

// The first group's expectations hold, the second's do not.
const testFile = `
rule_files: [rules.yml]
tests:
- name: down fires after a minute
  input_series: [{series: 'probe_success{kind="order_push",check="a"}', values: '1 0 0 0'}]
  alert_rule_test:
  - {eval_time: 1m, alertname: OrderPushDown}
  - {eval_time: 2m, alertname: OrderPushDown, exp_alerts: [{exp_labels: {check: a, kind: order_push, tier: critical}}]}
- name: up fires too
  input_series: [{series: 'probe_success{kind="order_push",check="a"}', values: '1 1 1 1'}]
  alert_rule_test:
  - {eval_time: 2m, alertname: OrderPushDown, exp_alerts: [{exp_labels: {check: a, kind: order_push, tier: critical}}]}
  promql_expr_test:
  - {expr: sum(probe_success), eval_time: 1m, exp_samples: [{labels: '{}', value: 2}]}
`

// write puts files into a folder and gives the path of the last.
func write(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	var path string
	for i := 0; i < len(files); i += 2 {
		path = filepath.Join(dir, files[i])
		if err := os.WriteFile(path, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestRunNamesEachFailure(t *testing.T) {
	path := write(t, "rules.yml", ruleFile, "test.yml", testFile)
	for name, tt := range map[string]struct {
		o        ruletest.Options
		failures int
		says     []string
		not      []string
	}{
		"all test groups": {
			ruletest.Options{},
			2,
			[]string{"FAILED", "name: up fires too", "alertname: OrderPushDown, time: 2m", "got:[]", `expr: "sum(probe_success)", time: 1m`, "exp: {} 2E+00", "got: {} 1E+00"},
			[]string{"SUCCESS", "down fires"},
		},
		"only those that are asked for": {ruletest.Options{Run: []string{"^down", "nothing"}}, 0, []string{"SUCCESS"}, []string{"FAILED"}},
		"as a difference":               {ruletest.Options{Diff: true, Run: []string{"up"}}, 2, []string{"diff: "}, []string{"exp:["}},
		"with all that there is to know": {
			ruletest.Options{Debug: true, Run: []string{"down"}},
			0,
			[]string{"DEBUG: Starting test down fires after a minute", "DEBUG: Dump of all data", "ALERTS_FOR_STATE"},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			failures, err := ruletest.Run(t.Context(), []string{path}, tt.o, &out)
			if err != nil || failures != tt.failures {
				t.Errorf("%d failures, error %v; want %d", failures, err, tt.failures)
			}
			for _, want := range tt.says {
				if !strings.Contains(out.String(), want) {
					t.Errorf("nothing said of %q:\n%s", want, out.String())
				}
			}
			for _, unwanted := range tt.not {
				if strings.Contains(out.String(), unwanted) {
					t.Errorf("%q should not be said:\n%s", unwanted, out.String())
				}
			}
		})
	}
}

func TestReportForCI(t *testing.T) {
	path := write(t, "rules.yml", ruleFile, "test.yml", testFile)
	var report, out bytes.Buffer
	now := func() time.Time { return time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC) }
	if _, err := ruletest.Run(t.Context(), []string{path, path + ".not-there"}, ruletest.Options{JUnit: &report, Now: now}, &out); err != nil {
		t.Fatal(err)
	}
	var x junitxml.JUnitXML
	if err := xml.Unmarshal(report.Bytes(), &x); err != nil {
		t.Fatal(err)
	}
	type suite struct {
		Tests, Failures, Errors int
		Timestamp               string
	}
	var got []suite
	for _, s := range x.Suites {
		got = append(got, suite{s.TestCount, s.FailureCount, s.ErrorCount, s.Timestamp})
	}
	if diff := cmp.Diff([]suite{{2, 2, 0, "2026-11-02T08:00:00"}, {1, 0, 1, ""}}, got); diff != "" {
		t.Errorf("suites (-want +got):\n%s", diff)
	}
}

func TestAMistakeInTheRuleFileIsAFailureWithItsPlace(t *testing.T) {
	path := write(t, "rules.yml", strings.Replace(ruleFile, "for: 1m", "foor: 1m", 1), "test.yml", testFile)
	var out bytes.Buffer
	failures, err := ruletest.Run(t.Context(), []string{path}, ruletest.Options{Run: []string{"down"}}, &out)
	if err != nil || failures != 1 || !strings.Contains(out.String(), `rules.yml:7: unknown field "foor" (did you mean "for"?)`) {
		t.Errorf("%d failures, error %v, output\n%s", failures, err, out.String())
	}
}

func TestWhatIsWrongWithTheCallIsAnError(t *testing.T) {
	path := write(t, "rules.yml", ruleFile, "test.yml", testFile)
	for name, tt := range map[string]struct {
		cancelled bool
		o         ruletest.Options
		want      string
	}{
		"a bad regular expression":             {false, ruletest.Options{Run: []string{"("}}, "--run"},
		"a report that cannot be written":      {false, ruletest.Options{JUnit: full{}}, "disk full"},
		"a call that is not wanted any longer": {true, ruletest.Options{}, "context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tt.cancelled {
				cancel()
			}
			if _, err := ruletest.Run(ctx, []string{path}, tt.o, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }
