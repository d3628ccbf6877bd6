package actions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"guardian/internal/reason"
)

const (
	// maxAttempts bounds how often one step is begun without a person having said so.
	maxAttempts = 5
	// maxStatusCalls is how often a step is asked for the status of an intent before an error
	// is taken for Unclear.
	maxStatusCalls = 3
	// pendingPoll is the pause before a target that still works is asked again.
	pendingPoll = 2 * time.Second
)

// work does, or resolves, the first step that is not over; with none left, the run goes on
// to its verification.
func (e *Engine) work(ctx context.Context, run Run, wake <-chan struct{}) (Run, error) {
	book, ok := e.o.Runbooks(run.Runbook)
	if why := mismatch(run, book, ok); !why.IsZero() {
		return e.endWithoutRunbook(ctx, run, why)
	}
	for i, s := range run.Steps {
		if s.State == StepPending || s.State == StepIntent { // to find out about an intent may finish it
			if why := e.forbidden(run, book.Steps[i]); !why.IsZero() {
				return e.forbid(ctx, run, i, why)
			}
		}
		switch s.State {
		case StepPending:
			e.countSteps(1)
			defer e.countSteps(-1)
			return e.act(ctx, stepChange{before: run, book: book, i: i, wake: wake})
		case StepIntent:
			e.countSteps(1)
			defer e.countSteps(-1)
			return e.resolve(ctx, stepChange{before: run, next: run.clone(), book: book, i: i, wake: wake}, nil)
		case StepUnknown:
			next := run.clone()
			askOutcome(&next, book.Approval.Roles, i, s.Error)
			return e.record(ctx, run, next, e.entry(next, i, "asked", next.Question.Text))
		case StepDone, StepFailed, StepSkipped:
		}
	}
	return e.beginVerify(ctx, run, book)
}

func (e *Engine) forbidden(run Run, step RunbookStep) reason.Reason {
	if e.o.Forbids == nil {
		return reason.Reason{}
	}
	return e.o.Forbids(run, step)
}

// forbid ends a run before a step that it must not do. Of a step whose outcome is not known it stays so.
func (e *Engine) forbid(ctx context.Context, run Run, i int, why reason.Reason) (Run, error) {
	next := run.clone()
	next.end(FailedRun, reason.New("run_step_forbidden", "step", run.Steps[i].Name, "why", why), e.o.Now())
	return e.record(ctx, run, next, e.entry(next, i, "refused", why), e.ended(next))
}

// act journals the intent of a step, then does it, then journals its outcome.
func (e *Engine) act(ctx context.Context, c stepChange) (Run, error) {
	run, book, i := c.before, c.book, c.i
	if err := ctx.Err(); err != nil {
		return run, err
	}
	now := e.o.Now()
	next := run.clone()
	if next.Started.IsZero() {
		next.Started = now
	}
	s := &next.Steps[i]
	if s.Intent == "" {
		s.Intent = intentOf(run.ID, i)
	}
	s.State, s.Attempt, s.Started, s.Ended, s.Error = StepIntent, s.Attempt+1, now, time.Time{}, reason.Reason{}
	run, err := e.record(ctx, run, next, e.entry(next, i, "intent", reason.New("step_begun", "step", s.Name, "kind", s.Kind, "attempt", s.Attempt)))
	if err != nil {
		return run, err
	}
	// The ledger fenced the write; between it and the act the lease may have run out.
	if !e.o.LeaseValid() {
		return run, fmt.Errorf("run %s: step %s: %w", run.ID, s.Name, ErrLostLease)
	}
	step := book.Steps[i]
	stepCtx, cancel := context.WithTimeout(ctx, step.Timeout)
	defer cancel()
	output, err := doSafely(stepCtx, step.Step, call(run, step, i))
	lost := errors.Is(err, ErrUnclear) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	// An error that a step gives while the guardian stops may be there because it stops.
	if err != nil && ctx.Err() != nil {
		return run, fmt.Errorf("run %s: step %s: stopped before its outcome was known: %w", run.ID, s.Name, ctx.Err())
	}
	c.before, c.next = run, run.clone()
	c.step().Output = output
	if lost {
		return e.resolve(ctx, c, err)
	}
	if err != nil {
		return e.recordFailure(ctx, c, bounded(ReasonOf(err)))
	}
	return e.recordSuccess(ctx, c)
}

