package ruletest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"

	"guardian/rules"
)

// test is one test group while it runs.
type test struct {
	*runner
	testGroup
	title     string
	every     time.Duration
	order     map[string]int
	fuzzy     bool
	ruleFiles []string

	suite  *promqltest.LazyLoader
	groups []*rules.Group
	states map[string]rules.GroupState
}

// run loads the input, evaluates the groups from the start to the latest time that is tested, and
// compares alerts on the way.
func (t *test) run(ctx context.Context) (errs []error) {
	if t.Debug {
		t.debugf("Starting test %s", t.title)
		if t.Now != nil {
			began := t.Now()
			defer func() { t.debugf("Test %s finished, took %v", t.title, t.Now().Sub(began)) }()
		}
	}
	suite, err := promqltest.NewLazyLoader(t.load(), promqltest.LazyLoaderOpts{
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		EnableDelayedNameRemoval: t.delayedNames,
		StartTime:                t.StartTimestamp.Time,
	})
	if err != nil {
		return []error{err}
	}
	defer func() {
		if err := suite.Close(); err != nil {
			errs = append(errs, err)
		}
	}()
	suite.SubqueryInterval = t.every
	t.suite = suite
	if errs := t.loadRules(); len(errs) > 0 {
		return errs
	}
	errs, complete := t.evaluate(ctx)
	if !complete {
		return errs
	}
	for _, e := range t.PromqlExprTests {
		if err := t.expr(e); err != nil {
			errs = append(errs, err)
		}
	}
	if t.Debug {
		t.dump()
	}
	return errs
}

func (t *test) debugf(format string, args ...any) {
	t.print(fmt.Sprintf("DEBUG: "+format, args...))
}

func (t *test) loadRules() []error {
	var files []rules.File
	var unread error
	for _, name := range t.ruleFiles {
		b, err := os.ReadFile(name)
		if err != nil {
			unread = fmt.Errorf("%s: %w", name, err)
			break
		}
		files = append(files, rules.File{Name: name, Content: b})
	}
	groups, err := rules.Load(files, rules.Options{
		Interval:            time.Duration(t.Interval),
		ExternalLabels:      t.ExternalLabels.Map(),
		ExternalURL:         t.ExternalURL,
		IgnoreUnknownFields: t.IgnoreUnknownFields,
		Parser:              t.parser,
	})
	if err != nil {
		return ofFirstFile(err)
	}
	if unread != nil {
		return []error{unread}
	}
	slices.SortStableFunc(groups, func(a, b *rules.Group) int { return t.order[a.Name] - t.order[b.Name] })
	t.groups, t.states = groups, map[string]rules.GroupState{}
	return nil
}

// ofFirstFile gives the mistakes of the first bad rule file, as promtool stops at it.
func ofFirstFile(err error) []error {
	all := []error{err}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		all = joined.Unwrap()
	}
	var first *rules.Error
	if !errors.As(all[0], &first) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(err error) bool {
		var e *rules.Error
		return errors.As(err, &e) && e.File != first.File
	})
}

// evaluate evaluates the groups at each interval and compares alerts. Unless it is complete, the
// rest of the test makes no sense.
func (t *test) evaluate(ctx context.Context) (errs []error, complete bool) {
	expected := map[model.Duration][]alertTest{}
	for _, a := range t.AlertRuleTests {
		if a.Alertname == "" {
			in := ""
			if t.Name != "" {
				in = fmt.Sprintf(" (in TestGroup %s)", t.Name)
			}
			return []error{fmt.Errorf("an item under alert_rule_test misses required attribute alertname at eval_time %v%s", a.EvalTime, in)}, false
		}
		expected[a.EvalTime] = append(expected[a.EvalTime], a)
	}
	times := make([]model.Duration, 0, len(expected))
	for at := range expected {
		times = append(times, at)
	}
	slices.Sort(times)

	start := t.start()
	end := start.Add(t.length())
	for ts := start; !ts.After(end); ts = ts.Add(t.every) {
		if err := ctx.Err(); err != nil {
			return append(errs, err), false
		}
		var failed []error
		t.suite.WithSamplesTill(ts, func(err error) {
			if err != nil {
				errs = append(errs, err)
				return
			}
			failed = t.step(ts)
		})
		errs = append(errs, failed...)
		if len(failed) > 0 {
			return errs, false
		}
		// An alert is compared as of the last evaluation before it.
		for len(times) > 0 && ts.Sub(start) <= time.Duration(times[0]) && time.Duration(times[0]) < ts.Add(t.every).Sub(start) {
			for _, want := range expected[times[0]] {
				if err := t.alerts(want); err != nil {
					errs = append(errs, err)
				}
			}
			times = times[1:]
		}
	}
	return errs, true
}

