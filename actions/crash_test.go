package actions_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
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
	t         testing.TB
	onFailure string
	lease     bool

	mu      sync.Mutex
	run     actions.Run // on disk
	effects map[string]int
	steps   []*crashStep
	wrong   string // what a step saw; it may not end the test from the engine's goroutine
}

// life is one guardian. Its goroutines die together: each at its next call.
type life struct {
	*surroundings
	lease bool // that it has, as long as it lives
	calls int  // until it is killed; negative: it lives
	dead  bool
}

// mayDie is called on both sides of every effect, which happens only while the guardian lives.
func (l *life) mayDie(effect func()) {
	l.mu.Lock()
	if l.calls--; l.calls == 0 {
		l.dead = true
	}
	dead := l.dead
	if !dead && effect != nil {
		effect()
	}
	l.mu.Unlock()
	if dead {
		runtime.Goexit() // like kill -9: nothing after it runs but releases of memory
	}
}

func (l *life) Record(_ context.Context, r actions.Record) error {
	var err error
	l.mayDie(func() {
		if err = actions.ErrLostLease; l.lease {
			l.run, err = r.Run, nil
		}
	})
	l.mayDie(nil)
	return err
}

func (l *life) Ask(ctx context.Context, _ actions.Run, s actions.Symptom, _ time.Time) (actions.CheckResult, error) {
	return l.Look(ctx, s.Name)
}

func (l *life) Look(context.Context, string) (actions.CheckResult, error) {
	l.mayDie(nil)
	return actions.CheckResult{Health: "up"}, nil
}

// crashStep is a step's target, and how the runbook has it.
type crashStep struct {
	i          int
	tells      bool // the target knows what happened
	idempotent bool
	asked      int // how often a person asked to repeat it
	lose       int // answers that get lost
	fail       bool
	group      string
	onFailure  string
	fallback   bool
}

// living is a step as one guardian does it.
type living struct {
	*crashStep
	l *life
}

func (s living) Do(_ context.Context, c actions.Call) (string, error) {
	l, lost := s.l, false
	l.mayDie(func() {
		if !l.lease {
			l.wrong = fmt.Sprintf("step %d was done without the lease", s.i)
		}
		if st := l.run.Steps[s.i]; st.State != actions.StepIntent || st.Intent != c.Intent {
			l.wrong = fmt.Sprintf("step %d was done under %s, the ledger says %s %s", s.i, c.Intent, st.State, st.Intent)
		}
		for i, st := range l.run.Steps {
			if st.State == actions.StepIntent && l.stageOf(i) != l.stageOf(s.i) {
				l.wrong = fmt.Sprintf("step %d was done while step %d was under way", s.i, i)
			}
		}
		if !s.fail {
			l.effects[c.Intent]++
		}
		if lost = s.lose > 0 && !s.fail; lost {
			s.lose--
		}
	})
	l.mayDie(nil)
	switch {
	case s.fail:
		return "", fmt.Errorf("no")
	case lost:
		return "", actions.ErrUnclear
	default:
		return "", nil
	}
}

func (s living) Status(_ context.Context, c actions.Call) (o actions.Outcome, why reason.Reason, err error) {
	s.l.mayDie(func() {
		switch {
		case !s.tells:
			o = actions.Unclear
		case s.l.effects[c.Intent] > 0:
			o = actions.Happened
		default:
			o = actions.NotHappened
		}
	})
	return o, why, nil
}

// stageOf numbers the stages: steps in a row of one group are one.
func (u *surroundings) stageOf(i int) (stage int) {
	for k := 1; k <= i; k++ {
		if s, before := u.steps[k], u.steps[k-1]; s.group == "" || s.group != before.group || s.fallback != before.fallback {
			stage++
		}
	}
	return stage
}

// follows is what the runbook says of a step that failed.
func (u *surroundings) follows(s *crashStep) string {
	switch {
	case s.onFailure != "":
		return s.onFailure
	case s.fallback:
		return actions.OnFailureStop
	default:
		return u.onFailure
	}
}

