package replay

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"guardian/internal/series"
	"guardian/rules"
)

const (
	// mostSteps is about how many evaluations of each rule are worth their time: those of 30
	// days at an interval of a minute.
	mostSteps = 43_200
	// windowSteps is how many evaluations one range query answers; windows are at most a day.
	windowSteps = 2880
	longest     = 24 * time.Hour
	// mostWarmUp bounds how long before From the rules are begun with.
	mostWarmUp = 24 * time.Hour
)

// evaluation replays the rules of a configuration: window after window, and within one the
// rules that others read before these.
type evaluation struct {
	o       Options
	start   time.Time // From and a time in which what fires at From can come to do so
	window  time.Duration
	memory  *series.Memory
	overlay *overlay
	engine  *promql.Engine
	sights  *sights
	levels  [][]*ruleRun
	all     []*ruleRun
	reach   time.Duration     // how far back any expression reads
	alerted bool              // whether any rule reads ALERTS
	left    map[string]string // alerts that are not replayed, with the source that answers them
	count   atomic.Int64
}

func newEvaluation(ctx context.Context, o Options, s *setup) (*evaluation, error) {
	e := &evaluation{o: o, memory: series.NewMemory(), engine: series.NewEngine(nil), left: map[string]string{}}
	warm, fine := time.Duration(0), o.Step
	if fine <= 0 {
		fine = max(fastest(s.checks), (o.To.Sub(o.From) / mostSteps).Round(time.Second), time.Second)
	}
	names := map[string]bool{}
	shortest := longest
	for _, g := range s.config.Groups {
		if g.Source != "" {
			// Other servers answer these; what they would have said is not recorded here.
			for _, r := range g.Rules {
				e.left[r.Name()] = g.Source
			}
			continue
		}
		step := min(fine, g.Interval)
		shortest = min(shortest, step)
		for _, r := range g.Rules {
			one := *g
			one.Rules = []*rules.Rule{r}
			e.all = append(e.all, &ruleRun{e: e, group: one, rule: r, step: step})
			warm = max(warm, r.For+r.KeepFiringFor+2*g.Interval+g.QueryOffset)
			e.reach = max(e.reach, reach(r.Expr)+g.QueryOffset)
			if r.Record != "" {
				names[r.Record] = true
			}
		}
	}
	e.start = o.From.Add(-min(warm, mostWarmUp)).Truncate(time.Minute)
	e.window = min(longest, windowSteps*shortest)
	for _, rr := range e.all {
		e.alerted = e.alerted || slices.ContainsFunc(rr.rule.Reads(), isAlerts)
	}
	if e.alerted {
		names["ALERTS"], names["ALERTS_FOR_STATE"] = true, true
	}
	e.overlay = newOverlay(o.Samples, e.memory, names, e.start.UnixMilli())
	e.levels = levels(e.all)
	var err error
	e.sights, err = newSights(ctx, o, s.checks, e.start)
	return e, err
}

func isAlerts(name string) bool {
	return name == "ALERTS" || name == "ALERTS_FOR_STATE" || name == rules.Any
}

func fastest(checks []check) time.Duration {
	every := time.Hour
	for _, c := range checks {
		every = min(every, c.every)
	}
	return every
}

// reach is at most how far back an expression reads: all its ranges and offsets together.
func reach(expr string) time.Duration {
	sum := series.Lookback
	parsed, err := parser.NewParser(parser.Options{ExperimentalDurationExpr: true}).ParseExpr(expr)
	if err != nil {
		return sum
	}
	parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.MatrixSelector:
			sum += n.Range
		case *parser.SubqueryExpr:
			sum += n.Range + max(n.OriginalOffset, 0)
		case *parser.VectorSelector:
			sum += max(n.OriginalOffset, 0)
		}
		return nil
	})
	return sum
}

