package actions_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

// What happens to an intent without an outcome, by what the target says, how often the step
// was begun, and whether it is idempotent.
func TestAnIntentWithoutOutcome(t *testing.T) {
	const most = 5
	for name, c := range map[string]struct {
		attempt    int
		idempotent bool
		says       actions.Outcome
		done       int // how often it is done now
		state      actions.State
		code       string // of the run's reason
	}{
		"it did not happen: it is done now":              {1, false, actions.NotHappened, 1, actions.Cured, "verify_up_again"},
		"it did not happen, and was begun often enough":  {most, false, actions.NotHappened, 0, actions.FailedRun, "run_step_failed"},
		"also when it is idempotent":                     {most, true, actions.NotHappened, 0, actions.FailedRun, "run_step_failed"},
		"it happened":                                    {most, false, actions.Happened, 0, actions.Cured, "verify_up_again"},
		"nobody knows: a person is asked":                {1, false, actions.Unclear, 0, actions.AwaitingApproval, "run_outcome_unknown"},
		"nobody knows, but doing it twice does no harm":  {1, true, actions.Unclear, 1, actions.Cured, "verify_up_again"},
		"nobody knows, and it was repeated often enough": {most, true, actions.Unclear, 0, actions.AwaitingApproval, "run_outcome_unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				done := 0
				s := step("a", act{
					do: func(context.Context, actions.Call) (string, error) { done++; return "", nil },
					status: func(context.Context, actions.Call) (actions.Outcome, reason.Reason, error) {
						return c.says, reason.Reason{}, nil
					},
				})
				s.Idempotent = c.idempotent
				r := newRig(t, s)
				r.looks["push"], r.looks["api"] = "u", "u"
				run, err := r.Create(t.Context(), r.ledger, request())
				if err != nil {
					t.Fatal(err)
				}
				// As a guardian left it that was killed.
				run.Rev++
				run.Steps = []actions.StepRun{{Name: "a", Kind: "fake", State: actions.StepIntent, Intent: "r_1-1", Attempt: c.attempt}}
				if run, err = r.Advance(t.Context(), run); err != nil {
					t.Fatal(err)
				}
				if done != c.done || run.State != c.state || run.Reason.Code != c.code {
					t.Errorf("it is done %d times, the run is %s because of %s; want %d, %s, %s", done, run.State, run.Reason.Code, c.done, c.state, c.code)
				}
				if run.Steps[0].Resolved.Code != "step_status_"+c.says.String() {
					t.Errorf("it was resolved by %q, want what the target said: %s", run.Steps[0].Resolved, c.says)
				}
			})
		})
	}
}

// A target that still works is asked again, until the step's timeout (a minute) is over, and the step
// is done once. Each letter is an answer: . it works, h it happened, n it did not, x none.
func TestATargetThatStillWorksIsAskedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		answers string
		age     time.Duration // since the step began
		done    int           // how often it is done now
		state   actions.State
		within  time.Duration
	}{
		"until it happened":                          {".....h", 0, 0, actions.Cured, time.Minute},
		"until it turns out that it did not":         {"...n", 0, 1, actions.Cured, time.Minute},
		"through answers that are lost":              {"..x.x.h", 0, 0, actions.Cured, time.Minute},
		"until it failed, and is not done again":     {"..f", 0, 0, actions.FailedRun, time.Minute},
		"until its timeout is over":                  {strings.Repeat(".", 40), 0, 0, actions.AwaitingApproval, time.Minute},
		"a step that began earlier has less time":    {strings.Repeat(".", 40), 50 * time.Second, 0, actions.AwaitingApproval, 10 * time.Second},
		"a step whose timeout is over is asked once": {"..", time.Hour, 0, actions.AwaitingApproval, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				done, answers := 0, c.answers
				r := newRig(t, step("a", act{
					do: func(context.Context, actions.Call) (string, error) { done++; return "", nil },
					status: func(context.Context, actions.Call) (actions.Outcome, reason.Reason, error) {
						a := answers[0]
						answers = answers[1:]
						switch a {
						case 'h':
							return actions.Happened, reason.Reason{}, nil
						case 'n':
							return actions.NotHappened, reason.Reason{}, nil
						case 'f':
							return actions.Failed, reason.Text("the build is red"), nil
						case 'x':
							return actions.Unclear, reason.Reason{}, errors.New("connection refused")
						default:
							return actions.Pending, reason.Text("pending"), nil
						}
					},
				}))
				r.looks["push"], r.looks["api"] = "u", "u"
				began := time.Now()
				run, err := r.Advance(t.Context(), killed(t, r, began.Add(-c.age)))
				if err != nil {
					t.Fatal(err)
				}
				if took := run.Steps[0].Ended.Sub(began); done != c.done || run.State != c.state || took > c.within {
					t.Errorf("it was done %d times, the run is %s after %s; want %d, %s within %s", done, run.State, took, c.done, c.state, c.within)
				}
				if run.State == actions.AwaitingApproval && time.Since(began) > c.within {
					t.Errorf("a person is asked after %s, want %s", time.Since(began), c.within)
				}
			})
		})
	}
}

// killed is a run as a guardian left it that was killed during its first step.
func killed(t *testing.T, r *rig, began time.Time) actions.Run {
	t.Helper()
	run, err := r.Create(t.Context(), r.ledger, request())
	if err != nil {
		t.Fatal(err)
	}
	run.Rev++
	run.Steps = []actions.StepRun{{Name: "a", Kind: "fake", State: actions.StepIntent, Intent: "r_1-1", Attempt: 1, Started: began}}
	return run
}

func TestAPersonMayAbortARunWhoseTargetStillWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, step("a", act{status: func(context.Context, actions.Call) (actions.Outcome, reason.Reason, error) {
			return actions.Pending, reason.Reason{}, nil
		}}))
		run := killed(t, r, time.Now())
		ended := make(chan actions.Run)
		go func() {
			run, _ := r.Advance(t.Context(), run)
			ended <- run
		}()
		time.Sleep(5 * time.Second)
		if r.Acting() {
			t.Error("a step is under way while nobody is asked: a guardian that stops would wait for it")
		}
		if _, err := r.Abort(t.Context(), run, "ada", "enough"); err != nil {
			t.Fatal(err)
		}
		if run := <-ended; run.State != actions.FailedRun || run.Steps[0].State != actions.StepUnknown {
			t.Errorf("the run is %s, its step %s", run.State, run.Steps[0].State)
		}
	})
}

// Without the lease a target is not asked, which may finish or undo what is half-done, and no
// check is looked at, which may cost quota.
func TestWithoutTheLeaseNothingIsAskedNorLookedAt(t *testing.T) {
	for name, err := range map[string]error{"a target": actions.ErrUnclear, "a check": nil} {
		t.Run(name, func(t *testing.T) {
			asked := false
			valid := true
			r := newRig(t, step("a", act{
				do: func(context.Context, actions.Call) (string, error) { valid = false; return "", err },
				status: func(context.Context, actions.Call) (actions.Outcome, reason.Reason, error) {
					asked = true
					return actions.Happened, reason.Reason{}, nil
				},
			}))
			r.lease = func() bool { return valid }
			r.looks["push"] = "du"
			run, err := r.Create(t.Context(), r.ledger, request())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Advance(t.Context(), run); !errors.Is(err, actions.ErrLostLease) {
				t.Errorf("error %v, want ErrLostLease", err)
			}
			if asked || r.looks["push"] != "du" {
				t.Errorf("asked %v, looks left %q; want neither", asked, r.looks["push"])
			}
		})
	}
}