// live lets one guardian work on the run until it waits, ends or is killed; it tells whether it was.
func (u *surroundings) live(calls int) (killed bool) {
	l := &life{surroundings: u, lease: u.lease, calls: calls}
	book := &actions.Runbook{
		Name: "back", OnFailure: u.onFailure,
		Verify:   actions.Verify{For: time.Minute, Every: 10 * time.Second, Successes: 2},
		Approval: actions.Approval{Quorum: 1, Roles: []string{"approver"}},
	}
	for i, s := range u.steps {
		book.Steps = append(book.Steps, actions.RunbookStep{
			Name: fmt.Sprint(i), Kind: "fake", Timeout: time.Minute, Idempotent: s.idempotent, Step: living{s, l},
			Group: s.group, OnFailure: s.onFailure, Fallback: s.fallback,
		})
	}
	e, err := actions.NewEngine(actions.Options{
		Runbooks: func(string) (*actions.Runbook, bool) { return book, true },
		Ledger:   l, Verifier: l, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		LeaseValid: func() bool { return l.lease },
	})
	if err != nil {
		u.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		run := u.run
		if run.ID == "" {
			if run, err = e.Create(context.Background(), l, request()); err != nil {
				return
			}
		}
		_, _ = e.Advance(context.Background(), run)
	}()
	<-done
	l.mu.Lock()
	defer l.mu.Unlock()
	killed, l.dead = l.dead, true // what it left under way is dead, too
	return killed
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

// finish lets guardians that nobody kills take the run to its end; people say that what is asked happened.
func (u *surroundings) finish() {
	u.lease = true
	for range 2*len(u.steps) + 2 {
		u.live(-1)
		u.check()
		if u.run.State.Final() {
			return
		}
		if u.run.State == actions.AwaitingApproval {
			u.answer(actions.Done)
		}
	}
	u.t.Fatalf("the run does not end: %+v", u.run)
}

// drawSteps draws a runbook: steps, some of them in groups, and a fallback.
func drawSteps(t *rapid.T) []*crashStep {
	var steps []*crashStep
	normal := rapid.IntRange(1, 5).Draw(t, "steps")
	reserves := rapid.IntRange(0, 2).Draw(t, "fallback")
	for i := range normal + reserves {
		s := &crashStep{
			i: i, tells: rapid.Bool().Draw(t, "tells"), idempotent: rapid.Bool().Draw(t, "idempotent"),
			lose: rapid.IntRange(0, 2).Draw(t, "lose"), fail: rapid.IntRange(0, 5).Draw(t, "fail") == 0,
			group:     rapid.SampledFrom([]string{"", "shops", "shops", "stock"}).Draw(t, "group"),
			onFailure: rapid.SampledFrom([]string{"", "", actions.OnFailureStop, actions.OnFailureContinue, actions.OnFailureFallback}).Draw(t, "on_failure"),
			fallback:  i >= normal,
		}
		if s.fallback && s.onFailure == actions.OnFailureFallback {
			s.onFailure = ""
		}
		steps = append(steps, s)
	}
	return steps
}

// A run is killed between any two of its calls, loses its lease, and is taken up again:
// each step happens at most once per intent and request of a person, in its order, those of a group
// together, the fallback's only after a failure, and the run ends.
func TestKilledAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ rapid.TB }{t}, func(t *rapid.T) { // hides Deadline, which a bubble forbids
			u := &surroundings{t: rapidTB{t: t}, effects: map[string]int{}, lease: true, steps: drawSteps(t)}
			u.onFailure = rapid.SampledFrom([]string{actions.OnFailureStop, actions.OnFailureContinue, actions.OnFailureFallback}).Draw(t, "book")
			for range rapid.IntRange(0, 8).Draw(t, "lives") {
				calls := rapid.IntRange(1, 40).Draw(t, "calls")
				u.lease = rapid.IntRange(0, 4).Draw(t, "lease") != 0
				u.live(calls)
				u.check()
				if u.run.State == actions.AwaitingApproval {
					u.answer(rapid.SampledFrom(u.run.Question.Choices()).Draw(t, "answer"))
				}
			}
			u.finish()
		})
	})
}

