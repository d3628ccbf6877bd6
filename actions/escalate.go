package actions

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guardian/internal/reason"
)

// Asking is who is asked next when nobody answered the question of a run in time: the people of a step of
// an escalation.
type Asking struct {
	Escalation  string
	Step, Steps int      // from 0; how many there are
	People      []string // as they are shown
	Receivers   []string
}

// Unanswered tells whether the question of a run goes to others now, because nobody answered it in time.
func (r Run) Unanswered(now time.Time) bool {
	q := r.Question
	return r.State == AwaitingApproval && q != nil && q.Code == AskApproval && q.OnTimeout == OnTimeoutEscalate &&
		!q.Until.IsZero() && !now.Before(q.Until)
}

// Escalate gives the run after its question went to others, who have as long as the first had. With nil,
// nobody is left who could be asked: then the question expires. It is pure; Engine.Escalate journals it.
func (r Run) Escalate(next *Asking, now time.Time) Run {
	r = r.clone()
	q := r.Question
	if next == nil {
		q.OnTimeout = OnTimeoutExpire
		r.Reason = reason.New("question_nobody_left")
		return r
	}
	q.Escalated, q.Until = next.Step+1, now.Add(time.Duration(q.Within*float64(time.Second)))
	for _, receiver := range next.Receivers {
		if !slices.Contains(r.Asked, receiver) {
			r.Asked = append(r.Asked, receiver)
		}
	}
	r.Reason = reason.New("question_escalated", "escalation", next.Escalation, "step", next.Step+1, "steps", next.Steps, "people", next.People)
	return r
}

// Escalate lets the question of a run go to others, or to nobody, and records it. It gives ErrNotAsked when
// the question was answered meanwhile, or has time left.
func (e *Engine) Escalate(ctx context.Context, ledger Ledger, run Run, next *Asking) (Run, error) {
	_, run, err := e.claim(run)
	if err != nil {
		return run, err
	}
	defer e.release(run.ID)
	now := e.o.Now()
	if !run.Unanswered(now) {
		return run, fmt.Errorf("%w: it is %s", ErrNotAsked, run.State)
	}
	after := run.Escalate(next, now)
	return e.recordIn(ctx, ledger, Record{Run: after, Before: &run, Entries: []Entry{e.entry(after, -1, "escalated", after.Reason)}})
}

// Breach is how bad it is what a run is to end.
type Breach struct {
	At   time.Time `json:"at"`             // when people were told
	Down []string  `json:"down,omitempty"` // checks of the service, sorted
	Tier string    `json:"tier,omitempty"` // the highest of the alerts about the service that fire; "": none does
	// Excess is, by counter, traffic or number, how many times what is tolerated it is.
	Excess map[string]float64 `json:"excess,omitempty"`
}

// fails tells whether there is anything of which it can be said that it worsens.
func (b Breach) fails() bool { return len(b.Down) > 0 || b.Tier != "" }

// toldAt gives what people are told at a time.
func (b Breach) toldAt(now time.Time) *Breach {
	b.At = now
	return &b
}

// Worsen tells people again of what a run that waits for an approval is to end, and records what they are
// told: that is what it must exceed the next time. It gives ErrNotAsked when the run does not wait any more.
func (e *Engine) Worsen(ctx context.Context, ledger Ledger, run Run, told Breach, why reason.Reason) (Run, error) {
	_, run, err := e.claim(run)
	if err != nil {
		return run, err
	}
	defer e.release(run.ID)
	if err := run.waitsForApproval(); err != nil {
		return run, err
	}
	next := run.clone()
	next.Question.Breach = &told
	return e.recordIn(ctx, ledger, Record{Run: next, Before: &run, Entries: []Entry{e.entry(next, -1, "worsened", why)}})
}
