package replay

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"

	"guardian/rules"
)

// ruleRun replays one rule. One goroutine at a time has it.
type ruleRun struct {
	e     *evaluation
	rule  *rules.Rule
	group rules.Group // its group, with this rule alone
	step  time.Duration

	state   rules.GroupState
	changes []changed
	// What the last step saw; as long as it is seen again and no alert's time has come,
	// another step would change nothing.
	seen    []uint64
	segment int
	due     time.Time
	alive   bool // pending or firing alerts
	emitted []promql.Sample

	live   map[uint64]labels.Labels // series that a recording rule recorded at its last time
	failed int
	err    error
}

// changed is a change of an alert and when.
type changed struct {
	at     time.Time
	change rules.Change
}

// columns is what a rule's expression gave over a window.
type columns struct {
	matrix promql.Matrix
	failed map[int64]bool // times in ms at which it could not be evaluated
}

// evaluate replays one window, [from, to).
func (rr *ruleRun) evaluate(ctx context.Context, from, to time.Time) error {
	first := from.Truncate(rr.step)
	if first.Before(from) {
		first = first.Add(rr.step)
	}
	if !first.Before(to) {
		return nil
	}
	last := to.Add(-1).Truncate(rr.step)
	c := columns{failed: map[int64]bool{}}
	if err := rr.ask(ctx, first, last, &c); err != nil {
		return err
	}
	if rr.rule.Record != "" {
		rr.record(c, first, last)
		return nil
	}
	return rr.stepThrough(ctx, c, first, last)
}

// ask fills the columns of [first, last]. A stretch that fails is halved until the times are
// found at which it does: one bad moment is not a bad day.
func (rr *ruleRun) ask(ctx context.Context, first, last time.Time, c *columns) error {
	offset := rr.group.QueryOffset
	q, err := rr.e.engine.NewRangeQuery(ctx, rr.e.overlay, nil, rr.rule.Expr, first.Add(-offset), last.Add(-offset), rr.step)
	if err != nil {
		return err
	}
	defer q.Close()
	res := q.Exec(ctx)
	var bad promql.ErrStorage
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(res.Err, &bad):
		return res.Err
	case res.Err != nil && first.Equal(last):
		rr.failed++
		rr.err = res.Err
		c.failed[first.UnixMilli()] = true
		return nil
	case res.Err != nil:
		middle := first.Add(last.Sub(first) / 2).Truncate(rr.step)
		return errors.Join(rr.ask(ctx, first, middle, c), rr.ask(ctx, middle.Add(rr.step), last, c))
	}
	rr.e.count.Add(int64(last.Sub(first)/rr.step) + 1)
	m, err := res.Matrix()
	if err != nil {
		return err
	}
	for _, s := range m {
		own := promql.Series{Metric: s.Metric, Floats: slices.Clone(s.Floats)}
		for i := range own.Floats {
			own.Floats[i].T += offset.Milliseconds()
		}
		c.matrix = append(c.matrix, own)
	}
	return nil
}

// stepThrough steps the alerts over the columns.
func (rr *ruleRun) stepThrough(ctx context.Context, c columns, first, last time.Time) error {
	if len(c.matrix) == 0 && !rr.alive {
		rr.seen = rr.seen[:0]
		return nil
	}
	hashes := make([]uint64, len(c.matrix))
	for i, s := range c.matrix {
		hashes[i] = s.Metric.Hash()
	}
	cursors := make([]int, len(c.matrix))
	segment := rr.e.sights.at(first)
	var present []int
	var now []uint64
	for t := first; !t.After(last); t = t.Add(rr.step) {
		ms := t.UnixMilli()
		present, now = present[:0], now[:0]
		for i := range c.matrix {
			points := c.matrix[i].Floats
			if k := cursors[i]; k < len(points) && points[k].T == ms {
				cursors[i]++
				present, now = append(present, i), append(now, hashes[i])
			}
		}
		for segment+1 < len(rr.e.sights.segments) && !rr.e.sights.segments[segment+1].from.After(t) {
			segment++
		}
		switch {
		case c.failed[ms], len(now) == 0 && !rr.alive:
			rr.seen = append(rr.seen[:0], now...)
			continue
		case rr.steady() && slices.Equal(now, rr.seen) && segment == rr.segment && (rr.due.IsZero() || t.Before(rr.due)):
			rr.emitAgain(ms)
			continue
		}
		vector := make(promql.Vector, len(present))
		for k, i := range present {
			vector[k] = promql.Sample{Metric: c.matrix[i].Metric, T: ms, F: c.matrix[i].Floats[cursors[i]-1].F}
		}
		rr.stepOnce(ctx, t, vector, segment)
		rr.seen, rr.segment = append(rr.seen[:0], now...), segment
	}
	return ctx.Err()
}

// steady tells whether the same elements mean the same alerts: labels that are made of a
// value do not.
func (rr *ruleRun) steady() bool {
	for _, v := range rr.rule.Labels {
		if strings.Contains(v, "{{") && (strings.Contains(v, "alue") || strings.Contains(v, "query")) {
			return false
		}
	}
	return true
}

