package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/watch"
)

func marshal(v any) ([]byte, error)      { return json.Marshal(v) }
func unmarshal(b []byte, into any) error { return json.Unmarshal(b, into) }

// present is a watch as the API shows it.
func (b backend) present(w *watch.Watch, d watch.Deploy, run *actions.Run, now time.Time) server.Watch {
	v := server.Watch{
		ID: w.ID, Deploy: d, State: w.State, Mode: w.Mode, Reason: w.Standing(now), Started: w.Started, Deadline: w.Deadline, Ended: w.Ended,
		Alpha: w.Policy.Alpha, Verdict: w.Verdict, Evidence: w.Evidence(), Rollback: run,
		ModeReason: w.ModeReason, EValue: w.EValue(), Trace: w.Trace.Points, FastPassed: w.FastPassed, Suspended: w.Suspended.Seconds(),
		Overlaps: w.Overlaps,
	}
	if w.Policy.Alpha > 0 {
		v.Threshold, v.NotCovered = 1/w.Policy.Alpha, watch.NotCovered()
	}
	if v.Evidence == nil {
		v.Evidence = []watch.Evidence{}
	}
	if !w.State.Final() {
		v.Blind = w.Blind(now)
	}
	if w.Verdict != nil {
		v.Reason = w.Verdict.Reason
	}
	return v
}

