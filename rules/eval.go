package rules

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"

	"guardian/internal/reason"
)

const (
	alertsName         = "ALERTS"
	alertsForStateName = "ALERTS_FOR_STATE"
	alertStateLabel    = "alertstate"
)

// The errors of a rule whose labels make two results the same, in Prometheus' words.
var (
	ErrDuplicateAlert  = errors.New("vector contains metrics with the same labelset after applying alert labels")
	ErrDuplicateRecord = errors.New("vector contains metrics with the same labelset after applying rule labels")
)

// QueryFunc evaluates a PromQL expression at a time. A scalar is a vector with one element
// without labels.
type QueryFunc func(ctx context.Context, expr string, at time.Time) (promql.Vector, error)

// Env is how an evaluation reads and writes.
type Env struct {
	Query      QueryFunc
	Visibility Visibility // nil: nothing is blind
	Only       RuleSet    // the rules to evaluate, the others stay as they are; nil: all
	// Record appends what rules recorded before a later rule of the group that reads it is
	// evaluated; nil: the caller appends Evaluation.Recorded itself. Samples that are late or
	// duplicates are no error.
	Record func(ctx context.Context, samples []promql.Sample) error
}

// Evaluation is the result of one evaluation of a group.
type Evaluation struct {
	At      time.Time
	State   GroupState // for the next one; with Env.Only, that of these rules
	Changes []Change   // alerts that moved, in the order of the rules
	// Recorded are the samples of recording rules, ALERTS and ALERTS_FOR_STATE, and stale
	// markers of series that are gone. Env.Record, if set, has appended them already.
	Recorded []promql.Sample
	Results  []Result // one for each rule that was evaluated, in order
}

// Alerts lists the alerts of the rules that were evaluated.
func (e Evaluation) Alerts() []Alert {
	var all []Alert
	for _, res := range e.Results {
		all = append(all, e.State.Rules[res.Rule.Key].Alerts...)
	}
	return all
}

// Result is how the evaluation of one rule went.
type Result struct {
	Rule   *Rule
	Health Health
	Reason reason.Reason // why it is not ok: the error, or which check is blind
	Err    error         // set when Health is HealthErr
	// TemplateErrs are the errors of labels and annotations that did not expand. As in
	// Prometheus, their text is the error and the alert is made all the same.
	TemplateErrs []error
}

// Eval evaluates the rules of the group, one after the other: all, or those of Env.Only. now may be
// any time: the end of an interval, or the time of a sample. When ctx is cancelled, the rules that
// are left do not change.
func (g *Group) Eval(ctx context.Context, now time.Time, s GroupState, env Env) Evaluation {
	e := Evaluation{At: now, State: GroupState{Rules: map[string]RuleState{}}}
	if env.Only == nil {
		maps.Copy(e.State.Rules, s.Rules)
	}
	rec := recorder{ctx: ctx, record: env.Record}
	for i, r := range g.Rules {
		if env.Only != nil && !env.Only.Has(i) {
			continue
		}
		if r.queries || rec.holds(g.inputs, i) {
			rec.flush(&e)
		}
		rs, changes, recorded, res := g.evalRule(ctx, r, now, s.Rules[r.Key], env)
		if r.sharesName && res.Err == nil && g.recordedByOthers(i, rs.Series, s, e.State) {
			rs, recorded = s.Rules[r.Key], nil
			res.Health, res.Err, res.Reason = HealthErr, ErrSameSeries, reason.Text(ErrSameSeries.Error())
		}
		e.State.Rules[r.Key] = rs
		e.Changes = append(e.Changes, changes...)
		e.Recorded = append(e.Recorded, recorded...)
		e.Results = append(e.Results, res)
		rec.add(i, len(e.Results)-1, recorded)
	}
	rec.flush(&e)
	for _, res := range e.Results {
		rs := e.State.Rules[res.Rule.Key]
		rs.Health, rs.Reason, rs.LastEval = res.Health, res.Reason, now.UTC()
		e.State.Rules[res.Rule.Key] = rs
	}
	return e
}

