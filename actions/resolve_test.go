package actions_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

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
