package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"guardian/internal/reason"
)

// lookTimeout bounds one look of a verification.
const lookTimeout = time.Minute

// errAborted ends a verification; Advance then ends the run.
var errAborted = errors.New("aborted")

// beginVerify follows the last step: the run verifies that the checks are up again, or is over
// when there is no check to verify with.
func (e *Engine) beginVerify(ctx context.Context, run Run, book *Runbook) (Run, error) {
	next := run.clone()
	if targets := mustBeUp(run, book); book.Verify.For > 0 && len(targets) > 0 {
		next.State, next.Reason, next.Verification = Verifying, reason.Reason{}, nil
		return e.record(ctx, run, next, e.entry(next, -1, "verifying", reason.New("verify_begun", "checks", targets)))
	}
	if failed := run.failedSteps(); len(failed) > 0 {
		next.end(FailedRun, reason.New("run_steps_failed", "steps", failed), e.o.Now())
	} else {
		next.end(Cured, reason.New("verify_nothing"), e.o.Now())
	}
	return e.record(ctx, run, next, e.ended(next))
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
// Verify.For is over; then at the checks that were up before. A look that failed to see
// anything is neither up nor down: it does not interrupt a row and does not add to it. After a
// crash the verification starts anew: looking changes nothing.
func (e *Engine) verify(ctx context.Context, run Run, c *claim) (Run, error) {
	book, ok := e.o.Runbooks(run.Runbook)
	if !ok {
		return e.endWithoutRunbook(ctx, run, reason.New("verify_runbook_gone", "runbook", run.Runbook))
	}
	v := &verification{engine: e, claim: c, last: map[string]CheckResult{}, row: map[string]int{}}
	targets := mustBeUp(run, book)
	cured, err := v.until(ctx, run, targets, book.Verify)
	if err != nil {
		return run, err
	}
	others := slices.DeleteFunc(union(run.Healthy, nil), func(c string) bool { return slices.Contains(targets, c) })
	if err := v.look(ctx, run, others); err != nil {
		return run, err
	}
	// One bad look may be chance: what is down now is looked at once more.
	worse := v.down(run.Healthy)
	if len(worse) > 0 {
		if err := v.wait(ctx, book.Verify.Every); err != nil {
			return run, err
		}
		if err := v.look(ctx, run, worse); err != nil {
			return run, err
		}
		worse = v.down(worse)
	}
	next := run.clone()
	state, why := v.verdict(targets, worse, cured)
	if failed := run.failedSteps(); len(failed) > 0 {
		why = reason.Join(why, reason.New("run_steps_failed", "steps", failed))
	}
	next.Verification = v.results(union(targets, others))
	next.end(state, why, e.o.Now())
	return e.recordDespiteStop(ctx, run, next, e.entry(next, -1, "verified", why), e.ended(next))
}

// verification is what the looks of one verification have seen.
type verification struct {
	engine *Engine
	claim  *claim
	last   map[string]CheckResult
	row    map[string]int // looks in a row that found the check up
}

// until looks at the checks until all are proven up, or the time of the settings is over.
func (v *verification) until(ctx context.Context, run Run, targets []string, s Verify) (cured bool, err error) {
	now := v.engine.o.Now
	deadline := now().Add(s.For)
	for {
		if err := v.look(ctx, run, targets); err != nil {
			return false, err
		}
		if cured := v.allUp(targets, s.Successes); cured || now().Add(s.Every).After(deadline) {
			return cured, nil
		}
		if err := v.wait(ctx, s.Every); err != nil {
			return false, err
		}
	}
}

func (v *verification) look(ctx context.Context, run Run, checks []string) error {
	for _, c := range checks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if v.engine.abortOf(v.claim) != nil {
			return errAborted
		}
		// A look may cost quota or push an order: only who holds the lease looks here.
		if !v.engine.o.LeaseValid() {
			return fmt.Errorf("run %s: verify: %w", run.ID, ErrLostLease)
		}
		lookCtx, cancel := context.WithTimeout(ctx, lookTimeout)
		r, err := v.engine.o.Verifier.Look(lookCtx, c)
		cancel()
		if err != nil {
			r = CheckResult{Health: "unknown", Reason: bounded(reason.Text(err.Error()))}
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

// wait gives errAborted when a person ends the run meanwhile.
func (v *verification) wait(ctx context.Context, d time.Duration) error {
	if pause(ctx, d, v.claim.wake) {
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

// verdict decides how the run ended by what was seen of the checks that must be up, and of
// those that are worse than before.
func (v *verification) verdict(targets, worse []string, cured bool) (State, reason.Reason) {
	if len(worse) > 0 {
		return Worse, reason.New("verify_worse", "checks", v.seen(worse))
	}
	if cured {
		return Cured, reason.New("verify_up_again", "checks", targets)
	}
	if down := v.down(targets); len(down) > 0 {
		return NotCured, reason.New("verify_still_down", "checks", v.seen(down))
	}
	// Not proven is not cured: the reason tells a person that it was not seen to fail either.
	unsure := slices.DeleteFunc(slices.Clone(targets), func(c string) bool { return v.last[c].Health == "up" })
	if len(unsure) > 0 {
		return NotCured, reason.New("verify_not_seen", "checks", v.seen(unsure))
	}
	return NotCured, reason.New("verify_too_short", "checks", targets)
}

// seen gives checks, each with the reason of its last look.
func (v *verification) seen(checks []string) []reason.Reason {
	var all []reason.Reason
	for _, c := range checks {
		all = append(all, reason.New("check_seen", "check", c, "reason", v.last[c].Reason))
	}
	return all
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
