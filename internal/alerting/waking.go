package alerting

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/prometheus/promql"

	"guardian/rules"
)

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
		g.waking, g.pace, g.timer = w, rules.NewPace(g.Group, g.state.whole(), now), time.NewTimer(g.Interval)
		if g.Source == "" {
			w.groups, own = append(w.groups, g), append(own, g.Group)
		}
	}
	w.waker, w.spare = rules.NewWaker(own), rules.Spare(own, now)
	return w
}

// Arrived wakes the rules that samples can change.
func (as *Alerts) Arrived(samples []promql.Sample) {
	w, now := as.waking.Load(), as.o.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range samples {
		wakes, repeated := w.waker.Sample(s)
		for _, one := range wakes {
			if g := w.groups[one.Group]; g.pace.Wake(one, repeated) {
				g.schedule(g.pace.Soon(now), now)
			}
		}
	}
}

// schedule lets the group's loop look at a time, if it does not sooner. The caller holds waking.mu.
func (g *group) schedule(at, now time.Time) {
	if g.looksAt.IsZero() || at.Before(g.looksAt) {
		g.looksAt = at
		g.timer.Reset(at.Sub(now))
	}
}

// loop evaluates a group until ctx ends.
func (as *Alerts) loop(ctx context.Context, g *group) {
	defer g.timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.timer.C:
			as.step(ctx, g)
		}
	}
}

// step evaluates what is to be evaluated now.
func (as *Alerts) step(ctx context.Context, g *group) {
	w, now := g.waking, as.o.Now()
	w.mu.Lock()
	g.looksAt = time.Time{}
	plan := g.pace.Plan(w.spare, now)
	w.mu.Unlock()
	as.o.Metrics.delayed.Add(float64(plan.Delayed))

	var took time.Duration
	evaluated := true
	if plan.Rules.Len() > 0 {
		took, evaluated = as.evaluate(ctx, g, plan.Rules)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if plan.Rules.Len() > 0 {
		w.spare = g.pace.Spent(plan, w.spare, now, took)
	}
	now = as.o.Now()
	if !evaluated {
		g.pace.Failed(plan)
		g.schedule(now.Add(retryAfter), now)
		return
	}
	g.state.view(func(s rules.GroupState) { g.pace.Evaluated(plan, s) })
	g.schedule(g.pace.Next(w.spare, now), now)
}