// stepOnce takes one step of the guardian's own evaluation, with the answer that is there.
func (rr *ruleRun) stepOnce(ctx context.Context, t time.Time, vector promql.Vector, segment int) {
	ev := rr.group.Eval(ctx, t, rr.state, rules.Env{
		Query: func(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
			if expr == rr.rule.Expr {
				return vector, nil
			}
			return rr.e.instant(ctx, expr, at)
		},
		Visibility: rr.e.sights.segments[segment].sight,
	})
	rr.state = ev.State
	for _, c := range ev.Changes {
		rr.changes = append(rr.changes, changed{t, c})
	}
	for _, r := range ev.Results {
		if r.Err != nil {
			rr.failed++
			rr.err = r.Err
		}
	}
	rr.alive, rr.due = false, time.Time{}
	for _, a := range ev.State.Alerts() {
		when := time.Time{}
		switch a.State {
		case rules.Pending:
			rr.alive, when = true, a.ActiveAt.Add(a.For)
		case rules.Firing:
			rr.alive = true
			if !a.KeepFiringSince.IsZero() {
				when = a.KeepFiringSince.Add(rr.rule.KeepFiringFor)
			}
		case rules.Resolved:
		}
		if !when.IsZero() && (rr.due.IsZero() || when.Before(rr.due)) {
			rr.due = when
		}
	}
	if rr.e.alerted {
		rr.emitted = ev.Recorded
		for _, s := range ev.Recorded {
			rr.e.memory.Append(s.Metric, promql.FPoint{T: t.UnixMilli(), F: s.F})
		}
	}
}

// emitAgain writes ALERTS for a step that changed nothing.
func (rr *ruleRun) emitAgain(ms int64) {
	for _, s := range rr.emitted {
		if !value.IsStaleNaN(s.F) {
			rr.e.memory.Append(s.Metric, promql.FPoint{T: ms, F: s.F})
		}
	}
}

// instant answers what templates ask beside their rule's expression.
func (e *evaluation) instant(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	q, err := e.engine.NewInstantQuery(ctx, e.overlay, nil, expr, at)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return nil, res.Err
	}
	switch v := res.Value.(type) {
	case promql.Vector:
		return v, nil
	case promql.Scalar:
		return promql.Vector{{T: v.T, F: v.V}}, nil
	default:
		return nil, errors.New("the answer is neither a vector nor a scalar")
	}
}

// record writes what a recording rule gave, with stale markers where a series ended, as
// Group.Eval does step by step.
func (rr *ruleRun) record(c columns, first, last time.Time) {
	stale := math.Float64frombits(value.StaleNaN)
	known := rr.knownOver(first, last)
	next := map[uint64]labels.Labels{}
	lb := labels.NewBuilder(labels.EmptyLabels())
	ends := func(l labels.Labels, t int64) []promql.FPoint {
		for ; t <= last.UnixMilli(); t += rr.step.Milliseconds() {
			if !c.failed[t] && known(t, l) {
				return []promql.FPoint{{T: t, F: stale}}
			}
		}
		next[l.Hash()] = l // not known to be gone
		return nil
	}
	began := map[uint64]bool{}
	for _, s := range c.matrix {
		lb.Reset(s.Metric)
		lb.Set(model.MetricNameLabel, rr.rule.Record)
		for k, v := range rr.rule.Labels {
			lb.Set(k, v)
		}
		l := lb.Labels()
		points := make([]promql.FPoint, 0, len(s.Floats)+1)
		expected := int64(0)
		if _, before := rr.live[l.Hash()]; before {
			expected = first.UnixMilli()
		}
		began[l.Hash()] = true
		for _, p := range s.Floats {
			if !known(p.T, s.Metric) {
				continue
			}
			if expected > 0 && p.T > expected {
				delete(next, l.Hash())
				if end := ends(l, expected); len(end) > 0 && end[0].T < p.T {
					points = append(points, end...)
				}
			}
			points, expected = append(points, p), p.T+rr.step.Milliseconds()
		}
		delete(next, l.Hash())
		if expected > 0 && expected <= last.UnixMilli() {
			points = append(points, ends(l, expected)...)
		} else if expected > 0 {
			next[l.Hash()] = l
		}
		rr.e.memory.Append(l, points...)
	}
	for h, l := range rr.live {
		if !began[h] {
			rr.e.memory.Append(l, ends(l, first.UnixMilli())...)
		}
	}
	rr.live = next
}

// knownOver says for each time of a window which label sets are known.
func (rr *ruleRun) knownOver(first, last time.Time) func(ms int64, l labels.Labels) bool {
	type stretch struct {
		from  int64
		known func(map[string]string) bool
	}
	var all []stretch
	blind := false
	s := rr.e.sights
	for i := s.at(first); i < len(s.segments) && !s.segments[i].from.After(last); i++ {
		var known func(map[string]string) bool
		if sight := s.segments[i].sight; sight != nil {
			known, _ = rr.rule.Known(sight)
		}
		blind = blind || known != nil
		all = append(all, stretch{s.segments[i].from.UnixMilli(), known})
	}
	if !blind {
		return func(int64, labels.Labels) bool { return true }
	}
	return func(ms int64, l labels.Labels) bool {
		i, found := slices.BinarySearchFunc(all, ms, func(g stretch, t int64) int { return int(min(max(g.from-t, -1), 1)) })
		if !found {
			i = max(i-1, 0)
		}
		return all[i].known == nil || all[i].known(l.Map())
	}
}
