package alerting

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/prometheus/promql"

	"guardian/rules"
)

// burst is how long a woken group waits for more samples of the same burst.
const burst = 10 * time.Millisecond

// retryAfter is how long what could not be recorded waits to be evaluated again.
const retryAfter = time.Second

// waking tells groups which of their rules samples woke. It is replaced with the groups.
type waking struct {
	mu     sync.Mutex // of everything below, and of the groups' pace
	waker  *rules.Waker
	groups []*group // those of the waker
	spare  rules.Budget
}

// newWaking makes the waking of the groups that samples wake: what arrives here says nothing of
// what a rule source has.
func newWaking(groups []*group, now time.Time) *waking {
	w := &waking{}
	var own []*rules.Group
	for _, g := range groups {
		g.waking, g.pace = w, rules.NewPace(g.Group, *g.state.Load(), now)
		if g.Source == "" {
			w.groups, own = append(w.groups, g), append(own, g.Group)
		}
	}
	w.waker, w.spare = rules.NewWaker(own), rules.Spare(own, now)
	return w
}

// Arrived wakes the rules that samples can change.
func (as *Alerts) Arrived(samples []promql.Sample) {
	w := as.waking.Load()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range samples {
		wakes, repeated := w.waker.Sample(s)
		for _, one := range wakes {
			if g := w.groups[one.Group]; g.pace.Wake(one, repeated) {
				g.signal()
			}
		}
	}
}

// signal ends the wait of the group's loop.
func (g *group) signal() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// loop evaluates a group until ctx ends.
func (as *Alerts) loop(ctx context.Context, g *group) {
	timer := time.NewTimer(g.Interval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-g.wake:
			select {
			case <-ctx.Done():
				return
			case <-time.After(burst):
			}
		}
		next := as.step(ctx, g)
		timer.Reset(next.Sub(as.o.Now()))
	}
}

// step evaluates what is to be evaluated now, and gives when to look again.
func (as *Alerts) step(ctx context.Context, g *group) time.Time {
	w, now := g.waking, as.o.Now()
	w.mu.Lock()
	select {
	case <-g.wake: // came meanwhile: this evaluation sees it too
	default:
	}
	plan := g.pace.Plan(w.spare, now)
	w.mu.Unlock()
	as.o.Metrics.delayed.Add(float64(plan.Delayed))

	evaluated := true
	if plan.Rules.Len() > 0 {
		evaluated = as.evaluate(ctx, g, plan.Rules)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if plan.Rules.Len() > 0 {
		w.spare = g.pace.Spent(plan, w.spare, now, as.o.Now().Sub(now))
	}
	if !evaluated {
		g.pace.Failed(plan)
		return as.o.Now().Add(retryAfter)
	}
	g.pace.Evaluated(plan, *g.state.Load())
	return g.pace.Next(w.spare, as.o.Now())
}
