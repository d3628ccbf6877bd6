package runs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/store"
)

// worseMemory is how far back runs are read whose service may be worse after them. They may have waited for an approval.
const worseMemory = 24 * time.Hour

// worseRuns gives the runs after which a service is worse and that may still be undone: a guardian that
// died between the end of such a run and what follows from it did not get to that.
func worseRuns(ctx context.Context, o Options) ([]actions.Run, error) {
	now := o.Now()
	all, err := o.Journal.Runs(ctx, store.RunFilter{State: actions.Worse, Since: now.Add(-worseMemory)})
	if err != nil {
		return nil, fmt.Errorf("read the runs after which a service is worse: %w", err)
	}
	return slices.DeleteFunc(all, func(r actions.Run) bool {
		return !r.UndoNext || now.Sub(r.Ended) > decide.MaxUndoAge
	}), nil
}

// follow begins what follows a run that is over: the undoing of a rollback after which the service is
// worse, where the runbook says so. It is begun once: the journal takes one run that undoes another.
func (d *Driver) follow(run actions.Run) {
	if !run.UndoNext {
		return
	}
	for d.ctx.Err() == nil && !d.isDraining() {
		err := d.Decide(func() error {
			req, follows, err := d.o.Decider().Undo(d.ctx, run, d.o.Present(run.Service), d.o.Now())
			if err != nil || !follows {
				return err
			}
			req.ID = store.NewID("r_")
			_, err = d.Begin(d.ctx, req, With{})
			return err
		})
		if err == nil || errors.Is(err, store.ErrAlreadyRun) || errors.Is(err, actions.ErrLostLease) {
			return
		}
		d.o.Log.Error("what follows a run could not be begun; trying again", "run", run.ID, "error", err)
		d.pause(newDriven(run), retryEvery)
	}
}