func (g *Group) evalRule(ctx context.Context, r *Rule, now time.Time, rs RuleState, env Env) (RuleState, []Change, []promql.Sample, Result) {
	res := Result{Rule: r, Health: HealthOK}
	at := now.Add(-g.QueryOffset)
	blind, why := r.blindDependencies(env.Visibility)
	if len(blind) > 0 {
		res.Health, res.Reason = HealthUnknown, why
	}
	known := knownWithout(blind, env.Visibility)
	fail := func(err error) (RuleState, []Change, []promql.Sample, Result) {
		res.Health, res.Err, res.Reason = HealthErr, err, reason.Text(err.Error())
		return rs, nil, r.alertSamples(nil, rs.Alerts, at), res
	}
	vector, err := env.Query(ctx, r.Expr, at)
	if err != nil {
		return fail(err)
	}
	if r.Record != "" {
		series, recorded, err := r.record(vector, rs.Series, known, g.Limit, at)
		if err != nil {
			return fail(err)
		}
		rs.Series = series
		return rs, nil, recorded, res
	}
	seen, instances, templateErrs, err := g.instances(ctx, r, vector, rs.instances, now, env.Query)
	if err != nil {
		return fail(err)
	}
	next, changes := Step(r, rs.Alerts, seen, known, now)
	if n := active(next); g.Limit > 0 && n > g.Limit {
		return fail(fmt.Errorf("exceeded limit of %d with %d alerts", g.Limit, n))
	}
	recorded := r.alertSamples(rs.Alerts, next, at)
	rs.Alerts, rs.instances = next, instances
	res.TemplateErrs = templateErrs
	return rs, changes, recorded, res
}

func active(alerts []Alert) int {
	n := 0
	for _, a := range alerts {
		if a.State != Resolved {
			n++
		}
	}
	return n
}

// record gives the elements of a vector the rule's name and labels, and marks those of the
// former series stale that are known to be gone.
func (r *Rule) record(vector promql.Vector, before []labels.Labels, known func(map[string]string) bool, limit int, at time.Time) ([]labels.Labels, []promql.Sample, error) {
	lb := labels.NewBuilder(labels.EmptyLabels())
	out := make(promql.Vector, 0, len(vector))
	for _, s := range vector {
		if known != nil && !known(s.Metric.Map()) {
			continue
		}
		lb.Reset(s.Metric)
		lb.Set(model.MetricNameLabel, r.Record)
		r.labels.Range(func(l labels.Label) { lb.Set(l.Name, l.Value) })
		out = append(out, promql.Sample{Metric: lb.Labels(), T: s.T, F: s.F, H: s.H})
	}
	if out.ContainsSameLabelset() {
		return nil, nil, ErrDuplicateRecord
	}
	if limit > 0 && len(out) > limit {
		return nil, nil, fmt.Errorf("exceeded limit of %d with %d series", limit, len(out))
	}
	series := make([]labels.Labels, 0, len(out))
	have := make(map[string]bool, len(out))
	for _, s := range out {
		series = append(series, s.Metric)
		have[s.Metric.String()] = true
	}
	samples := []promql.Sample(out)
	for _, l := range before {
		switch {
		case have[l.String()]:
		case known != nil && !known(l.Map()):
			series = append(series, l)
		default:
			samples = append(samples, stale(l, at))
		}
	}
	return series, samples, nil
}

// alertSamples gives ALERTS and ALERTS_FOR_STATE for the alerts that are pending or firing,
// and stale markers for those that are gone.
func (r *Rule) alertSamples(before, alerts []Alert, at time.Time) []promql.Sample {
	t := timestamp.FromTime(at)
	var samples []promql.Sample
	states := make(map[string]State, len(alerts))
	for _, a := range alerts {
		if a.State == Resolved {
			continue
		}
		states[a.ID] = a.State
		samples = append(samples,
			promql.Sample{Metric: r.alertSeries(a), T: t, F: 1},
			promql.Sample{Metric: r.forStateSeries(a), T: t, F: float64(a.ActiveAt.Unix())})
	}
	for _, a := range before {
		if a.State == Resolved {
			continue
		}
		state, still := states[a.ID]
		if state != a.State {
			samples = append(samples, stale(r.alertSeries(a), at))
		}
		if !still {
			samples = append(samples, stale(r.forStateSeries(a), at))
		}
	}
	return samples
}

// alertSeries names the alert's series of ALERTS.
func (r *Rule) alertSeries(a Alert) labels.Labels {
	return r.seriesOf(a).Set(model.MetricNameLabel, alertsName).Set(alertStateLabel, string(a.State)).Labels()
}

// forStateSeries names the alert's series of ALERTS_FOR_STATE.
func (r *Rule) forStateSeries(a Alert) labels.Labels {
	return r.seriesOf(a).Set(model.MetricNameLabel, alertsForStateName).Labels()
}

// seriesOf gives the labels of the alert's series. As in Prometheus, a label of the rule that
// expands to nothing, and so is missing from the alert, has the rule's value.
func (r *Rule) seriesOf(a Alert) *labels.Builder {
	lb := labels.NewBuilder(r.labels)
	for name, v := range a.Labels {
		lb.Set(name, v)
	}
	if a.Origin != nil {
		return lb // has an alertname only if it was sent with one
	}
	return lb.Set(labels.AlertName, a.Rule)
}

func stale(l labels.Labels, at time.Time) promql.Sample {
	return promql.Sample{Metric: l, T: timestamp.FromTime(at), F: math.Float64frombits(value.StaleNaN)}
}
