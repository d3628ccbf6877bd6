package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/runs"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/watch"
)

// watchView is a watch as the API shows it.
func (b backend) watchView(w *watch.Watch, d watch.Deploy, run *actions.Run, now time.Time) server.Watch {
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
		if open, ok := t.watches.Get(w.ID); ok {
			w = &open
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
	rollbacks, err := b.store.Runs(ctx, store.RunFilter{Deploy: w.DeployID, Rollbacks: true, Limit: 1})
	if err != nil {
		return server.Watch{}, err
	}
	var run *actions.Run
	if len(rollbacks) > 0 {
		run = &rollbacks[0]
	}
	v := b.watchView(w, d, run, now)
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
	open, err := t.watches.Cancel(id, by.Name)
	if err != nil {
		return server.Watch{}, b.commitError(err)
	}
	if !open {
		v, err := b.Watch(ctx, id, 0)
		if err != nil {
			return server.Watch{}, err
		}
		return v, server.Refuse(server.ErrConflict, "watch %s is over: it is %s", id, v.State)
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

// StartRun implements server.RunControl.
func (b backend) StartRun(ctx context.Context, r server.RunRequest, by server.Caller) (actions.Run, error) {
	t, err := b.active()
	if err != nil {
		return actions.Run{}, err
	}
	if _, err := b.knownService(r.Service); err != nil {
		return actions.Run{}, err
	}
	var id string
	err = t.watches.WithoutAnnouncements(func() error {
		return t.runs.Decide(func() error {
			req, err := b.decider().ByPerson(ctx, decide.PersonRequest{
				Service: r.Service, Environment: environmentOf(r.Environment), To: r.To, Person: by.Name, Reason: r.Reason,
			}, b.present(r.Service), b.now())
			if err != nil {
				return err
			}
			req.ID = store.NewID("r_")
			id = req.ID
			_, err = t.runs.Begin(t.Context(), req, runs.With{})
			return err
		})
	})
	if errors.Is(err, decide.ErrNoRunbook) {
		return actions.Run{}, server.Refuse(server.ErrConflict, "service %s names no rollback runbook; set services[].rollback", r.Service)
	}
	if err != nil {
		return actions.Run{}, b.commitError(err)
	}
	return b.store.Run(ctx, id)
}

// AnswerRun implements server.RunControl.
func (b backend) AnswerRun(ctx context.Context, id string, a server.RunAnswer, by server.Caller) (actions.Run, error) {
	t, err := b.active()
	if err != nil {
		return actions.Run{}, err
	}
	run, outdated, err := t.runs.Answer(ctx, id, actions.Answer{By: by.Name, Role: string(by.Role), At: b.now(), Decision: string(a.Decision), Note: a.Note})
	switch {
	case !outdated.IsZero():
		return actions.Run{}, server.Refuse(server.ErrConflict, "run %s is over: %s", id, outdated)
	case err == nil:
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
