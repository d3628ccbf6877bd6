package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"guardian/actions"
	"guardian/internal/announce"
	"guardian/internal/reason"
	"guardian/internal/recording"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

// watches holds the open watches of a term. Each has its own lock, so that the checks of
// one service do not wait for those of another.
type watches struct {
	mu   sync.RWMutex
	open map[string]*watched // by watch ID
	// Oldest first. A change makes new slices: who goes through an old one keeps it.
	by  map[string][]*watched // by service
	all []*watched
}

func newWatches() *watches {
	return &watches{open: map[string]*watched{}, by: map[string][]*watched{}}
}

// watched is an open watch. Its lock is held while a verdict is written down: what comes
// meanwhile waits, and then finds the watch over.
type watched struct {
	mu     sync.Mutex
	w      *watch.Watch
	deploy watch.Deploy
	saved  int64 // Seq of what the journal has
	// whole is when it was written whole; until it is again, the log of looks has what is new.
	whole time.Time
	// due is a verdict that the journal would not take yet.
	due *watch.Verdict
}

func (ws *watches) add(w *watch.Watch, d watch.Deploy, now time.Time) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	// It was written when it was opened, or read: the next time is its own.
	e := &watched{w: w, deploy: d, saved: w.Seq, whole: now.Add(-recording.Spread(w.ID, recording.FullSaveInterval))}
	ws.open[w.ID] = e
	ws.by[d.Service] = with(ws.by[d.Service], e)
	ws.all = with(ws.all, e)
}

func with(some []*watched, e *watched) []*watched {
	more := append(slices.Clone(some), e)
	if n := len(some); n > 0 && oldest(e, some[n-1]) < 0 {
		slices.SortStableFunc(more, oldest)
	}
	return more
}

func without(some []*watched, e *watched) []*watched {
	return slices.DeleteFunc(slices.Clone(some), func(o *watched) bool { return o == e })
}

func oldest(x, y *watched) int { return x.deploy.Announced.Compare(y.deploy.Announced) }

func (ws *watches) remove(id string) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	e, ok := ws.open[id]
	if !ok {
		return
	}
	delete(ws.open, id)
	ws.all = without(ws.all, e)
	service := e.deploy.Service
	if ws.by[service] = without(ws.by[service], e); len(ws.by[service]) == 0 {
		delete(ws.by, service)
	}
}

func (ws *watches) get(id string) *watched {
	ws.mu.RLock()
	defer ws.mu.RUnlock()
	return ws.open[id]
}

// of gives the open watches of a service, or all for "", oldest first.
func (ws *watches) of(service string) []*watched {
	ws.mu.RLock()
	defer ws.mu.RUnlock()
	if service == "" {
		return ws.all
	}
	return ws.by[service]
}

// resumeWatches reads the open watches with the evidence that they have.
func (a *App) resumeWatches(ctx context.Context, _ *term) (*watches, error) {
	ws := newWatches()
	open, err := a.store.Watches(ctx, store.WatchFilter{Open: true})
	if err != nil {
		return nil, fmt.Errorf("read the open watches: %w", err)
	}
	for _, w := range open {
		ds, err := a.store.Deploys(ctx, store.DeployFilter{ID: w.DeployID})
		if err != nil {
			return nil, fmt.Errorf("read the deploy of watch %s: %w", w.ID, err)
		}
		if len(ds) == 0 {
			return nil, fmt.Errorf("watch %s: its deploy %s is not in the journal", w.ID, w.DeployID)
		}
		ws.add(&w, ds[0], a.now())
	}
	return ws, nil
}

// step lets an open watch take one step and writes down the verdict, if there is one.
func (a *App) step(t *term, e *watched, do func(*watch.Watch) *watch.Verdict) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.w.State.Final() && e.due == nil {
		return nil
	}
	v := e.due
	if v == nil {
		v = do(e.w)
	}
	if v == nil {
		return nil
	}
	e.due = v
	if err := a.decide(t, e, v); err != nil {
		a.log.Error("a verdict could not be written down; trying again", "watch", e.w.ID, "verdict", string(v.State), "error", err)
		return err
	}
	e.due = nil
	t.watches.remove(e.w.ID)
	if v.State == watch.Failed {
		// The judge has decided: more looks tell nothing new, and what they saw is the deploy's.
		a.runner.Settle(a.record.ExcludeFailures(e.w.Service)...)
	}
	return nil
}

// observeWatches hands a sample to the watches of its service.
func (a *App) observeWatches(t *term, s sample.Sample) {
	service := s.Service
	if c, ok := a.setup.Load().check(s.Check); ok && c.control {
		service = "" // a control speaks for all
	}
	for _, e := range t.watches.of(service) {
		_ = a.step(t, e, func(w *watch.Watch) *watch.Verdict { return w.Observe(s) })
	}
}

// alertWatches hands a firing alert to the watches.
func (a *App) alertWatches(t *term, al rules.Alert, now time.Time) {
	for _, e := range t.watches.of("") {
		_ = a.step(t, e, func(w *watch.Watch) *watch.Verdict { return w.AlertFired(al, now) })
	}
}

// tickWatches lets the watches see the time, and repeats verdicts that the journal refused.
func (a *App) tickWatches(t *term, now time.Time) {
	for _, e := range t.watches.of("") {
		_ = a.step(t, e, func(w *watch.Watch) *watch.Verdict { return w.Tick(now) })
	}
}