// step evaluates every group once.
func (t *test) step(ts time.Time) (failed []error) {
	env := rules.Env{Query: t.query, Record: t.record}
	for _, g := range t.groups {
		e := g.Eval(t.suite.Context(), ts, t.states[g.Key()], env)
		t.states[g.Key()] = e.State
		for _, r := range e.Results {
			if r.Err != nil {
				failed = append(failed, fmt.Errorf("    rule: %s, time: %s, err: %w", r.Rule.Name(), ts.Sub(time.Unix(0, 0).UTC()), r.Err))
			}
		}
	}
	return failed
}

// errTwice makes an evaluation append what each rule recorded alone: the storage notices a second
// sample of a series only in another append.
var errTwice = errors.New("two rules record the same series")

// record appends what a rule recorded. As in Prometheus, a sample that is rejected makes the rule
// fail, a stale marker that is rejected does not.
func (t *test) record(ctx context.Context, samples []promql.Sample) error {
	met := make(map[uint64]bool, len(samples))
	for _, s := range samples {
		h := s.Metric.Hash()
		if met[h] {
			return errTwice
		}
		met[h] = true
	}
	app := t.suite.Storage().Appender(ctx)
	var last error
	for _, s := range samples {
		var err error
		if s.H != nil {
			_, err = app.AppendHistogram(0, s.Metric, s.T, nil, s.H)
		} else {
			app.SetOptions(&storage.AppendOptions{DiscardOutOfOrder: true})
			_, err = app.Append(0, s.Metric, s.T, s.F)
		}
		if err != nil && (s.H != nil || !value.IsStaleNaN(s.F)) {
			last = err
		}
	}
	if err := app.Commit(); err != nil {
		return err
	}
	return last
}

func (t *test) query(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	q, err := t.suite.QueryEngine().NewInstantQuery(ctx, t.suite.Queryable(), nil, expr, at)
	if err != nil {
		return nil, err
	}
	res := q.Exec(ctx)
	if res.Err != nil {
		return nil, res.Err
	}
	switch v := res.Value.(type) {
	case promql.Vector:
		return v, nil
	case promql.Scalar:
		return promql.Vector{promql.Sample{T: v.T, F: v.V, Metric: labels.Labels{}}}, nil
	default:
		return nil, errors.New("rule result is not a vector or scalar")
	}
}

// compared gives how values are compared: exactly, or to the next float either way.
func (t *test) compared() cmp.Options {
	o := cmp.Options{cmp.Comparer(labels.Equal)}
	if t.fuzzy {
		o = append(o, cmp.Comparer(func(x, y float64) bool {
			return x == y || math.Nextafter(x, math.Inf(-1)) == y || math.Nextafter(x, math.Inf(1)) == y
		}))
	}
	return o
}

// dump prints all data at the end of the test.
func (t *test) dump() {
	// A range in PromQL has no fractions of a second.
	d := (t.length() + time.Second).Truncate(time.Second)
	expr := fmt.Sprintf(`{__name__=~".+"}[%v]`, d)
	q, err := t.suite.QueryEngine().NewInstantQuery(context.Background(), t.suite.Queryable(), nil, expr, t.start().Add(d))
	if err != nil {
		t.debugf("Failed querying, expr: %q, err: %v", expr, err)
		return
	}
	res := q.Exec(t.suite.Context())
	if res.Err != nil {
		t.debugf("Failed query exec, expr: %q, err: %v", expr, res.Err)
		return
	}
	t.debugf("Dump of all data (input_series and rules) at %v:", d)
	t.print(res.Value.String())
}
