//go:build !race

package app_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"guardian/test/compliance"
)

// apiAlert is an alert in Prometheus' API.
type apiAlert struct {
	compliance.Alert
	Value string // the number, as text
}

// apiRule is a rule in Prometheus' API.
type apiRule struct {
	State, Name, Query, Health, LastError, Type string
	Duration, KeepFiringFor                     float64
	Labels, Annotations                         map[string]string
	Alerts                                      []apiAlert
	LastEvaluation                              time.Time
}

type apiGroup struct {
	Name            string
	Interval, Limit float64
	Rules           []apiRule
	LastEvaluation  time.Time
}

// check looks at the API: it notes what it shows, when that changed, and holds what it shows in
// several places against each other.
func (p *stand) check(at time.Duration) {
	p.t.Helper()
	var rules struct{ Groups []apiGroup }
	var alerts struct{ Alerts []apiAlert }
	p.get("/api/v1/rules", &rules)
	p.get("/api/v1/alerts", &alerts)

	var lines, ofRules []string
	ruleLabels := map[string]map[string]string{}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			for _, a := range r.Alerts {
				ofRules = append(ofRules, p.describe(a))
			}
			if r.Health != "ok" && !r.LastEvaluation.IsZero() { // else it was not evaluated yet
				why, _, _ := strings.Cut(r.LastError, ": [") // of series, in no order
				lines = append(lines, fmt.Sprintf("rule %s is %s: %s", r.Name, r.Health, why))
			}
			ruleLabels[r.Name] = r.Labels
			p.checkRule(at, r)
		}
	}
	var all []string
	for _, a := range alerts.Alerts {
		all = append(all, p.describe(a))
	}
	slices.Sort(all)
	slices.Sort(ofRules)
	if diff := gocmp.Diff(ofRules, all); diff != "" {
		p.t.Errorf("at %s, /api/v1/rules (-) and /api/v1/alerts (+):\n%s", compliance.Span(at), diff)
	}
	p.checkFile(at, rules.Groups)
	p.checkSeries(at, alerts.Alerts, ruleLabels)

	p.line.Show(at, append(all, lines...))
}

// describe writes an alert as the cases do.
func (p *stand) describe(a apiAlert) string {
	p.t.Helper()
	v, err := strconv.ParseFloat(a.Value, 64)
	if err != nil {
		p.t.Errorf("a value is %q, want a number", a.Value)
	}
	a.Alert.Value = v
	return p.line.Describe(a.Alert)
}

// checkRule holds a rule against its alerts.
func (p *stand) checkRule(at time.Duration, r apiRule) {
	p.t.Helper()
	state := "inactive"
	for _, a := range r.Alerts {
		if a.State == "firing" || state == "inactive" {
			state = a.State
		}
	}
	if r.Type != "alerting" {
		state = ""
	}
	if r.State != state {
		p.t.Errorf("at %s, rule %s is %q, want %q as its alerts", compliance.Span(at), r.Name, r.State, state)
	}
	if (r.LastError == "") != (r.Health == "ok" || r.LastEvaluation.IsZero()) {
		p.t.Errorf("at %s, rule %s is %s with the error %q", compliance.Span(at), r.Name, r.Health, r.LastError)
	}
}

// fileRule is a rule as its file says it.
type fileRule struct {
	Alert, Record, Expr string
	For                 model.Duration
	KeepFiringFor       model.Duration    `yaml:"keep_firing_for"`
	Labels, Annotations map[string]string `yaml:",omitempty"`
}

type fileGroup struct {
	Name     string
	Interval model.Duration
	Limit    float64
	Labels   map[string]string
	Rules    []fileRule
}

// checkFile holds the groups and rules against their file.
func (p *stand) checkFile(at time.Duration, groups []apiGroup) {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "rules.yaml"))
	if err != nil {
		p.t.Fatal(err)
	}
	var file struct{ Groups []fileGroup }
	if err := yaml.Unmarshal(text, &file); err != nil {
		p.t.Fatal(err)
	}
	var want, got []string
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			expr, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
			if err != nil {
				p.t.Fatal(err)
			}
			ls := maps.Clone(g.Labels)
			if ls == nil {
				ls = map[string]string{}
			}
			maps.Copy(ls, r.Labels)
			want = append(want, fmt.Sprintf("%s %g %g: %s%s %s %g %g %v%s", g.Name, time.Duration(g.Interval).Seconds(), g.Limit, r.Alert, r.Record, expr,
				time.Duration(r.For).Seconds(), time.Duration(r.KeepFiringFor).Seconds(), ls, compliance.Annotated(r.Annotations)))
		}
	}
	for _, g := range groups {
		for _, r := range g.Rules {
			got = append(got, fmt.Sprintf("%s %g %g: %s %s %g %g %v%s", g.Name, g.Interval, g.Limit, r.Name, r.Query,
				r.Duration, r.KeepFiringFor, r.Labels, compliance.Annotated(r.Annotations)))
		}
		if last := g.LastEvaluation; at > 2*time.Minute && time.Since(last).Seconds() > g.Interval+1 {
			p.t.Errorf("at %s, group %s was evaluated last at %s", compliance.Span(at), g.Name, last)
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		p.t.Errorf("at %s, rules of the file (-) and in the API (+):\n%s", compliance.Span(at), diff)
	}
}

// checkSeries holds the series ALERTS and ALERTS_FOR_STATE against the alerts. A label of the rule that
// expands to nothing is in them as the rule has it, as in Prometheus.
func (p *stand) checkSeries(at time.Duration, alerts []apiAlert, ruleLabels map[string]map[string]string) {
	p.t.Helper()
	var want, got []string
	for _, a := range alerts {
		ls := maps.Clone(ruleLabels[a.Labels["alertname"]]) // of the last rule of that name
		maps.Copy(ls, a.Labels)
		ls["__name__"] = "ALERTS_FOR_STATE"
		want = append(want, fmt.Sprintf("%v %d", ls, a.ActiveAt.Unix()))
		ls["__name__"], ls["alertstate"] = "ALERTS", a.State
		want = append(want, fmt.Sprintf("%v 1", ls))
	}
	var found struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any
		}
	}
	p.get(query(`{__name__=~"ALERTS|ALERTS_FOR_STATE"}`), &found)
	for _, s := range found.Result {
		got = append(got, fmt.Sprintf("%v %v", s.Metric, s.Value[1]))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := gocmp.Diff(want, got); diff != "" {
		p.t.Errorf("at %s, alerts (-) and series ALERTS (+):\n%s", compliance.Span(at), diff)
	}
}
