package app

import (
	"fmt"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/watch"
)

// askTurn is how long a run that waits for its turn is left alone, if nothing wakes it.
const askTurn = 10 * time.Second

// mostTurn is how old a verdict may be whose rollback gets its turn. What was decided longer
// ago is for a person to look at.
const mostTurn = 30 * time.Minute

// waitTurn asks for the turn of a run that waits, and when it is not there yet, waits until
// another run is over.
func (rs *runs) waitTurn(d *driven, run actions.Run) {
	moved, err := rs.app.turn(rs.t, d)
	switch {
	case err != nil && rs.ctx.Err() == nil:
		rs.app.log.Error("a rollback that waits could not ask for its turn; trying again", "run", run.ID, "error", err)
	case moved:
		return
	}
	again := time.NewTimer(askTurn)
	defer again.Stop()
	select {
	case <-rs.ctx.Done():
	case <-d.wake:
	case <-again.C:
	}
}

// wakeWaiting lets the runs that wait for their turn ask again.
func (rs *runs) wakeWaiting() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, d := range rs.open {
		select {
		case d.wake <- struct{}{}:
		default:
		}
	}
}

// turn asks the guards again about a rollback that waits for the end of another run, and
// tells whether it waits no longer.
func (a *App) turn(t *term, d *driven) (moved bool, err error) {
	a.starting.Lock()
	defer a.starting.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	run, now := d.run, a.now()
	if run.State != actions.Queued {
		return true, nil
	}
	if t.runs.isDraining() {
		return false, nil // after the next start they are asked about that time
	}
	w, err := a.store.Watch(t.ctx, run.Trigger.Watch)
	if err != nil {
		return false, fmt.Errorf("read its watch: %w", err)
	}
	deploys, err := a.store.Deploys(t.ctx, store.DeployFilter{ID: run.Trigger.Deploy})
	if err == nil && len(deploys) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return false, fmt.Errorf("read its deploy %s: %w", run.Trigger.Deploy, err)
	}
	req, err := a.rollbackRequest(t, run.Runbook, run.Trigger, deploys[0], run.Failing, "", now)
	if err != nil {
		return false, err
	}
	req.ID = run.ID
	if w.Mode == watch.Approve {
		req.Approve = watchedInApprove()
	}
	if waited := now.Sub(run.Created); waited >= mostTurn {
		req.Refusals = append(req.Refusals, actions.NewLate(waited))
	}
	d.run, err = a.engine.Dequeue(t.ctx, ledger{app: a}, run, req)
	return d.run.State != actions.Queued, err
}

// watchedInApprove is why a person is asked before a rollback.
func watchedInApprove() reason.Reason {
	return reason.New("watched_in_approve")
}