// WatchList implements server.Watches.
func (b backend) WatchList(ctx context.Context, f server.Filter) ([]server.Watch, error) {
	ws, err := b.store.Watches(ctx, store.WatchFilter{
		Service: f.Service, Environment: f.Environment, State: watch.State(f.State), Open: f.Open, Since: f.Since, Limit: f.Limit,
	})
	if err != nil {
		return nil, err
	}
	now := b.now()
	all := make([]server.Watch, 0, len(ws))
	for i := range ws {
		v, err := b.complete(ctx, &ws[i], now)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// complete adds a watch's deploy and rollback, and what an open one has seen since it was
// written down last.
func (b backend) complete(ctx context.Context, w *watch.Watch, now time.Time) (server.Watch, error) {
	if t := b.acting.Load(); t != nil {
		if e := t.watches.get(w.ID); e != nil {
			e.mu.Lock()
			if e.due == nil && !e.w.State.Final() {
				c := e.w.Clone()
				w = &c
			}
			e.mu.Unlock()
		}
	}
	ds, err := b.store.Deploys(ctx, store.DeployFilter{ID: w.DeployID})
	if err != nil {
		return server.Watch{}, err
	}
	var d watch.Deploy
	if len(ds) > 0 {
		d = ds[0]
	}
	runs, err := b.store.Runs(ctx, store.RunFilter{Deploy: w.DeployID, Rollbacks: true, Limit: 1})
	if err != nil {
		return server.Watch{}, err
	}
	var run *actions.Run
	if len(runs) > 0 {
		run = &runs[0]
	}
	v := b.present(w, d, run, now)
	return v, b.marked(ctx, &v)
}

// Watch implements server.Watches.
func (b backend) Watch(ctx context.Context, id string, wait time.Duration) (server.Watch, error) {
	return waitFor(ctx, b.App, wait, func() (server.Watch, bool, error) {
		w, err := b.store.Watch(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return server.Watch{}, true, &server.NotFoundError{What: "watch", Name: id}
		}
		if err != nil {
			return server.Watch{}, true, err
		}
		v, err := b.complete(ctx, &w, b.now())
		return v, v.State.Final(), err
	})
}

// standbyPoll is how often a standby looks into the journal for what somebody waits for.
const standbyPoll = 500 * time.Millisecond

// waitFor asks again whenever something changed, until it is done or the time is over.
func waitFor[T any](ctx context.Context, a *App, wait time.Duration, ask func() (T, bool, error)) (T, error) {
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		changed := a.changed.wait()
		v, done, err := ask()
		if done || err != nil || wait <= 0 {
			return v, err
		}
		poll := time.NewTimer(standbyPoll)
		select {
		case <-ctx.Done():
			poll.Stop()
			return v, ctx.Err()
		case <-over.C:
			poll.Stop()
			return v, nil
		case <-changed:
		case <-poll.C:
		}
		poll.Stop()
		if a.changed.isClosed() {
			return v, nil
		}
	}
}

// CancelWatch implements server.Watches.
func (b backend) CancelWatch(ctx context.Context, id string, by server.Caller) (server.Watch, error) {
	t, err := b.active()
	if err != nil {
		return server.Watch{}, err
	}
	e := t.watches.get(id)
	if e == nil {
		v, err := b.Watch(ctx, id, 0)
		if err != nil {
			return server.Watch{}, err
		}
		return v, server.Refuse(server.ErrConflict, "watch %s is over: it is %s", id, v.State)
	}
	if err := b.step(t, e, func(w *watch.Watch) *watch.Verdict { return w.Cancel(by.Name, b.now()) }); err != nil {
		return server.Watch{}, b.commitError(err)
	}
	return b.Watch(ctx, id, 0)
}

// RunList implements server.Runs.
func (b backend) RunList(ctx context.Context, f server.Filter) ([]actions.Run, error) {
	return b.store.Runs(ctx, store.RunFilter{
		Service: f.Service, Environment: f.Environment, State: actions.State(f.State), Trigger: actions.TriggerKind(f.Trigger),
		Open: f.Open, Since: f.Since, Limit: f.Limit,
	})
}

// Run implements server.Runs.
func (b backend) Run(ctx context.Context, id string, wait time.Duration) (server.RunDetail, error) {
	return waitFor(ctx, b.App, wait, func() (server.RunDetail, bool, error) {
		r, err := b.store.Run(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return server.RunDetail{}, true, &server.NotFoundError{What: "rollback", Name: id}
		}
		if err != nil {
			return server.RunDetail{}, true, err
		}
		entries, err := b.store.Entries(ctx, id)
		return server.RunDetail{Run: r, Ledger: entries}, r.State.Final(), err
	})
}

// StartRun implements server.Runs.
func (b backend) StartRun(ctx context.Context, r server.RunRequest, by server.Caller) (actions.Run, error) {
	t, err := b.active()
	if err != nil {
		return actions.Run{}, err
	}
	svc, err := b.knownService(r.Service)
	if err != nil {
		return actions.Run{}, err
	}
	if svc.Rollback == "" {
		return actions.Run{}, server.Refuse(server.ErrConflict, "service %s names no rollback runbook; set services[].rollback", svc.Name)
	}
	b.announcing.Lock()
	defer b.announcing.Unlock()
	b.starting.Lock()
	defer b.starting.Unlock()
	now := b.now()
	env := environmentOf(r.Environment)
	d := watch.Deploy{Service: svc.Name, Environment: env, Reversible: true}
	ds, err := b.store.Deploys(ctx, store.DeployFilter{Service: svc.Name, Environment: env, Limit: 1})
	if err != nil {
		return actions.Run{}, err
	}
	if len(ds) > 0 {
		d = ds[0]
	}
	current, err := b.currentVersion(ctx, svc.Name, env)
	if err != nil {
		return actions.Run{}, err
	}
	d.Version = current
	var failing []string
	s := b.setup.Load()
	for _, c := range s.checksOf(svc.Name) {
		if b.record.Health(c.Name, now).String() == "down" {
			failing = append(failing, c.Name)
		}
	}
	trigger := actions.Trigger{Kind: actions.ByPerson, Deploy: d.ID, Person: by.Name, Reason: reason.Text(r.Reason)}
	req, err := b.rollbackRequest(t, svc.Rollback, trigger, d, failing, r.To, now)
	if err != nil {
		return actions.Run{}, err
	}
	if err := b.startRun(t, req, ledger{app: b.App}); err != nil {
		return actions.Run{}, b.commitError(err)
	}
	return b.store.Run(ctx, req.ID)
}

// AnswerRun implements server.Runs.
func (b backend) AnswerRun(ctx context.Context, id string, a server.RunAnswer, by server.Caller) (actions.Run, error) {
	t, err := b.active()
	if err != nil {
		return actions.Run{}, err
	}
	if a.Decision == server.ApproveRun {
		switch why, err := b.refuseOutdated(ctx, t, id); {
		case why != "":
			return actions.Run{}, server.Refuse(server.ErrConflict, "run %s is over: %s", id, why)
		case err != nil && !errors.Is(err, actions.ErrRunIsOver):
			return actions.Run{}, b.commitError(err)
		}
	}
	run, err := t.runs.answer(id, func(r actions.Run) (actions.Run, error) {
		if a.Decision == server.AbortRun && (r.Question == nil || r.Question.Code != actions.AskOutcome) {
			return b.engine.Abort(ctx, r, by.Name, a.Note)
		}
		return b.engine.Answer(ctx, r, actions.Answer{By: by.Name, Role: string(by.Role), At: b.now(), Decision: string(a.Decision), Note: a.Note})
	})
	if err == nil {
		return run, nil
	}
	for _, known := range []error{actions.ErrNotAsked, actions.ErrNotAChoice, actions.ErrAnswered, actions.ErrTooLate, actions.ErrRunIsOver, actions.ErrRunIsActing} {
		if errors.Is(err, known) {
			if _, missing := b.Run(ctx, id, 0); missing != nil {
				return actions.Run{}, missing
			}
			return actions.Run{}, server.Refuse(server.ErrConflict, "%s", err)
		}
	}
	if errors.Is(err, actions.ErrNotAllowed) {
		return actions.Run{}, server.Refuse(server.ErrForbidden, "%s", err)
	}
	return actions.Run{}, b.commitError(fmt.Errorf("answer run %s: %w", id, err))
}
