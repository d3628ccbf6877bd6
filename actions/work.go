package actions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"guardian/internal/reason"
)

const (
	// maxAttempts bounds how often one step is begun without a person having said so.
	maxAttempts = 5
	// asks is how often the world is asked before its silence is taken for Unclear.
	asks = 3
	// recordWithin bounds the record of an outcome, which is written even when the guardian
	// is being stopped.
	recordWithin = 10 * time.Second
)

// work does, or resolves, the first step that is not over; with none left, the run goes on
// to its verification.
func (e *Engine) work(ctx context.Context, run Run) (Run, error) {
	book, ok := e.o.Runbooks(run.Runbook)
	if why := mismatch(run, book, ok); !why.IsZero() {
		return e.orphan(ctx, run, why)
	}
	for i, s := range run.Steps {
		switch s.State {
		case StepPending:
			e.countSteps(1)
			defer e.countSteps(-1)
			return e.act(ctx, run, book, i)
		case StepIntent:
			e.countSteps(1)
			defer e.countSteps(-1)
			return e.resolve(ctx, run, book, i, nil)
		case StepUnknown:
			next := run.clone()
			ask(&next, book, i, s.Error)
			return e.record(ctx, run, next, e.entry(next, i, "asked", next.Question.Text, ""))
		case StepDone, StepFailed, StepSkipped:
		}
	}
	return e.beginVerify(ctx, run, book)
}

// act journals the intent of step i, then does it, then journals what came of it.
func (e *Engine) act(ctx context.Context, run Run, book *Runbook, i int) (Run, error) {
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
		// Of the run and the step alone, so that whoever takes over makes the same one.
		s.Intent = fmt.Sprintf("%s-%d", run.ID, i+1)
	}
	s.State, s.Attempt, s.Started, s.Ended, s.Error = StepIntent, s.Attempt+1, now, time.Time{}, reason.Reason{}
	run, err := e.record(ctx, run, next, e.entry(next, i, "intent", reason.Text(fmt.Sprintf("%s (%s), attempt %d", s.Name, s.Kind, s.Attempt)), ""))
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
	// What a step says of itself while the guardian stops may be because it stops.
	if err != nil && ctx.Err() != nil {
		return run, fmt.Errorf("run %s: step %s: stopped before its outcome was known: %w", run.ID, s.Name, ctx.Err())
	}
	if lost {
		run.Steps[i].Output = output // goes into the ledger with the answer
		return e.resolve(ctx, run, book, i, err)
	}
	return e.outcome(ctx, run, book, i, output, err)
}

// outcome journals what came of step i.
func (e *Engine) outcome(ctx context.Context, run Run, book *Runbook, i int, output string, err error) (Run, error) {
	next := run.clone()
	s := &next.Steps[i]
	s.Output = output
	detail := reason.Text("done")
	var entries []Entry
	if err == nil {
		s.State, s.Ended = StepDone, e.o.Now()
	} else {
		e.fail(&next, book, i, err)
		detail = s.Error
	}
	entries = append(entries, e.entry(next, i, "outcome", detail, ""))
	return e.recordOutcome(ctx, run, next, i, entries)
}

// fail marks step i as failed, and ends the run unless the runbook goes on after a failure.
func (e *Engine) fail(next *Run, book *Runbook, i int, err error) {
	now := e.o.Now()
	s := &next.Steps[i]
	s.State, s.Ended, s.Error = StepFailed, now, reason.Text(inWords(err))
	if book.OnFailure != OnFailureContinue {
		next.end(FailedRun, reason.Text(fmt.Sprintf("step %s failed: %s", s.Name, s.Error)), now)
	}
}

