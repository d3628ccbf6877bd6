package ruletest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nsf/jsondiff"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"

	"guardian/rules"
)

// alertFacts are what is compared of an alert.
type alertFacts struct {
	Labels      labels.Labels
	Annotations labels.Labels
}

func sortAlerts(all []alertFacts) {
	slices.SortStableFunc(all, func(a, b alertFacts) int {
		if d := labels.Compare(a.Labels, b.Labels); d != 0 {
			return d
		}
		return labels.Compare(a.Annotations, b.Annotations)
	})
}

// firing lists the firing alerts of a name, of all groups.
func (t *test) firing(alertname string) []alertFacts {
	var got []alertFacts
	for _, g := range t.groups {
		for _, a := range t.states[g.Key()].Alerts() {
			if a.Rule == alertname && a.State == rules.Firing {
				got = append(got, alertFacts{labels.FromMap(a.Labels), labels.FromMap(a.Annotations)})
			}
		}
	}
	sortAlerts(got)
	return got
}

// alerts compares the firing alerts of a name with those expected.
func (t *test) alerts(want alertTest) error {
	got := t.firing(want.Alertname)
	var exp []alertFacts
	for _, a := range want.ExpAlerts {
		lbls := map[string]string{}
		maps.Copy(lbls, a.ExpLabels)
		// Expected labels need not say the alertname, which every alert has.
		lbls[labels.AlertName] = want.Alertname
		exp = append(exp, alertFacts{labels.FromMap(lbls), labels.FromMap(a.ExpAnnotations)})
	}
	sortAlerts(exp)
	if cmp.Equal(exp, got, t.compared()) {
		return nil
	}
	name := ""
	if t.Name != "" {
		name = fmt.Sprintf("    name: %s,\n", t.Name)
	}
	if t.Diff {
		diff, same, err := alertDiff(exp, got)
		if err != nil {
			return fmt.Errorf("compare alerts of %s: %w", t.Name, err)
		}
		if same {
			return nil
		}
		return fmt.Errorf("%s    alertname: %s, time: %s, \n        diff: %v", name, want.Alertname, want.EvalTime, indent(diff, "            "))
	}
	return fmt.Errorf("%s    alertname: %s, time: %s, \n        exp:%v, \n        got:%v",
		name, want.Alertname, want.EvalTime, indent(alertsString(exp), "            "), indent(alertsString(got), "            "))
}

func alertDiff(exp, got []alertFacts) (diff string, same bool, err error) {
	if len(got) == 0 {
		got = []alertFacts{{}}
	}
	if len(exp) == 0 {
		exp = []alertFacts{{}}
	}
	e, err := json.Marshal(exp)
	if err != nil {
		return "", false, err
	}
	g, err := json.Marshal(got)
	if err != nil {
		return "", false, err
	}
	o := jsondiff.DefaultConsoleOptions()
	res, diff := jsondiff.Compare(e, g, &o)
	return diff, res == jsondiff.FullMatch, nil
}

func alertsString(all []alertFacts) string {
	if len(all) == 0 {
		return "[]"
	}
	var sb strings.Builder
	sb.WriteString("[")
	for i, a := range all {
		if i > 0 {
			sb.WriteString(",")
		}
		text := "\nLabels:" + a.Labels.String() + "\nAnnotations:" + a.Annotations.String()
		sb.WriteString("\n" + strconv.Itoa(i) + ":" + indent(text, "  "))
	}
	sb.WriteString("\n]")
	return sb.String()
}

// indent puts an indent before every line but the first.
func indent(lines, with string) string { return strings.ReplaceAll(lines, "\n", "\n"+with) }

// sampleFacts are what is compared of an element of a vector.
type sampleFacts struct {
	Labels    labels.Labels
	Value     float64
	Histogram string
}

func (s sampleFacts) String() string {
	if s.Histogram != "" {
		return s.Labels.String() + " " + s.Histogram
	}
	return s.Labels.String() + " " + strconv.FormatFloat(s.Value, 'E', -1, 64)
}

func samplesString(all []sampleFacts) string {
	if len(all) == 0 {
		return "nil"
	}
	parts := make([]string, len(all))
	for i, s := range all {
		parts[i] = s.String()
	}
	return strings.Join(parts, ", ")
}

// expr compares the answer of an expression with the samples expected.
func (t *test) expr(want exprTest) error {
	vector, err := t.query(t.suite.Context(), want.Expr, t.start().Add(time.Duration(want.EvalTime)))
	if err != nil {
		return fmt.Errorf("    expr: %q, time: %s, err: %w", want.Expr, want.EvalTime, err)
	}
	var got, exp []sampleFacts
	for _, s := range vector {
		got = append(got, sampleFacts{s.Metric.Copy(), s.F, promqltest.HistogramTestExpression(s.H)})
	}
	for _, s := range want.ExpSamples {
		facts, err := t.expected(s)
		if err != nil {
			return fmt.Errorf("    expr: %q, time: %s, err: labels %q: %w", want.Expr, want.EvalTime, s.Labels, err)
		}
		exp = append(exp, facts)
	}
	byLabels := func(a, b sampleFacts) int { return labels.Compare(a.Labels, b.Labels) }
	slices.SortStableFunc(got, byLabels)
	slices.SortStableFunc(exp, byLabels)
	if cmp.Equal(exp, got, t.compared()) {
		return nil
	}
	return fmt.Errorf("    expr: %q, time: %s,\n        exp: %v\n        got: %v", want.Expr, want.EvalTime, samplesString(exp), samplesString(got))
}

func (t *test) expected(s expectedSample) (sampleFacts, error) {
	lbls, err := t.parser.ParseMetric(s.Labels)
	if err != nil {
		return sampleFacts{}, err
	}
	var h *histogram.FloatHistogram
	if s.Histogram != "" {
		_, values, err := t.parser.ParseSeriesDesc("{} " + s.Histogram)
		switch {
		case err != nil:
			return sampleFacts{}, err
		case len(values) != 1:
			return sampleFacts{}, fmt.Errorf("expected 1 value, got %d", len(values))
		case values[0].Histogram == nil:
			return sampleFacts{}, fmt.Errorf("expected histogram, got %v", values[0])
		}
		h = values[0].Histogram
	}
	return sampleFacts{lbls, s.Value, promqltest.HistogramTestExpression(h)}, nil
}