// TestKilledAtEveryPoint: a guardian is killed at each of its calls, one after the other, in a run of steps, a
// group and a fallback. Afterwards every step that should have happened did, once.
func TestKilledAtEveryPoint(t *testing.T) {
	for _, fails := range []bool{false, true} {
		points := 0
		for killed := true; killed; points++ {
			synctest.Test(t, func(t *testing.T) {
				u := &surroundings{t: t, effects: map[string]int{}, lease: true, onFailure: actions.OnFailureFallback}
				for i, group := range []string{"", "shops", "shops", "shops", "", ""} {
					u.steps = append(u.steps, &crashStep{i: i, tells: true, group: group, fallback: i == 5, fail: fails && i == 2})
				}
				killed = u.live(points + 1)
				u.check()
				u.finish()
				want := map[bool]string{false: "[1 1 1 1 1 0]", true: "[1 1 0 1 0 1]"}[fails]
				var happened []int
				for _, s := range u.run.Steps {
					happened = append(happened, u.effects[s.Intent])
				}
				got := fmt.Sprint(happened)
				if got != want || u.run.State != actions.Cured {
					t.Errorf("killed at call %d: %s, effects %s, want %s", points+1, u.run.State, got, want)
				}
			})
		}
		if points < 25 {
			t.Errorf("only %d points were found", points)
		}
	}
}

func (u *surroundings) check() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.wrong != "" {
		u.t.Fatal(u.wrong)
	}
	fell := !u.run.FellBack.IsZero()
	for i, s := range u.run.Steps {
		u.checkEffects(i, s)
		if s.Intent == "" {
			continue
		}
		if s.Fallback && !fell {
			u.t.Fatalf("step %d of the fallback was begun, and the run did not fall back", i)
		}
		for k, before := range u.run.Steps[:i] {
			if u.stageOf(k) == u.stageOf(i) || before.Fallback != s.Fallback {
				continue
			}
			over := before.State == actions.StepDone || before.State == actions.StepFailed && u.follows(u.steps[k]) == actions.OnFailureContinue
			if !over && !(fell && !s.Fallback) {
				u.t.Fatalf("step %d was begun after step %d, which is %s", i, k, before.State)
			}
		}
	}
	u.checkEnd(fell)
}

// checkEffects looks at how often a step happened.
func (u *surroundings) checkEffects(i int, s actions.StepRun) {
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
}

// checkEnd looks at a run that is over.
func (u *surroundings) checkEnd(fell bool) {
	caused := slices.ContainsFunc(u.steps, func(s *crashStep) bool {
		return s.i < len(u.run.Steps) && u.run.Steps[s.i].State == actions.StepFailed && u.follows(s) == actions.OnFailureFallback
	})
	if fell && !caused {
		u.t.Fatalf("the run fell back, and no step failed that says so: %+v", u.run.Steps)
	}
	if u.run.State != actions.Cured {
		return
	}
	for i, s := range u.run.Steps {
		failed := s.State == actions.StepFailed && (u.follows(u.steps[i]) == actions.OnFailureContinue || fell && !s.Fallback && u.follows(u.steps[i]) == actions.OnFailureFallback)
		skipped := s.State == actions.StepSkipped && s.Fallback != fell
		if s.State != actions.StepDone && !failed && !skipped {
			u.t.Fatalf("cured, and step %d is %s", i, s.State)
		}
	}
}

// rapidTB is a rapid.T where a testing.TB is wanted: only Fatal and Fatalf are used.
type rapidTB struct {
	testing.TB
	t *rapid.T
}

func (r rapidTB) Fatal(args ...any)                 { r.t.Fatal(args...) }
func (r rapidTB) Fatalf(format string, args ...any) { r.t.Fatalf(format, args...) }
