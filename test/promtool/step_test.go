package promtool_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	prometheus "github.com/prometheus/prometheus/rules"
	"pgregory.net/rapid"

	"guardian/rules"
)

var checks = [3]string{"a", "b", "c"}

// TestStepIsPrometheus evaluates our alerting rule and Prometheus' own side by side, at random
// times.
func TestStepIsPrometheus(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		durations := rapid.SampledFrom([]string{"0s", "10s", "1m", "5m", "30m"})
		file := fmt.Sprintf("groups: [{name: g, rules: [{alert: A, expr: up == 0, for: %s, keep_firing_for: %s}]}]",
			durations.Draw(rt, "for"), durations.Draw(rt, "keep_firing_for"))
		groups, err := rules.Load([]rules.File{{Name: "test.yaml", Content: []byte(file)}}, rules.Options{})
		if err != nil {
			rt.Fatal(err)
		}
		r := groups[0].Rules[0]
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
		if err != nil {
			rt.Fatal(err)
		}
		theirs := prometheus.NewAlertingRule("A", expr, r.For, r.KeepFiringFor, labels.EmptyLabels(), labels.EmptyLabels(),
			labels.EmptyLabels(), "", true, slog.New(slog.DiscardHandler))
		var ours []rules.Alert
		at := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
		for range rapid.IntRange(1, 60).Draw(rt, "evaluations") {
			at = at.Add(time.Duration(rapid.IntRange(1, 400).Draw(rt, "seconds")) * time.Second)
			var vector promql.Vector
			var seen []rules.Instance
			for _, c := range checks {
				if rapid.Bool().Draw(rt, "true") {
					vector = append(vector, promql.Sample{Metric: labels.FromStrings("check", c)})
					seen = append(seen, rules.Instance{Labels: map[string]string{"alertname": "A", "check": c}})
				}
			}
			_, err := theirs.Eval(context.Background(), 0, at, func(context.Context, string, time.Time) (promql.Vector, error) { return vector, nil }, nil, 0)
			if err != nil {
				rt.Fatal(err)
			}
			ours, _ = rules.Step(r, ours, seen, nil, at)
			if diff := cmp.Diff(theirAlerts(theirs), ourAlerts(ours)); diff != "" {
				rt.Fatalf("at %s, Prometheus (-) and ours (+):\n%s", at, diff)
			}
		}
	})
}

type facts struct {
	Check, State                                 string
	ActiveAt, FiredAt, KeepFiringSince, Resolved time.Time
}

func theirAlerts(r *prometheus.AlertingRule) []facts {
	var all []facts
	r.ForEachActiveAlert(func(a *prometheus.Alert) {
		state := a.State.String()
		if a.State == prometheus.StateInactive {
			state = string(rules.Resolved)
			if a.FiredAt.IsZero() {
				return // a pending alert that went away within this very evaluation
			}
		}
		all = append(all, facts{a.Labels.Get("check"), state, a.ActiveAt, a.FiredAt, a.KeepFiringSince, a.ResolvedAt})
	})
	slices.SortFunc(all, func(a, b facts) int { return strings.Compare(a.Check, b.Check) })
	return all
}

func ourAlerts(alerts []rules.Alert) []facts {
	var all []facts
	for _, a := range alerts {
		all = append(all, facts{a.Labels["check"], string(a.State), a.ActiveAt, a.FiredAt, a.KeepFiringSince, a.ResolvedAt})
	}
	slices.SortFunc(all, func(a, b facts) int { return strings.Compare(a.Check, b.Check) })
	return all
}
