package actions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"guardian/internal/reason"
)

// maxParallel bounds how many steps of one run are under way at the same time.
const maxParallel = 16

// task is one step that is worked on: it is done or, when its intent was found after a crash, its target
// is asked what became of it.
type task struct {
	run     Run // as it was recorded last
	step    RunbookStep
	i       int
	attempt int
	asks    bool
	wake    <-chan struct{} // closed when the run is to be aborted
}

// result is what came of a task.
type result struct {
	i       int
	err     error // the task ended before its outcome was known
	did     bool  // the step was done, so that output is new
	output  string
	failed  error // of Do
	asked   bool  // the target was asked, and said outcome
	outcome Outcome
	detail  reason.Reason
}

// stageWork is what stage works on.
type stageWork struct {
	steps []int
	claim *claim
}

// errNoResult is that of a task that ended without one.
var errNoResult = errors.New("the step ended without a result")

// stage works on steps at the same time until all are over, or something keeps it from going on: then it
// begins no more and waits for those under way. The caller's goroutine owns the run: it alone changes
// and records it. Each step's own goroutine only does the step, or asks its target, and hands in what
// came of it.
func (e *Engine) stage(ctx context.Context, run Run, book *Runbook, w stageWork) (Run, error) {
	results := make(chan result, maxParallel)
	under := map[int]bool{}
	var halt error
	for {
		for halt == nil && len(under) < maxParallel {
			i, ok := startable(run, w.steps, under)
			if !ok {
				break
			}
			if e.abortOf(w.claim) != nil {
				halt = errAborted
				break
			}
			e.countSteps(1)
			var t task
			if run, t, halt = e.beginStep(ctx, run, book, i); halt != nil {
				e.countSteps(-1)
				break
			}
			t.wake = w.claim.wake
			under[i] = true
			go func() {
				r := result{i: t.i, err: fmt.Errorf("run %s: step %s: %w", t.run.ID, t.step.Name, errNoResult)}
				defer func() { results <- r }()
				r = e.perform(ctx, t)
			}()
		}
		if len(under) == 0 {
			return run, halt
		}
		r := <-results
		delete(under, r.i)
		var err error
		if run, err = e.recordResult(ctx, run, book, r); halt == nil {
			halt = err
		}
		e.countSteps(-1)
	}
}

// startable gives a step of a stage that is to be worked on and is not yet.
func startable(run Run, stage []int, under map[int]bool) (int, bool) {
	for _, i := range stage {
		s := run.Steps[i].State
		if run.State == Running && !under[i] && (s == StepPending || s == StepIntent) {
			return i, true
		}
	}
	return 0, false
}

// beginStep journals the intent of a step, unless it has one that a crash left.
func (e *Engine) beginStep(ctx context.Context, run Run, book *Runbook, i int) (Run, task, error) {
	t := task{run: run, step: book.Steps[i], i: i, attempt: run.Steps[i].Attempt}
	if err := ctx.Err(); err != nil {
		return run, t, err
	}
	if run.Steps[i].State == StepIntent {
		t.asks = true
		return run, t, nil
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
		return run, t, err
	}
	// The ledger fenced the write; between it and the act the lease may have run out.
	if !e.o.LeaseValid() {
		return run, t, fmt.Errorf("run %s: step %s: %w", run.ID, s.Name, ErrLostLease)
	}
	t.run, t.attempt = run, s.Attempt
	return run, t, nil
}

// perform does a step, and asks its target when that leaves it open whether it happened.
func (e *Engine) perform(ctx context.Context, t task) result {
	r := result{i: t.i}
	if !t.asks {
		stepCtx, cancel := context.WithTimeout(ctx, t.step.Timeout)
		defer cancel()
		output, err := doSafely(stepCtx, t.step.Step, call(t.run, t.step, t.i))
		// An error that a step gives while the guardian stops may be there because it stops.
		if err != nil && ctx.Err() != nil {
			r.err = fmt.Errorf("run %s: step %s: stopped before its outcome was known: %w", t.run.ID, t.step.Name, ctx.Err())
			return r
		}
		r.did, r.output, r.failed = true, output, err
		if !errors.Is(err, ErrUnclear) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			return r
		}
	}
	r.asked = true
	if r.outcome, r.detail, r.err = e.status(ctx, t); r.err != nil {
		return r
	}
	repeats := r.outcome != Happened && r.outcome != Failed && r.outcome != NotHappened && t.step.Idempotent && t.attempt < maxAttempts
	if r.failed != nil && repeats && !Pause(ctx, time.Duration(t.attempt)*time.Second, nil) {
		r.err = ctx.Err()
	}
	return r
}

// recordResult journals what came of a step, and what follows when nothing else is under way.
func (e *Engine) recordResult(ctx context.Context, run Run, book *Runbook, r result) (Run, error) {
	if r.err != nil {
		return run, r.err
	}
	next := run.clone()
	s := &next.Steps[r.i]
	if r.did {
		s.Output = r.output
	}
	what, detail := s.take(r, book.Steps[r.i].Idempotent)
	var entries []Entry
	if r.asked {
		entries = append(entries, e.entry(next, r.i, "resolved", s.Resolved))
	}
	if what != "" {
		s.Ended = e.o.Now()
		entries = append(entries, e.entry(next, r.i, what, detail))
	}
	entries = append(entries, e.settle(&next, book)...)
	out, err := e.recordDespiteStop(ctx, run, next, entries...)
	if s.Ended.After(s.Started) && err == nil && what != "" {
		e.metrics.steps.WithLabelValues(s.Kind, string(s.State)).Observe(s.Ended.Sub(s.Started).Seconds())
	}
	return out, err
}

// take applies the result of a step to it, and gives the entry of the ledger about its outcome; "": it
// is begun again, or a person must say what became of it.
func (s *StepRun) take(r result, idempotent bool) (what string, detail reason.Reason) {
	if r.failed != nil && r.asked {
		s.Error = bounded(ReasonOf(r.failed))
	}
	if r.asked {
		s.Resolved = r.outcome.words(r.detail)
	}
	done := func() (string, reason.Reason) {
		s.State, s.Error = StepDone, reason.Reason{}
		return "outcome", reason.New("step_done")
	}
	failed := func(why reason.Reason) (string, reason.Reason) {
		s.State, s.Error = StepFailed, why
		return "outcome", why
	}
	again := s.Attempt < maxAttempts
	switch {
	case !r.asked && r.failed == nil:
		return done()
	case !r.asked:
		return failed(bounded(ReasonOf(r.failed)))
	case r.outcome == Happened:
		return done()
	case r.outcome == Failed:
		return failed(s.Resolved)
	case r.outcome == NotHappened && r.failed != nil:
		return failed(s.Error)
	case r.outcome == NotHappened && !again:
		return failed(reason.New("step_never_happened", "attempts", s.Attempt))
	case again && (r.outcome == NotHappened || idempotent):
		s.State = StepPending
		return "", reason.Reason{}
	default:
		s.State = StepUnknown
		return "", reason.Reason{}
	}
}