// stepChange is a change of step i of a run: the run as it is recorded, and as it will be.
type stepChange struct {
	before, next Run
	book         *Runbook
	i            int
	entries      []Entry
	wake         <-chan struct{} // closed when the run is to be aborted
}

func (c *stepChange) step() *StepRun { return &c.next.Steps[c.i] }

// recordSuccess journals that the step happened.
func (e *Engine) recordSuccess(ctx context.Context, c stepChange) (Run, error) {
	s := c.step()
	s.State, s.Ended, s.Error = StepDone, e.o.Now(), reason.Reason{}
	return e.recordOutcome(ctx, c, reason.New("step_done"))
}

// recordFailure journals that the step failed, which ends the run unless the runbook goes on
// after a failure.
func (e *Engine) recordFailure(ctx context.Context, c stepChange, why reason.Reason) (Run, error) {
	now := e.o.Now()
	s := c.step()
	s.State, s.Ended, s.Error = StepFailed, now, why
	if c.book.OnFailure != OnFailureContinue {
		c.next.end(FailedRun, reason.New("run_step_failed", "step", s.Name, "error", why), now)
	}
	return e.recordOutcome(ctx, c, why)
}

func (e *Engine) recordOutcome(ctx context.Context, c stepChange, detail reason.Reason) (Run, error) {
	entries := append(c.entries, e.entry(c.next, c.i, "outcome", detail))
	if c.next.State.Final() {
		entries = append(entries, e.ended(c.next))
	}
	out, err := e.recordDespiteStop(ctx, c.before, c.next, entries...)
	if s := c.step(); err == nil {
		e.metrics.steps.WithLabelValues(s.Kind, string(s.State)).Observe(s.Ended.Sub(s.Started).Seconds())
	}
	return out, err
}

// resolve finds out from the step's target whether the intent of a step happened. cause is
// the error of a Do that could not tell; nil for an intent that was found after a crash.
func (e *Engine) resolve(ctx context.Context, c stepChange, cause error) (Run, error) {
	outcome, detail, err := e.status(ctx, c)
	if err != nil {
		return c.before, err
	}
	s := c.step()
	s.Resolved = outcome.words(detail)
	if cause != nil {
		s.Error = bounded(ReasonOf(cause))
	}
	c.entries = append(c.entries, e.entry(c.next, c.i, "resolved", s.Resolved))
	again := s.Attempt < maxAttempts
	switch {
	case outcome == Happened:
		return e.recordSuccess(ctx, c)
	case outcome == Failed:
		return e.recordFailure(ctx, c, s.Resolved)
	case outcome == NotHappened && cause != nil:
		return e.recordFailure(ctx, c, s.Error)
	case outcome == NotHappened && !again:
		return e.recordFailure(ctx, c, reason.New("step_never_happened", "attempts", s.Attempt))
	case again && (outcome == NotHappened || c.book.Steps[c.i].Idempotent):
		if cause != nil && !Pause(ctx, time.Duration(s.Attempt)*time.Second, nil) {
			return c.before, ctx.Err()
		}
		s.State = StepPending
		return e.record(ctx, c.before, c.next, c.entries...)
	default:
		s.State = StepUnknown
		askOutcome(&c.next, c.book.Approval.Roles, c.i, s.Error)
		return e.record(ctx, c.before, c.next, append(c.entries, e.entry(c.next, c.i, "asked", c.next.Question.Text))...)
	}
}

// words is the outcome of an intent as its target told it.
func (o Outcome) words(detail reason.Reason) reason.Reason {
	return reason.New("step_status_"+o.String(), "detail", detail)
}

// status asks a step's target for the outcome of an intent: again after an error, and again while
// the target works on it and the step's timeout is not over. When there is no answer, the outcome
// is Unclear and the detail is what was heard last.
func (e *Engine) status(ctx context.Context, c stepChange) (Outcome, reason.Reason, error) {
	step := c.book.Steps[c.i]
	deadline := c.before.Steps[c.i].Started.Add(step.Timeout)
	for failures := 0; ; {
		outcome, detail, err := e.statusOnce(ctx, c.before, step, c.i)
		wait := pendingPoll
		switch {
		case err != nil && (ctx.Err() != nil || errors.Is(err, ErrLostLease)):
			return Unclear, reason.Reason{}, err
		case err != nil:
			if failures++; failures == maxStatusCalls {
				return Unclear, bounded(ReasonOf(err)), nil
			}
			wait = time.Duration(failures) * time.Second
		case outcome != Pending:
			return outcome, bounded(detail), nil
		case !e.o.Now().Add(wait).Before(deadline):
			return Unclear, bounded(detail), nil
		}
		if err := e.waitToAsk(ctx, wait, c.wake); err != nil {
			return Unclear, reason.Reason{}, err
		}
	}
}