// decide writes a verdict down with all that follows from it, in one transaction: the run
// that it leads to, the version that is now known to be good, and the notices. There is no
// moment in which one of them is in the journal and another is not.
func (a *App) decide(t *term, e *watched, v *watch.Verdict) error {
	now := a.now()
	w, d := e.w, e.deploy
	b := store.Batch{Watches: []watch.Watch{*w}}
	b.Audit = append(b.Audit, store.Audit{
		At: now, Who: guardian, What: "verdict", Service: w.Service, Subject: w.Service + " " + w.Version,
		Detail: reason.Text(string(v.State) + ": " + v.Reason.String()), Path: "/watches/" + w.ID,
	})
	if v.State == watch.Passed {
		b.KnownGoods = append(b.KnownGoods, store.KnownGood{Service: d.Service, Environment: d.Environment, Version: d.Version, At: now, By: w.ID})
	}
	var plan announce.Plan
	var request *actions.Request
	if v.State == watch.Failed {
		a.starting.Lock()
		defer a.starting.Unlock()
		var err error
		if request, plan, err = a.planRollback(t, w, d, v, now); err != nil {
			return err
		}
		if plan.Runbook != "" {
			b.Plans = append(b.Plans, store.Plan{
				Watch: w.ID, Service: w.Service, Mode: w.Mode, At: now,
				Plan: actions.Plan{Runbook: plan.Runbook, To: plan.To, Refused: reasonsOf(request.Refusals)},
			})
		}
		if w.Mode == watch.Observe {
			request = nil // it is kept, and not done
		}
	}
	wake := a.tell(&b, now, func(tl announce.Teller) notifiers.Notice { return tl.Verdict(w, d, plan, now) })
	a.metrics.verdicts.WithLabelValues(string(v.State)).Inc()
	if request == nil {
		if err := a.commit(t, b); err != nil {
			return err
		}
		a.wake(wake)
		a.changed.broadcast()
		return nil
	}
	err := a.startRun(t, *request, ledger{app: a, with: b, wake: wake})
	if errors.Is(err, store.ErrAlreadyRun) {
		// A run for this deploy exists: what is left is to write the verdict down.
		if err = a.commit(t, b); err == nil {
			a.wake(wake)
		}
	}
	a.changed.broadcast()
	return err
}

// planRollback says what a Failed verdict leads to, or in mode observe would: nil when the
// service has no way back.
func (a *App) planRollback(t *term, w *watch.Watch, d watch.Deploy, v *watch.Verdict, now time.Time) (*actions.Request, announce.Plan, error) {
	s := a.setup.Load()
	svc, ok := s.service(w.Service)
	if !ok || svc.Rollback == "" {
		return nil, announce.Plan{}, nil
	}
	trigger := actions.Trigger{Kind: actions.ByVerdict, Deploy: d.ID, Watch: w.ID, Reason: v.Reason}
	req, err := a.rollbackRequest(t, svc.Rollback, trigger, d, v.Failing, "", now)
	if err != nil {
		return nil, announce.Plan{}, err
	}
	plan := announce.Plan{Runbook: req.Runbook, To: req.To, QueuedBehind: req.QueuedBehind, Refusals: req.Refusals}
	switch w.Mode {
	case watch.Observe:
		return &req, plan, nil
	case watch.Approve:
		req.Approve = watchedInApprove()
	case watch.Auto:
	}
	plan.Run = req.ID
	asks := req.QueuedBehind.IsZero() && (!req.Approve.IsZero() || slices.ContainsFunc(req.Refusals, actions.Refusal.Asks))
	if book, ok := s.book(req.Runbook); ok && asks && book.Approval.Timeout > 0 {
		plan.Until = now.Add(book.Approval.Timeout)
	}
	return &req, plan, nil
}

// unsavedWatches adds to a batch the watches that are due to be saved whole.
func (a *App) unsavedWatches(t *term) func(b *store.Batch, now time.Time, full bool) func() {
	type mark struct {
		e   *watched
		seq int64
	}
	return func(b *store.Batch, now time.Time, full bool) func() {
		var marks []mark
		for _, e := range t.watches.of("") {
			e.mu.Lock()
			// A watch with a verdict is written with what follows from it, not before.
			if e.w.Seq > e.saved && e.due == nil && !e.w.State.Final() && (full || now.Sub(e.whole) >= recording.FullSaveInterval) {
				b.Watches = append(b.Watches, e.w.Clone())
				marks = append(marks, mark{e, e.w.Seq})
			}
			e.mu.Unlock()
		}
		return func() {
			for _, m := range marks {
				m.e.mu.Lock()
				if m.e.saved > m.seq {
					// It was extended meanwhile, and this may have gone over it: all of it again.
					m.e.saved, m.e.whole = 0, time.Time{}
				} else {
					m.e.saved, m.e.whole = m.seq, now
				}
				m.e.mu.Unlock()
			}
		}
	}
}

// tickLoop is the clock of everything that waits for a time.
func (a *App) tickLoop(t *term) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-tick.C:
			now := a.now()
			a.tickWatches(t, now)
			a.tickBlind(t, now)
			a.tickRepeats(t, now)
		}
	}
}

const tickEvery = 250 * time.Millisecond

// overlap tells the open watches of a deploy that came meanwhile, and its watch of theirs:
// each may be the cause of what the other sees.
func (a *App) overlap(t *term, w *watch.Watch, d watch.Deploy) {
	for _, e := range t.watches.of("") {
		if e.w.ID == w.ID || e.deploy.Service == d.Service {
			continue
		}
		_ = a.step(t, e, func(o *watch.Watch) *watch.Verdict { o.Overlap(d); return nil })
		if own := t.watches.get(w.ID); own != nil {
			other := watch.Deploy{Service: e.deploy.Service, Environment: e.deploy.Environment, Version: e.deploy.Version, At: e.deploy.At}
			_ = a.step(t, own, func(o *watch.Watch) *watch.Verdict { o.Overlap(other); return nil })
		}
	}
}
