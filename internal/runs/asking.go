package runs

import (
	"errors"
	"maps"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/notify"
	"guardian/notifiers"
)

// askNext lets the question of a run that nobody answered in time go to the next people.
func (d *Driver) askNext(one *driven) {
	now := d.o.Now()
	_, err := d.change(one.get().ID, func(r actions.Run) (actions.Run, error) {
		step, ok := d.o.Decider().Settings.AskNext(r, announce.Renderer{}.Run(r, now).Labels, d.o.Roster(), now)
		if !ok {
			return d.o.Engine.Escalate(d.ctx, ledger{d: d}, r, nil)
		}
		return d.o.Engine.Escalate(d.ctx, ledger{d: d, asked: &step}, r, step.Asking())
	})
	switch {
	case err == nil, errors.Is(err, actions.ErrNotAsked), d.ctx.Err() != nil:
	default:
		d.o.Log.Error("a question that nobody answered could not go to the next people; trying again", "run", one.get().ID, "error", err)
		d.pause(one, retryEvery)
	}
}

// lookEvery is how often it is looked whether what a run is to end worsens while it waits.
const lookEvery = 15 * time.Second

// breachEvery is how long a run that waits is left alone; 0: nobody looks at what it is to end.
func (d *Driver) breachEvery(run actions.Run) time.Duration {
	if d.o.Breach == nil || run.Question == nil || run.Question.Breach == nil || run.State != actions.AwaitingApproval {
		return 0
	}
	return lookEvery
}

// watchBreach tells people again when what a run is to end worsens while it waits for an approval.
func (d *Driver) watchBreach(one *driven) {
	run := one.get()
	if d.breachEvery(run) == 0 {
		return
	}
	is := d.o.Breach(d.ctx, run)
	told := *run.Question.Breach
	if one.excess == nil {
		one.excess = maps.Clone(is.Excess)
	}
	if len(told.Excess) == 0 { // what was exceeded when they were asked is not known better
		told.Excess = one.excess
	}
	now := d.o.Now()
	why, known := decide.Worsens(told, is, now)
	if why.IsZero() {
		return
	}
	_, err := d.change(run.ID, func(r actions.Run) (actions.Run, error) {
		return d.o.Engine.Worsen(d.ctx, ledger{d: d, worse: why}, r, known, why)
	})
	if err != nil && !errors.Is(err, actions.ErrNotAsked) && !errors.Is(err, actions.ErrRunIsActing) && d.ctx.Err() == nil {
		d.o.Log.Error("that a breach worsens could not be told; trying again", "run", run.ID, "error", err)
	}
}

// told are the notices about a question that waits, beside the news of the run itself: those for the people of
// the next step of an escalation alone, and those for everybody.
func (l ledger) told(run actions.Run, now time.Time) (all []notify.Render, next notify.Render, receivers []string) {
	if !l.worse.IsZero() {
		all = append(all, func(t announce.Renderer) notifiers.Notice { return t.Worsened(run, l.worse, now) })
	}
	if step := l.asked; step != nil {
		next = func(t announce.Renderer) notifiers.Notice { return t.AskedNext(run, *step, now) }
		receivers = step.Receivers
	}
	return all, next, receivers
}
