package runs

import (
	"fmt"
	"time"

	"guardian/actions"
	"guardian/internal/store"
)

// pollInterval is how long a queued run is left alone when no run ends.
const pollInterval = 10 * time.Second

// waitInQueue asks whether a queued run may begin, and if not, waits until another run is over.
func (d *Driver) waitInQueue(one *driven) {
	moved, err := d.dequeue(one)
	switch {
	case err != nil && d.ctx.Err() == nil:
		d.o.Log.Error("a queued run could not ask the guards; trying again", "run", one.get().ID, "error", err)
	case moved:
		return
	}
	d.pause(one, pollInterval)
}

// wakeQueued lets the queued runs ask again.
func (d *Driver) wakeQueued() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, one := range d.open {
		one.wakeUp()
	}
}

// dequeue asks the guards again about a queued run, and tells whether it waits no longer.
func (d *Driver) dequeue(one *driven) (moved bool, err error) {
	err = d.Decide(func() error {
		one.mu.Lock()
		defer one.mu.Unlock()
		run := one.run
		if run.State != actions.Queued {
			moved = true
			return nil
		}
		if d.isDraining() {
			return nil // after the next start they are asked about that time
		}
		req, err := d.askAgain(run)
		if err != nil {
			return err
		}
		one.run, err = d.o.Engine.Dequeue(d.ctx, ledger{d: d}, run, req)
		moved = one.run.State != actions.Queued
		return err
	})
	return moved, err
}

// askAgain asks the guards again about a queued run.
func (d *Driver) askAgain(run actions.Run) (req actions.Request, err error) {
	decider, p := d.o.Decider(), d.o.Present(run.Service)
	if run.Trigger.Kind == actions.ByAlert {
		return decider.QueuedByAlert(d.ctx, run, p, d.o.Now())
	}
	w, err := d.o.Journal.Watch(d.ctx, run.Trigger.Watch)
	if err != nil {
		return req, fmt.Errorf("read its watch: %w", err)
	}
	deploys, err := d.o.Journal.Deploys(d.ctx, store.DeployFilter{ID: run.Trigger.Deploy})
	if err == nil && len(deploys) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return req, fmt.Errorf("read its deploy %s: %w", run.Trigger.Deploy, err)
	}
	return decider.Queued(d.ctx, run, deploys[0], &w, p, d.o.Now())
}