// levels puts rules into an order in which what a rule reads is recorded before it is read.
// Of rules that read each other in a circle, the later one is read as it was a window ago.
func levels(all []*ruleRun) [][]*ruleRun {
	makers := map[string][]*ruleRun{}
	for _, rr := range all {
		if rr.rule.Record != "" {
			makers[rr.rule.Record] = append(makers[rr.rule.Record], rr)
		} else {
			makers["ALERTS"] = append(makers["ALERTS"], rr)
		}
	}
	makers["ALERTS_FOR_STATE"] = makers["ALERTS"]
	makers[rules.Any] = all
	level := map[*ruleRun]int{}
	visiting := map[*ruleRun]bool{}
	var visit func(rr *ruleRun) int
	visit = func(rr *ruleRun) int {
		if l, ok := level[rr]; ok {
			return l
		}
		if visiting[rr] {
			return -1
		}
		visiting[rr] = true
		l := 0
		for _, name := range rr.rule.Reads() {
			for _, m := range makers[name] {
				if m != rr {
					l = max(l, visit(m)+1)
				}
			}
		}
		visiting[rr] = false
		level[rr] = l
		return l
	}
	var out [][]*ruleRun
	for _, rr := range all {
		l := visit(rr)
		for len(out) <= l {
			out = append(out, nil)
		}
		out[l] = append(out[l], rr)
	}
	return out
}

func (e *evaluation) run(ctx context.Context) error {
	windows := int((e.o.To.Sub(e.start) + e.window - 1) / e.window)
	done := 0
	for w := range windows {
		from := e.start.Add(time.Duration(w) * e.window)
		to := from.Add(e.window)
		if to.After(e.o.To) {
			to = e.o.To
		}
		for _, level := range e.levels {
			err := parallel(ctx, len(level), func(ctx context.Context, i int) error {
				return level[i].evaluate(ctx, from, to)
			}, func(int) {
				done++
				e.o.Progress("rules", float64(done)/float64(windows*len(e.all)))
			})
			if err != nil {
				return err
			}
		}
		e.memory.Forget(to.Add(-e.reach - series.Lookback))
	}
	return nil
}

func (e *evaluation) evaluations() int64 { return e.count.Load() }

func (e *evaluation) longestStep() time.Duration {
	step := time.Duration(0)
	for _, rr := range e.all {
		step = max(step, rr.step)
	}
	return step
}

// leaves tells whether an alert is not replayed.
func (e *evaluation) leaves(rule string) bool { return e.left[rule] != "" }

// stepOf gives how far apart a rule's evaluations are.
func (e *evaluation) stepOf(rule string) time.Duration {
	step := time.Duration(0)
	for _, rr := range e.all {
		if rr.rule.Alert == rule {
			step = max(step, rr.step)
		}
	}
	return step
}

// notes says what a reader must know to read the result rightly.
func (e *evaluation) notes() []string {
	var all []string
	for _, rr := range e.all {
		if rr.failed > 0 {
			all = append(all, fmt.Sprintf("%s could not be evaluated at %d of its times: %s", rr.rule, rr.failed, rr.err))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.left)) {
		all = append(all, fmt.Sprintf("rule %s is answered by %s and left out", name, e.left[name]))
	}
	for _, name := range e.sights.silent {
		all = append(all, fmt.Sprintf("check %s was not looked at in this time: what reads it is unknown", name))
	}
	return all
}

// episode is one firing of an alert.
type episode struct {
	alert rules.Alert // as it began to fire
	fired time.Time
	ended time.Time // zero: it still fires at the end
	last  rules.Alert
}

// withSent adds the firings of alerts that other programs sent: no rule is replayed for them, they are
// as the journal has them.
func withSent(all []*episode, recorded []rules.Alert) []*episode {
	for _, a := range recorded {
		if a.Origin == nil {
			continue
		}
		began := a
		began.State, began.ResolvedAt = rules.Firing, time.Time{}
		all = append(all, &episode{alert: began, fired: a.FiredAt, ended: a.ResolvedAt, last: a})
	}
	slices.SortStableFunc(all, func(x, y *episode) int { return x.fired.Compare(y.fired) })
	return all
}

// episodes gives the firings that touch the time, oldest first.
func (e *evaluation) episodes() []*episode {
	var all []*episode
	for _, rr := range e.all {
		open := map[string]*episode{}
		for _, c := range rr.changes {
			switch {
			case c.change.To == rules.Firing:
				ep := &episode{alert: c.change.Alert, last: c.change.Alert, fired: c.at}
				open[c.change.Alert.ID] = ep
				all = append(all, ep)
			case c.change.From == rules.Firing:
				if ep := open[c.change.Alert.ID]; ep != nil {
					ep.ended, ep.last = c.at, c.change.Alert
					delete(open, c.change.Alert.ID)
				}
			}
		}
	}
	all = slices.DeleteFunc(all, func(ep *episode) bool { return !ep.ended.IsZero() && !ep.ended.After(e.o.From) })
	return sortedBy(all, func(ep *episode) time.Time { return ep.fired })
}
