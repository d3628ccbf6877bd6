package actions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"guardian/internal/reason"
)

// ErrLostLease says that this guardian no longer acts: another one has the lease. A Ledger
// gives it (wrapped or not) for a write that was fenced; Advance gives it and has stopped
// without acting.
var ErrLostLease = errors.New("this guardian no longer holds the lease")

// Entry is one line of the ledger: appended, never changed.
type Entry struct {
	Run    string        `json:"run"`
	Step   int           `json:"step"` // -1: about the run
	Intent string        `json:"intent,omitempty"`
	What   string        `json:"what"` // created, waits, turn, required, intent, refused, outcome, asked, escalated, worsened, answered, resolved, fallback, verifying, verified, ended
	Detail reason.Reason `json:"detail,omitzero"`
	By     string        `json:"by,omitempty"`
	At     time.Time     `json:"at"`
}

// Record is one change of a run, as it is written to the ledger.
type Record struct {
	Run     Run
	Before  *Run // the run as it was recorded before; nil for its first record
	Entries []Entry
	// Refusals is what the guards said, when they were asked for this change.
	Refusals []Refusal
}

// Ledger keeps runs durably. Record returns when the run and the entries are on disk, in one
// transaction; it gives ErrLostLease when another guardian has taken over. Create, Dequeue
// and Refuse take a ledger of their own: their callers may commit more than the run in the
// same transaction, such as the verdict that led to it.
type Ledger interface {
	Record(ctx context.Context, r Record) error
}

// record makes a change durable in the engine's own ledger; see recordIn.
func (e *Engine) record(ctx context.Context, before, next Run, entries ...Entry) (Run, error) {
	return e.recordIn(ctx, e.o.Ledger, Record{Run: next, Before: &before, Entries: entries})
}

// recordIn makes a change durable and gives the run as it is recorded now: r.Run, or when it
// could not be recorded, r.Before.
func (e *Engine) recordIn(ctx context.Context, ledger Ledger, r Record) (Run, error) {
	var before Run
	if r.Before != nil {
		before = r.Before.clone()
		r.Before = &before
	}
	next := r.Run
	next.Rev = before.Rev + 1
	r.Run = next.clone()
	if err := ledger.Record(ctx, r); err != nil {
		if errors.Is(err, ErrLostLease) {
			return before, err
		}
		return before, fmt.Errorf("run %s: record %s in the ledger: %w", next.ID, r.Entries[0].What, err)
	}
	e.keepLatest(next)
	if next.State.Final() && (r.Before == nil || !before.State.Final()) {
		e.metrics.runs.WithLabelValues(string(next.Trigger.Kind), string(next.State)).Inc()
	}
	if e.o.Observer != nil {
		e.o.Observer(next.clone())
	}
	return next, nil
}

// recordDespiteStop records next even while the guardian is being stopped: what is known now
// would otherwise have to be found out later.
func (e *Engine) recordDespiteStop(ctx context.Context, run, next Run, entries ...Entry) (Run, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	return e.record(ctx, run, next, entries...)
}

// recordTimeout bounds a record that is made while the guardian is being stopped.
const recordTimeout = 10 * time.Second

// entry makes a line of the ledger about a step, or with step -1 about the run.
func (e *Engine) entry(r Run, step int, what string, detail reason.Reason) Entry {
	en := Entry{Run: r.ID, Step: step, What: what, Detail: detail, At: e.o.Now()}
	if step >= 0 && step < len(r.Steps) {
		en.Intent = r.Steps[step].Intent
	}
	return en
}

// started gives the entries that say how a new or dequeued run begins.
func (e *Engine) started(run Run) []Entry {
	switch {
	case run.State == Queued:
		return []Entry{e.entry(run, -1, "waits", run.Reason)}
	case run.State == AwaitingApproval:
		return []Entry{e.entry(run, -1, "asked", run.Question.Text)}
	case run.State.Final():
		return []Entry{e.ended(run)}
	default:
		return nil
	}
}

// by gives the entry with the person who caused it.
func (en Entry) by(person string) Entry {
	en.By = person
	return en
}

// ended is the entry of a run that is over.
func (e *Engine) ended(r Run) Entry {
	return e.entry(r, -1, "ended", reason.New("run_ended", "state", reason.New("run_state_"+r.Standing()), "reason", r.Reason))
}
