package actions_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"guardian/actions"
	"guardian/internal/reason"
)

// surroundings are the targets, the ledger and the checks of a guardian, which is killed at
// any of its calls to them and which they survive.
type surroundings struct {
	t       *rapid.T
	calls   int // until it is killed; negative: it lives
	lease   bool
	run     actions.Run // on disk
	effects map[string]int
	steps   []*crashStep
	wrong   string // what a step saw; it may not end the test from the engine's goroutine
}

// mayDie is called on both sides of every effect.
func (u *surroundings) mayDie() {
	if u.calls--; u.calls == 0 {
		runtime.Goexit() // like kill -9: nothing after it runs but releases of memory
	}
}

func (u *surroundings) Record(_ context.Context, r actions.Record) error {
	u.mayDie()
	if !u.lease {
		return actions.ErrLostLease
	}
	u.run = r.Run
	u.mayDie()
	return nil
}

func (u *surroundings) Ask(ctx context.Context, _ actions.Run, s actions.Symptom, _ time.Time) (actions.CheckResult, error) {
	return u.Look(ctx, s.Name)
}

func (u *surroundings) Look(context.Context, string) (actions.CheckResult, error) {
	u.mayDie()
	return actions.CheckResult{Health: "up"}, nil
}

type crashStep struct {
	u          *surroundings
	i          int
	tells      bool // the target knows what happened
	idempotent bool
	asked      int // how often a person asked to repeat it
	lose       int // answers that get lost
	fail       bool
}

func (s *crashStep) Do(_ context.Context, c actions.Call) (string, error) {
	u := s.u
	if !u.lease {
		u.wrong = fmt.Sprintf("step %d was done without the lease", s.i)
	}
	if st := u.run.Steps[s.i]; st.State != actions.StepIntent || st.Intent != c.Intent {
		u.wrong = fmt.Sprintf("step %d was done under %s, the ledger says %s %s", s.i, c.Intent, st.State, st.Intent)
	}
	u.mayDie()
	if s.fail {
		return "", fmt.Errorf("no")
	}
	u.effects[c.Intent]++
	u.mayDie()
	if s.lose > 0 {
		s.lose--
		return "", actions.ErrUnclear
	}
	return "", nil
}

func (s *crashStep) Status(_ context.Context, c actions.Call) (actions.Outcome, reason.Reason, error) {
	s.u.mayDie()
	switch {
	case !s.tells:
		return actions.Unclear, reason.Reason{}, nil
	case s.u.effects[c.Intent] > 0:
		return actions.Happened, reason.Reason{}, nil
	default:
		return actions.NotHappened, reason.Reason{}, nil
	}
}

// life lets one guardian work on the run until it waits, ends or is killed.
func (u *surroundings) life() {
	book := &actions.Runbook{
		Name: "back", OnFailure: actions.OnFailureStop,
		Verify:   actions.Verify{For: time.Minute, Every: 10 * time.Second, Successes: 2},
		Approval: actions.Approval{Quorum: 1, Roles: []string{"approver"}},
	}
	for i, s := range u.steps {
		book.Steps = append(book.Steps, actions.RunbookStep{Name: fmt.Sprint(i), Kind: "fake", Timeout: time.Minute, Idempotent: s.idempotent, Step: s})
	}
	e, err := actions.NewEngine(actions.Options{
		Runbooks: func(string) (*actions.Runbook, bool) { return book, true },
		Ledger:   u, Verifier: u, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		LeaseValid: func() bool { return u.lease },
	})
	if err != nil {
		u.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		run := u.run
		if run.ID == "" {
			if run, err = e.Create(context.Background(), u, request()); err != nil {
				return
			}
		}
		_, _ = e.Advance(context.Background(), run)
	}()
	<-done
}

// answer lets a person settle what is asked.
func (u *surroundings) answer(decision string) {
	i := u.run.Question.Step
	run, err := u.run.Answer(actions.Answer{By: "li", Role: "approver", Decision: decision}, time.Now())
	if err != nil {
		u.t.Fatal(err)
	}
	if decision == actions.Repeat {
		u.steps[i].asked++
	}
	u.run = run
}

// A run is killed between any two of its calls, loses its lease, and is taken up again:
// each step happens at most once per intent and request of a person, and the run ends.
func TestKilledAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ rapid.TB }{t}, func(t *rapid.T) { // hides Deadline, which a bubble forbids
			u := &surroundings{t: t, effects: map[string]int{}, lease: true}
			for i := range rapid.IntRange(1, 3).Draw(t, "steps") {
				u.steps = append(u.steps, &crashStep{
					u: u, i: i, tells: rapid.Bool().Draw(t, "tells"), idempotent: rapid.Bool().Draw(t, "idempotent"),
					lose: rapid.IntRange(0, 2).Draw(t, "lose"), fail: rapid.IntRange(0, 9).Draw(t, "fail") == 0,
				})
			}
			for range rapid.IntRange(0, 8).Draw(t, "lives") {
				u.calls = rapid.IntRange(1, 25).Draw(t, "calls")
				u.lease = rapid.IntRange(0, 4).Draw(t, "lease") != 0
				u.life()
				u.check()
				if u.run.State == actions.AwaitingApproval {
					u.answer(rapid.SampledFrom(u.run.Question.Choices()).Draw(t, "answer"))
				}
			}
			// From now on nobody kills it, and people say that it happened.
			u.calls, u.lease = -1, true
			for range 2*len(u.steps) + 2 {
				u.life()
				u.check()
				if u.run.State.Final() {
					break
				}
				if u.run.State == actions.AwaitingApproval {
					u.answer(actions.Done)
				}
			}
			if !u.run.State.Final() {
				t.Fatalf("the run does not end: %+v", u.run)
			}
		})
	})
}

func (u *surroundings) check() {
	if u.wrong != "" {
		u.t.Fatal(u.wrong)
	}
	for i, s := range u.run.Steps {
		n, plan := u.effects[s.Intent], u.steps[i]
		switch {
		case s.Intent == "":
		case !plan.idempotent && n > 1+plan.asked:
			u.t.Fatalf("step %d happened %d times, a person asked for %d more: %+v", i, n, plan.asked, s)
		case plan.idempotent && plan.tells && plan.lose == 0 && n > 1+plan.asked:
			u.t.Fatalf("step %d happened %d times although the target tells: %+v", i, n, s)
		case s.State == actions.StepDone && plan.tells && n == 0 && plan.asked == 0 && !plan.fail && len(u.run.Answers) == 0:
			u.t.Fatalf("step %d is done and never happened: %+v", i, s)
		}
		if i > 0 && s.State == actions.StepDone && u.run.Steps[i-1].State != actions.StepDone {
			u.t.Fatalf("step %d was done after step %d, which is %s", i, i-1, u.run.Steps[i-1].State)
		}
	}
	if u.run.State == actions.Cured {
		for i, s := range u.run.Steps {
			if s.State != actions.StepDone {
				u.t.Fatalf("cured, and step %d is %s", i, s.State)
			}
		}
	}
}
