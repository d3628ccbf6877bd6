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

// work does what the run does next: it works on its steps, asks a person, ends it, or goes on to its
// verification.
func (e *Engine) work(ctx context.Context, run Run, c *claim) (Run, error) {
	book, ok := e.o.Runbooks(run.Runbook)
	if why := mismatch(run, book, ok); !why.IsZero() {
		return e.endWithoutRunbook(ctx, run, why)
	}
	if run.Started.IsZero() && len(book.Require) > 0 {
		met, err := e.require(ctx, run, book, c)
		if err != nil || met.State != Running {
			return met, err
		}
		run = met
	}
	switch m := book.next(run); m.do {
	case working:
		for _, i := range m.steps { // to find out about an intent may finish it
			if why := e.forbidden(run, book.Steps[i]); !why.IsZero() {
				return e.forbid(ctx, run, i, why)
			}
		}
		return e.stage(ctx, run, book, stageWork{m.steps, c})
	case verifying:
		return e.beginVerify(ctx, run, book)
	case asking, falling, ending:
		next := run.clone()
		entries := e.settle(&next, book)
		return e.record(ctx, run, next, entries...)
	default:
		return run, fmt.Errorf("run %s: no move", run.ID)
	}
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

// words is the outcome of an intent as its target told it.
func (o Outcome) words(detail reason.Reason) reason.Reason {
	return reason.New("step_status_"+o.String(), "detail", detail)
}

// status asks a step's target for the outcome of an intent: again after an error, and again while
// the target works on it and the step's timeout is not over. When there is no answer, the outcome
// is Unclear and the detail is what was heard last.
func (e *Engine) status(ctx context.Context, t task) (Outcome, reason.Reason, error) {
	deadline := t.run.Steps[t.i].Started.Add(t.step.Timeout)
	for failures := 0; ; {
		outcome, detail, err := e.statusOnce(ctx, t.run, t.step, t.i)
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
		if err := e.waitToAsk(ctx, wait, t.wake); err != nil {
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
		was, is := &run.Steps[i], &book.Steps[i]
		same = was.Name == is.Name && was.Kind == is.Kind && was.Group == is.Group && was.Shop == is.Shop && was.Fallback == is.Fallback
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