// inWords gives an error's text, bounded: it goes into the journal and into messages.
func inWords(err error) string {
	const most = 2 << 10
	text := strings.ToValidUTF8(err.Error(), "\uFFFD")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// recordOutcome journals even while the guardian is being stopped: what happened is known
// now, and would have to be asked of the world later.
func (e *Engine) recordOutcome(ctx context.Context, run, next Run, i int, entries []Entry) (Run, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
	defer cancel()
	if next.State.Final() {
		entries = append(entries, e.ended(next, ""))
	}
	out, err := e.record(ctx, run, next, entries...)
	if s := next.Steps[i]; err == nil && (s.State == StepDone || s.State == StepFailed) {
		e.metrics.steps.WithLabelValues(s.Kind, string(s.State)).Observe(s.Ended.Sub(s.Started).Seconds())
	}
	return out, err
}

// resolve settles the open intent of step i by asking the world. cause is what Do said when
// it lost sight of its effect; nil for an intent that was found after a crash.
func (e *Engine) resolve(ctx context.Context, run Run, book *Runbook, i int, cause error) (Run, error) {
	step := book.Steps[i]
	outcome, detail, err := e.askWorld(ctx, run, step, i)
	if err != nil {
		return run, err
	}
	next := run.clone()
	s := &next.Steps[i]
	s.Resolved = reason.Text(fmt.Sprintf("asked the world: %s", strings.TrimSuffix(fmt.Sprintf("%s: %s", outcome, detail), ": ")))
	if cause != nil {
		s.Error = reason.Text(inWords(cause))
	}
	resolved := e.entry(next, i, "resolved", s.Resolved, "")
	again := s.Attempt < maxAttempts
	switch {
	case outcome == Happened:
		s.State, s.Ended, s.Error = StepDone, e.o.Now(), reason.Reason{}
		return e.recordOutcome(ctx, run, next, i, []Entry{resolved, e.entry(next, i, "outcome", reason.Text("done"), "")})
	case outcome == NotHappened && cause != nil:
		e.fail(&next, book, i, cause)
		return e.recordOutcome(ctx, run, next, i, []Entry{resolved, e.entry(next, i, "outcome", next.Steps[i].Error, "")})
	case outcome == NotHappened && !again:
		e.fail(&next, book, i, fmt.Errorf("was begun %d times and never happened", s.Attempt))
		return e.recordOutcome(ctx, run, next, i, []Entry{resolved, e.entry(next, i, "outcome", next.Steps[i].Error, "")})
	case again && (outcome == NotHappened || step.Repeatable):
		if cause != nil && !pause(ctx, time.Duration(s.Attempt)*time.Second, nil) {
			return run, ctx.Err()
		}
		s.State = StepPending
		return e.record(ctx, run, next, resolved)
	default:
		s.State = StepUnknown
		ask(&next, book, i, s.Error)
		return e.record(ctx, run, next, resolved, e.entry(next, i, "asked", next.Question.Text, ""))
	}
}

// askWorld asks until it is answered; a world that cannot be reached is Unclear.
func (e *Engine) askWorld(ctx context.Context, run Run, step RunbookStep, i int) (Outcome, string, error) {
	var detail string
	for try := range asks {
		if try > 0 && !pause(ctx, time.Duration(try)*time.Second, nil) {
			return Unclear, "", ctx.Err()
		}
		if err := ctx.Err(); err != nil {
			return Unclear, "", err
		}
		// Asking may finish or undo what is half-done: it acts, so the lease must hold.
		if !e.o.LeaseValid() {
			return Unclear, "", fmt.Errorf("run %s: ask about step %s: %w", run.ID, step.Name, ErrLostLease)
		}
		askCtx, cancel := context.WithTimeout(ctx, step.Timeout)
		outcome, text, err := askSafely(askCtx, step.Step, call(run, step, i))
		cancel()
		if err == nil {
			return outcome, text, nil
		}
		detail = inWords(err)
	}
	if err := ctx.Err(); err != nil {
		return Unclear, "", err
	}
	return Unclear, detail, nil
}

// ask makes the run wait for a person who can know whether step i happened.
func ask(next *Run, book *Runbook, i int, cause reason.Reason) {
	s := next.Steps[i]
	text := fmt.Sprintf("Did step %s (%s) of run %s happen? Its intent was recorded at %s, and nothing tells what became of it.",
		s.Name, s.Kind, next.ID, s.Started.Format(time.RFC3339))
	if !cause.IsZero() {
		text += " The last error: " + cause.String()
	}
	next.Question = &Question{Code: AskOutcome, Text: reason.Text(text), Step: i}
	if book != nil {
		next.Question.Roles = book.Approval.Roles
	} else {
		next.Question.Roles = NewRunbookSettings().Approval.Roles
	}
	next.State, next.Reason = AwaitingApproval, reason.Text(fmt.Sprintf("it is not known whether step %s happened", s.Name))
}

// mismatch tells why a run cannot go on with the runbook as it is configured now.
func mismatch(run Run, book *Runbook, ok bool) reason.Reason {
	if !ok || book == nil {
		return reason.Text(fmt.Sprintf("the runbook %s is no longer configured", run.Runbook))
	}
	same := len(book.Steps) == len(run.Steps)
	for i := 0; same && i < len(run.Steps); i++ {
		same = run.Steps[i].Name == book.Steps[i].Name && run.Steps[i].Kind == book.Steps[i].Kind
	}
	if !same {
		return reason.Text(fmt.Sprintf("the steps of runbook %s were changed while this run was under way", run.Runbook))
	}
	return reason.Reason{}
}

// orphan ends a run whose runbook is gone, after a person has settled an intent that is open.
func (e *Engine) orphan(ctx context.Context, run Run, why reason.Reason) (Run, error) {
	next := run.clone()
	for i, s := range run.Steps {
		if s.State == StepIntent || s.State == StepUnknown {
			next.Steps[i].State = StepUnknown
			ask(&next, nil, i, why)
			return e.record(ctx, run, next, e.entry(next, i, "asked", next.Question.Text, ""))
		}
	}
	next.end(FailedRun, why, e.o.Now())
	return e.record(ctx, run, next, e.ended(next, ""))
}

func call(run Run, step RunbookStep, i int) Call {
	return Call{Intent: run.Steps[i].Intent, Run: run.clone(), Step: run.Steps[i], Repeatable: step.Repeatable}
}

// doSafely turns a panic of a step into an outcome that is not known.
func doSafely(ctx context.Context, s Step, c Call) (output string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the step panicked: %v: %w", p, ErrUnclear)
		}
	}()
	return s.Do(ctx, c)
}

func askSafely(ctx context.Context, s Step, c Call) (o Outcome, detail string, err error) {
	defer func() {
		if p := recover(); p != nil {
			o, err = Unclear, fmt.Errorf("the step panicked when it was asked: %v", p)
		}
	}()
	return s.Ask(ctx, c)
}

// pause waits, and tells whether the time passed undisturbed.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
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
