package api

import (
	"context"
	"errors"
	"time"

	"guardian/actions"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/watch"
)

// watches implements server.Watches: a watch as it was saved last, or as the leader has it.
type watches struct {
	journal watchJournal
	leader  leader
	changes *Changes
	now     func() time.Time
}

type watchJournal interface {
	Deploys(ctx context.Context, f store.DeployFilter) ([]watch.Deploy, error)
	Watches(ctx context.Context, f store.WatchFilter) ([]watch.Watch, error)
	Watch(ctx context.Context, id string) (watch.Watch, error)
	Plans(ctx context.Context, watchID, service string, since time.Time) (map[string]store.Plan, error)
	sequels
}

// WatchList implements server.Watches.
func (ws watches) WatchList(ctx context.Context, f server.Filter) ([]server.Watch, error) {
	saved, err := ws.journal.Watches(ctx, watchFilter(f))
	if err != nil {
		return nil, err
	}
	now := ws.now()
	all := make([]server.Watch, len(saved))
	for i := range saved {
		if all[i], err = ws.complete(ctx, &saved[i], now); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func watchFilter(f server.Filter) store.WatchFilter {
	return store.WatchFilter{
		Service: f.Service, Environment: f.Environment, State: watch.State(f.State), Open: f.Open, Since: f.Since, Limit: f.Limit,
	}
}

// Watch implements server.Watches.
func (ws watches) Watch(ctx context.Context, id string, wait time.Duration) (server.Watch, error) {
	return await(ctx, ws.changes, wait, func() (server.Watch, bool, error) {
		w, err := ws.journal.Watch(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return server.Watch{}, true, &server.NotFoundError{What: "watch", Name: id}
		}
		if err != nil {
			return server.Watch{}, true, err
		}
		v, err := ws.complete(ctx, &w, ws.now())
		return v, v.State.Final(), err
	})
}

// CancelWatch implements server.Watches.
func (ws watches) CancelWatch(ctx context.Context, id string, by server.Caller) (server.Watch, error) {
	leading, err := ws.leader.required()
	if err != nil {
		return server.Watch{}, err
	}
	open, err := leading.Watches.Cancel(id, by.Name)
	if err != nil {
		return server.Watch{}, apiError(err)
	}
	v, err := ws.Watch(ctx, id, 0)
	if err == nil && !open {
		err = server.Refuse(server.ErrConflict, "watch %s is over: it is %s", id, v.State)
	}
	return v, err
}

// complete adds a watch's deploy, its rollback, what it led to, what people said about it, and
// what an open one has seen since it was saved.
func (ws watches) complete(ctx context.Context, w *watch.Watch, now time.Time) (server.Watch, error) {
	w = ws.leader.live(w)
	found, err := ws.journal.Deploys(ctx, store.DeployFilter{ID: w.DeployID})
	if err != nil {
		return server.Watch{}, err
	}
	rollback, err := rollbackOf(ctx, ws.journal, w)
	if err != nil {
		return server.Watch{}, err
	}
	var d watch.Deploy
	if len(found) > 0 {
		d = found[0]
	}
	v := watchOf(w, d, rollback, now)
	if !v.State.Markable() {
		return v, nil
	}
	plans, err := ws.journal.Plans(ctx, w.ID, "", time.Time{})
	if err != nil {
		return server.Watch{}, err
	}
	if p, ok := plans[w.ID]; ok {
		v.Plan = &p.Plan
	}
	v.Mark, err = markOf(ctx, ws.journal, w)
	return v, err
}

// live gives a watch as the leader has it; as it was saved, when it is over or another guardian leads.
func (l leader) live(saved *watch.Watch) *watch.Watch {
	if leading, ok := l(); ok {
		if open, ok := leading.Watches.Get(saved.ID); ok {
			return &open
		}
	}
	return saved
}

// sequels is what became of watches, in the journal.
type sequels interface {
	Runs(ctx context.Context, f store.RunFilter) ([]actions.Run, error)
	Marks(ctx context.Context, watchID, service string, since time.Time) (map[string]store.Mark, error)
}

// rollbackOf gives the last rollback of a watch's deploy; nil: there is none.
func rollbackOf(ctx context.Context, journal sequels, w *watch.Watch) (*actions.Run, error) {
	rollbacks, err := journal.Runs(ctx, store.RunFilter{Deploy: w.DeployID, Rollbacks: true, Limit: 1})
	if err != nil || len(rollbacks) == 0 {
		return nil, err
	}
	return &rollbacks[0], nil
}

// markOf gives what a person said about a verdict; nil: nobody said anything.
func markOf(ctx context.Context, journal sequels, w *watch.Watch) (*watch.Mark, error) {
	marks, err := journal.Marks(ctx, w.ID, "", time.Time{})
	if m, ok := marks[w.ID]; ok {
		return &m.Mark, err
	}
	return nil, err
}

// watchOf is a watch as the API shows it.
func watchOf(w *watch.Watch, d watch.Deploy, rollback *actions.Run, now time.Time) server.Watch {
	v := server.Watch{
		ID: w.ID, Deploy: d, State: w.State, Mode: w.Mode, Reason: w.Standing(now), Started: w.Started, Deadline: w.Deadline, Ended: w.Ended,
		Alpha: w.Policy.Alpha, Verdict: w.Verdict, Evidence: w.Evidence(), Rollback: rollback,
		ModeReason: w.ModeReason, EValue: w.EValue(), Trace: w.Trace.Points, FastPassed: w.FastPassed, Suspended: w.Suspended.Seconds(),
		Overlaps: w.Causes(),
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
