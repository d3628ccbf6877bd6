package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"guardian/internal/reason"
)

// lookWithin bounds one look of a verification.
const lookWithin = time.Minute

// errAborted takes a verification back to Advance, which ends the run.
var errAborted = errors.New("aborted")

// beginVerify ends the steps: the cure is to be proven next, where there is a check that can.
func (e *Engine) beginVerify(ctx context.Context, run Run, book *Runbook) (Run, error) {
	next := run.clone()
	failed := failedSteps(run)
	if book.Verify.For > 0 && len(mustBeUp(run, book)) > 0 {
		next.State, next.Reason, next.Verification = Verifying, reason.Reason{}, nil
		return e.record(ctx, run, next, e.entry(next, -1, "verifying", reason.Text(strings.Join(mustBeUp(run, book), ", ")), ""))
	}
	if len(failed) > 0 {
		next.end(FailedRun, reason.Text("steps failed: "+strings.Join(failed, ", ")), e.o.Now())
	} else {
		next.end(Cured, reason.Text("every step is done, and no check is configured to prove it"), e.o.Now())
	}
	return e.record(ctx, run, next, e.ended(next, ""))
}

// mustBeUp gives the checks that prove a cure: those that failed and the runbook's own, and
// with neither (a person's rollback) those that were up.
func mustBeUp(run Run, book *Runbook) []string {
	names := union(run.Failing, book.Verify.Checks)
	if len(names) == 0 {
		names = union(run.Healthy, nil)
	}
	return names
}

// verify looks until every check that must be up was so Verify.Successes times in a row, or
// Verify.For is over; then at the checks that were up before. A look that could not be had is
// neither up nor down: it ends no row and makes none longer. Found after a crash it starts
// anew: looking changes nothing.
func (e *Engine) verify(ctx context.Context, run Run, h *hold) (Run, error) {
	book, ok := e.o.Runbooks(run.Runbook)
	if !ok {
		return e.orphan(ctx, run, reason.Text("the runbook is no longer configured: the cure was not verified"))
	}
	v := &verification{engine: e, hold: h, last: map[string]CheckResult{}, row: map[string]int{}}
	targets := mustBeUp(run, book)
	deadline := e.o.Now().Add(book.Verify.For)
	cured := false
	for {
		if err := v.look(ctx, run, targets); err != nil {
			return run, err
		}
		if cured = v.allUp(targets, book.Verify.Successes); cured || !e.o.Now().Add(book.Verify.Every).Before(deadline.Add(1)) {
			break
		}
		if err := v.wait(ctx, book.Verify.Every); err != nil {
			return run, err
		}
	}
	others := slices.DeleteFunc(union(run.Healthy, nil), func(c string) bool { return slices.Contains(targets, c) })
	if err := v.look(ctx, run, others); err != nil {
		return run, err
	}
	// One look finds things that pass: who is down now is looked at again to be sure.
	suspects := v.down(run.Healthy)
	if len(suspects) > 0 {
		if err := v.wait(ctx, book.Verify.Every); err != nil {
			return run, err
		}
		if err := v.look(ctx, run, suspects); err != nil {
			return run, err
		}
		suspects = v.down(suspects)
	}
	next := run.clone()
	state, text := v.verdict(targets, suspects, cured)
	if failed := failedSteps(run); len(failed) > 0 {
		text += "; steps failed: " + strings.Join(failed, ", ")
	}
	next.Verification = v.results(union(targets, others))
	next.end(state, reason.Text(text), e.o.Now())
	return e.recordOutcomeOfVerify(ctx, run, next)
}

func (e *Engine) recordOutcomeOfVerify(ctx context.Context, run, next Run) (Run, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
	defer cancel()
	return e.record(ctx, run, next,
		e.entry(next, -1, "verified", next.Reason, ""),
		e.ended(next, ""))
}

// verification is what the looks of one verification have seen.
type verification struct {
	engine *Engine
	hold   *hold
	last   map[string]CheckResult
	row    map[string]int // looks in a row that found the check up
}

func (v *verification) look(ctx context.Context, run Run, checks []string) error {
	for _, c := range checks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if v.engine.aborted(v.hold) != nil {
			return errAborted
		}
		// A look may cost quota or push an order: only who holds the lease looks here.
		if !v.engine.o.LeaseValid() {
			return fmt.Errorf("run %s: verify: %w", run.ID, ErrLostLease)
		}
		lookCtx, cancel := context.WithTimeout(ctx, lookWithin)
		r, err := v.engine.o.Verifier.Look(lookCtx, c)
		cancel()
		if err != nil {
			r = CheckResult{Health: "unknown", Reason: reason.Text(err.Error())}
		}
		r.Check = c
		if r.At.IsZero() {
			r.At = v.engine.o.Now()
		}
		r.Looks = v.last[c].Looks + 1
		v.last[c] = r
		switch r.Health {
		case "up":
			v.row[c]++
		case "down":
			v.row[c] = 0
		}
	}
	return nil
}

func (v *verification) wait(ctx context.Context, d time.Duration) error {
	if pause(ctx, d, v.hold.wake) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errAborted
}

func (v *verification) allUp(checks []string, successes int) bool {
	return !slices.ContainsFunc(checks, func(c string) bool { return v.row[c] < successes })
}

func (v *verification) down(checks []string) []string {
	var names []string
	for _, c := range checks {
		if v.last[c].Health == "down" {
			names = append(names, c)
		}
	}
	return names
}

// verdict puts what was seen into a state and words.
func (v *verification) verdict(targets, worse []string, cured bool) (State, string) {
	if len(worse) > 0 {
		return Worse, "down now and up before: " + strings.Join(v.reasons(worse), ", ")
	}
	if cured {
		return Cured, "up again: " + strings.Join(targets, ", ")
	}
	if down := v.down(targets); len(down) > 0 {
		return NotCured, "still down: " + strings.Join(v.reasons(down), ", ")
	}
	// Not proven is not cured: the reason tells a person that nobody saw it fail either.
	unsure := slices.DeleteFunc(slices.Clone(targets), func(c string) bool { return v.last[c].Health == "up" })
	if len(unsure) > 0 {
		return NotCured, "could not be looked at: " + strings.Join(v.reasons(unsure), ", ")
	}
	return NotCured, "not up for long enough: " + strings.Join(targets, ", ")
}

func (v *verification) reasons(checks []string) []string {
	var out []string
	for _, c := range checks {
		text := c
		if r := v.last[c].Reason; !r.IsZero() {
			text += " (" + r.String() + ")"
		}
		out = append(out, text)
	}
	return out
}

func (v *verification) results(checks []string) []CheckResult {
	var rs []CheckResult
	for _, c := range checks {
		if r, ok := v.last[c]; ok {
			rs = append(rs, r)
		}
	}
	return rs
}

// union gives the names of both, each once, in order.
func union(a, b []string) []string {
	var names []string
	for _, n := range slices.Concat(a, b) {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

func failedSteps(run Run) []string {
	var names []string
	for _, s := range run.Steps {
		if s.State == StepFailed {
			names = append(names, s.Name)
		}
	}
	return names
}