func (e *Engine) statusOnce(ctx context.Context, run Run, step RunbookStep, i int) (Outcome, reason.Reason, error) {
	if err := ctx.Err(); err != nil {
		return Unclear, reason.Reason{}, err
	}
	// Status may finish or undo what is half-done: it acts, so the lease must be held.
	if !e.o.LeaseValid() {
		return Unclear, reason.Reason{}, fmt.Errorf("run %s: status of step %s: %w", run.ID, step.Name, ErrLostLease)
	}
	statusCtx, cancel := context.WithTimeout(ctx, step.Timeout)
	defer cancel()
	outcome, detail, err := statusSafely(statusCtx, step.Step, call(run, step, i))
	if err != nil && ctx.Err() != nil {
		return Unclear, reason.Reason{}, ctx.Err()
	}
	return outcome, detail, err
}

// waitToAsk waits before a target is asked again. Nothing is under way meanwhile: a guardian that
// stops need not wait for it, and a person may abort the run.
func (e *Engine) waitToAsk(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	e.countSteps(-1)
	defer e.countSteps(1)
	if Pause(ctx, d, wake) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errAborted
}

// askOutcome makes the run ask a person whether step i happened.
func askOutcome(next *Run, roles []string, i int, lastError reason.Reason) {
	s := next.Steps[i]
	next.Question = &Question{
		Code: AskOutcome, Step: i, Roles: roles,
		Text: reason.New("question_outcome", "step", s.Name, "kind", s.Kind, "run", next.ID, "started", s.Started, "error", lastError),
	}
	next.State, next.Reason = AwaitingApproval, reason.New("run_outcome_unknown", "step", s.Name)
}

// mismatch tells why a run cannot go on with the runbook as it is configured now; zero when
// it can.
func mismatch(run Run, book *Runbook, ok bool) reason.Reason {
	if !ok || book == nil {
		return reason.New("run_runbook_gone", "runbook", run.Runbook)
	}
	same := len(book.Steps) == len(run.Steps)
	for i := 0; same && i < len(run.Steps); i++ {
		same = run.Steps[i].Name == book.Steps[i].Name && run.Steps[i].Kind == book.Steps[i].Kind
	}
	if !same {
		return reason.New("run_runbook_changed", "runbook", run.Runbook)
	}
	return reason.Reason{}
}

// endWithoutRunbook ends a run whose runbook is gone. First a person must say whether a step
// happened whose outcome is not known.
func (e *Engine) endWithoutRunbook(ctx context.Context, run Run, why reason.Reason) (Run, error) {
	next := run.clone()
	for i, s := range run.Steps {
		if s.State == StepIntent || s.State == StepUnknown {
			next.Steps[i].State = StepUnknown
			askOutcome(&next, NewRunbookSettings().Approval.Roles, i, why)
			return e.record(ctx, run, next, e.entry(next, i, "asked", next.Question.Text))
		}
	}
	next.end(FailedRun, why, e.o.Now())
	return e.record(ctx, run, next, e.ended(next))
}

func call(run Run, step RunbookStep, i int) Call {
	return Call{Intent: run.Steps[i].Intent, Run: run.clone(), Step: run.Steps[i], Idempotent: step.Idempotent}
}

// doSafely turns a panic of a step into an outcome that is not known.
func doSafely(ctx context.Context, s Step, c Call) (output string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Lost(reason.New("step_panicked", "panic", fmt.Sprint(p)))
		}
	}()
	return s.Do(ctx, c)
}

// statusSafely turns a panic of a step into an error.
func statusSafely(ctx context.Context, s Step, c Call) (o Outcome, detail reason.Reason, err error) {
	defer func() {
		if p := recover(); p != nil {
			o, err = Unclear, Failure(reason.New("step_panicked", "panic", fmt.Sprint(p)))
		}
	}()
	return s.Status(ctx, c)
}

// Pause waits for d, for wake or the end of ctx, and tells whether the time passed undisturbed.
func Pause(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	case <-wake:
		return false
	}
}
