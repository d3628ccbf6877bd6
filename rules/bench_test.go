package rules_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"guardian/rules"
)

// BenchmarkEval evaluates a rule over a hundred firing checks of a thousand, of which ten
// are blind; the query itself costs nothing.
func BenchmarkEval(b *testing.B) {
	g := load(b, "groups: [{name: g, rules: [{alert: Down, expr: probe_success == 0, annotations: {summary: '{{ $labels.check }} is down'}}]}]")[0]
	var vector promql.Vector
	for i := range 100 {
		vector = append(vector, promql.Sample{Metric: labels.FromStrings("__name__", "probe_success", "check", fmt.Sprint("c", i), "service", "s", "kind", "http")})
	}
	var blind []rules.Blind
	for i := range 10 {
		blind = append(blind, blindCheck(fmt.Sprint("blind", i), "s"))
	}
	env := rules.Env{
		Query:      func(context.Context, string, time.Time) (promql.Vector, error) { return vector, nil },
		Visibility: rules.VisibilityOf(blind),
	}
	e := g.Eval(b.Context(), epoch, rules.GroupState{}, env)
	b.ReportAllocs()
	for b.Loop() {
		e = g.Eval(b.Context(), epoch.Add(time.Minute), e.State, env)
	}
	if n := len(e.State.Alerts()); n != 100 {
		b.Fatalf("%d alerts, want 100", n)
	}
}

// BenchmarkPartial evaluates two rules of a group of a thousand.
func BenchmarkPartial(b *testing.B) {
	var file strings.Builder
	file.WriteString("groups:\n- name: g\n  rules:\n")
	for i := range 1000 {
		fmt.Fprintf(&file, "  - {alert: A%d, expr: up == %d}\n", i, i)
	}
	g := load(b, file.String())[0]
	env := rules.Env{Query: func(context.Context, string, time.Time) (promql.Vector, error) { return nil, nil }}
	e := g.Eval(b.Context(), epoch, rules.GroupState{}, env)
	env.Only.Add(3)
	env.Only.Add(700)
	b.ReportAllocs()
	for b.Loop() {
		e = g.Eval(b.Context(), epoch.Add(time.Minute), e.State, env)
	}
}
