package watching

import (
	"context"
	"errors"
	"time"

	"guardian/decide"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/watch"
)

// ErrNoDeploy says that the end of a deploy was announced that is not known.
var ErrNoDeploy = errors.New("there is no such deploy")

// End takes the end of a deploy whose beginning was announced. The watch of one that did not happen
// is cancelled. A repeated end changes nothing, and neither does that of a deploy that is watched
// as one that had happened, such as when the version that is watched is deployed once more. It
// gives the deploy and the ID of its watch.
func (ws *Watches) End(ctx context.Context, id string, end decide.End, by string) (d watch.Deploy, watchID string, err error) {
	ws.announcing.Lock()
	defer ws.announcing.Unlock()
	found, err := ws.o.Journal.Watches(ctx, store.WatchFilter{Deploy: id, Limit: 1})
	if err != nil {
		return d, "", err
	}
	deploys, err := ws.o.Journal.Deploys(ctx, store.DeployFilter{ID: id})
	switch {
	case err != nil:
		return d, "", err
	case len(deploys) == 0 || len(found) == 0:
		return d, "", ErrNoDeploy
	case deploys[0].Rollout == nil, !deploys[0].Rollout.End.IsZero():
		return deploys[0], found[0].ID, nil
	}
	now := ws.o.Now().UTC()
	d = decide.Ended(deploys[0], end, now)
	b := store.Batch{Audit: []store.Audit{{
		At: now, Who: by, What: "deploy", Service: d.Service, Subject: d.Service + " " + d.Version,
		Detail: endedWords(d, end), Path: "/watches/" + found[0].ID,
	}}}
	if d.DeclaresGood() && !d.Unsure && !end.Withdrawn {
		b.KnownGoods = append(b.KnownGoods, knownGood(d, by, now))
	}
	e := ws.get(found[0].ID)
	if e == nil {
		b.Deploys = []watch.Deploy{d}
		return d, found[0].ID, ws.o.Leadership.Commit(b)
	}
	if d, err = ws.commitEnd(e, d, b, now); err != nil {
		return d, "", err
	}
	ws.o.Changed()
	if end.Withdrawn { // what is not recorded of it now is at the next tick
		_ = ws.step(e, func(w *watch.Watch) *watch.Verdict { return w.Tick(now) })
	}
	return d, found[0].ID, nil
}

// commitEnd records the end of the deploy of an open watch.
func (ws *Watches) commitEnd(e *watched, d watch.Deploy, b store.Batch, now time.Time) (watch.Deploy, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	next := e.w.Clone()
	if d.Withdrawn() {
		next.Withdraw()
	} else {
		next.EndRollout(d.Unsure, now)
	}
	d.Shops = e.deploy.Shops
	b.Deploys, b.Watches = []watch.Deploy{d}, []watch.Watch{next}
	if err := ws.o.Leadership.Commit(b); err != nil {
		return d, err
	}
	*e.w, e.deploy, e.saved = next, d, next.Seq
	return d, nil
}

// endedWords is the journal's line about the end of a deploy.
func endedWords(d watch.Deploy, end decide.End) reason.Reason {
	if end.Withdrawn {
		return reason.New("deploy_withdrawn", "version", d.Version, "failed", failedStatus(end.Status))
	}
	return reason.New("deploy_ended", "version", d.Version, "took", d.Rollout.End.Sub(d.Rollout.Start), "failed", failedStatus(end.Status))
}

// failedStatus is an exit status as the journal's line names it; none for success.
func failedStatus(status int) reason.Reason {
	if status == 0 {
		return reason.Reason{}
	}
	return reason.New("exit_status", "status", status)
}

// endOverdue lets deploys of which nobody said that they ended, as when their runner was killed,
// be judged as what a hook announced now: it is estimated when they happened.
func (ws *Watches) endOverdue(now time.Time) {
	for _, e := range ws.list("") {
		e.mu.Lock()
		id, rolling := e.w.ID, e.w.RollingOut && !e.w.State.Final()
		d, overdue := ws.o.Decider().Unended(e.deploy, now)
		e.mu.Unlock()
		if !rolling || !overdue {
			continue
		}
		if err := ws.reopen(e, d, now); err != nil {
			ws.o.Log.Error("a deploy whose end is overdue could not be watched anew; trying again", "watch", id, "error", err)
		}
	}
}

// reopen begins the watch of a deploy anew.
func (ws *Watches) reopen(e *watched, d watch.Deploy, now time.Time) error {
	ws.announcing.Lock()
	defer ws.announcing.Unlock()
	next, problems, err := ws.o.Decider().Open(ws.ctx, d, ws.o.Present(d.Service), now)
	if err != nil {
		return err
	}
	for _, problem := range problems {
		ws.o.Log.Warn("a deploy is watched without a part of its history", "service", d.Service, "error", problem)
	}
	e.mu.Lock()
	if !e.w.RollingOut || e.w.State.Final() || e.pending != nil {
		e.mu.Unlock()
		return nil // it ended meanwhile
	}
	next.ID, next.Seq = e.w.ID, e.w.Seq+1
	next.Beside(e.w.Overlaps)
	d.At, d.SwitchedBy = next.Switched, next.Begin.Switch.By
	err = ws.o.Leadership.Commit(store.Batch{Deploys: []watch.Deploy{d}, Watches: []watch.Watch{next.Clone()}, Audit: []store.Audit{{
		At: now, Who: store.Guardian, What: "deploy", Service: d.Service, Subject: d.Service + " " + d.Version,
		Detail: reason.New("deploy_end_missing", "version", d.Version, "start", d.Rollout.Start), Path: "/watches/" + next.ID,
	}}})
	if err == nil {
		*e.w, e.deploy, e.saved = *next, d, next.Seq
		ws.compare(e, next.Peers)
	}
	e.mu.Unlock()
	if err == nil {
		ws.ObserveAll(ws.o.Record.Recent(""))
		ws.o.Changed()
	}
	return err
}

// Void ends what a drill announced and no rollback took back: its watch, if that is open, and its deploy,
// whose version does not run.
func (ws *Watches) Void(ctx context.Context, deploy, who string) error {
	ws.announcing.Lock()
	defer ws.announcing.Unlock()
	deploys, err := ws.o.Journal.Deploys(ctx, store.DeployFilter{ID: deploy})
	if err != nil || len(deploys) == 0 || !deploys[0].Void.IsZero() {
		return err
	}
	for _, e := range ws.list(deploys[0].Service) {
		if e.deploy.ID != deploy {
			continue
		}
		if err := ws.step(e, func(w *watch.Watch) *watch.Verdict { return w.Cancel(who, ws.o.Now()) }); err != nil {
			return err
		}
	}
	d := deploys[0]
	d.Void = ws.o.Now().UTC()
	return ws.o.Leadership.Commit(store.Batch{Deploys: []watch.Deploy{d}})
}
