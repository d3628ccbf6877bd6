package actions

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guardian/internal/reason"
)

// A precondition that is not met is looked at again: one bad look may be chance.
const (
	requireLooks = 3
	requirePause = 2 * time.Second
)

// require looks at the preconditions, all of them, before the first step; a run of which one is not met is
// refused. A run that is taken up before its first step looks again: looking changes nothing.
func (e *Engine) require(ctx context.Context, run Run, book *Runbook, c *claim) (Run, error) {
	next := run.clone()
	next.Required = nil
	for _, q := range book.Require {
		seen, err := e.seen(ctx, run, q, c)
		if err != nil {
			return run, err
		}
		next.Required = append(next.Required, seen)
	}
	unmet := Unmet(book.Require, next.Required)
	if len(unmet) == 0 {
		return e.record(ctx, run, next, e.entry(next, -1, "required", reason.New("required_met", "conditions", titles(book.Require))))
	}
	no := NewNotMet(run.Runbook, unmet)
	next.end(Refused, no.words(), e.o.Now())
	return e.recordIn(ctx, e.o.Ledger, Record{Run: next, Before: &run, Entries: []Entry{e.ended(next)}, Refusals: []Refusal{no}})
}

// seen gives what is seen of a precondition.
func (e *Engine) seen(ctx context.Context, run Run, q Requirement, c *claim) (CheckResult, error) {
	for looks := 1; ; looks++ {
		if err := ctx.Err(); err != nil {
			return CheckResult{}, err
		}
		if e.abortOf(c) != nil {
			return CheckResult{}, errAborted
		}
		if !e.o.LeaseValid() {
			return CheckResult{}, fmt.Errorf("run %s: preconditions: %w", run.ID, ErrLostLease)
		}
		r := e.ask(ctx, run, q.Symptom, e.o.Now())
		r.Check, r.Looks = q.Title, looks
		if q.Kind != SymptomCheck {
			r.Kind = q.Kind
		}
		if q.met(r) || looks == requireLooks {
			return r, nil
		}
		if !Pause(ctx, requirePause, c.wake) && ctx.Err() == nil {
			return CheckResult{}, errAborted
		}
	}
}

// met tells whether a precondition is met by what was seen. What could not be seen is not met.
func (q Requirement) met(r CheckResult) bool { return r.Health == q.Is }

// NewNotMet is the refusal of a run of which preconditions are not met.
func NewNotMet(runbook string, unmet []reason.Reason) Refusal {
	return Refusal{Code: NotMet, Detail: reason.New("guard_not_met", "runbook", runbook, "conditions", unmet)}
}

// Unmet gives the preconditions that are not met by what was seen of each, and how it is. It is pure.
func Unmet(all []Requirement, seen []CheckResult) (unmet []reason.Reason) {
	for i, q := range all {
		r := CheckResult{Health: "unknown"}
		if i < len(seen) {
			r = seen[i]
		}
		if !q.met(r) {
			unmet = append(unmet, q.words(r))
		}
	}
	return unmet
}

// words says how a precondition is that is not met.
func (q Requirement) words(r CheckResult) reason.Reason {
	is := reason.New("required_" + r.Health)
	switch {
	case r.Health != requireUp && r.Health != requireDown:
		return reason.New("required_unseen", "condition", q.Title, "why", r.Reason)
	case q.Kind == SymptomQuery:
		is = reason.New("required_beyond")
	}
	return reason.New("required_is", "condition", q.Title, "is", is, "why", r.Reason)
}

func titles(all []Requirement) []string {
	var names []string
	for _, q := range all {
		if !slices.Contains(names, q.Title) {
			names = append(names, q.Title)
		}
	}
	return names
}

// ask gives what is seen of a symptom now; since is when it was known last. An error is unknown.
func (e *Engine) ask(ctx context.Context, run Run, s Symptom, since time.Time) CheckResult {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	var r CheckResult
	var err error
	if s.isCheck() {
		r, err = e.o.Verifier.Look(ctx, s.Name)
	} else {
		r, err = e.o.Verifier.Ask(ctx, run, s, since)
	}
	if err != nil {
		r = CheckResult{Health: "unknown", Reason: bounded(reason.Text(err.Error()))}
	}
	if r.At.IsZero() {
		r.At = e.o.Now()
	}
	return r
}
