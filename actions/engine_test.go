package actions_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"guardian/actions"
	"guardian/internal/reason"
)

func TestRunEnds(t *testing.T) {
	broken := errors.New("exit status 3")
	for name, c := range map[string]struct {
		looks  looks
		steps  []actions.RunbookStep
		book   func(*actions.Runbook)
		change func(*actions.Request)
		state  actions.State
		reason string // contained in the reason
		steps2 string // the states of the steps
	}{
		"cured when what failed is up three times in a row": {
			looks: looks{"push": "dduduuu", "api": "u"}, state: actions.Cured, reason: "up again: push", steps2: "done done",
		},
		"a look that could not be had breaks no row": {
			looks: looks{"push": "uxuxud", "api": "u"}, state: actions.Cured, steps2: "done done",
		},
		"not cured when it stays down": {
			looks: looks{"push": "d", "api": "u"}, state: actions.NotCured, reason: "still down: push (500)", steps2: "done done",
		},
		"not cured when nobody could look, and says so": {
			looks: looks{"push": "x", "api": "u"}, state: actions.NotCured, reason: "could not be seen: push (connection refused)", steps2: "done done",
		},
		"not cured when it comes and goes": {
			looks: looks{"push": strings.Repeat("uud", 30), "api": "u"}, state: actions.NotCured, steps2: "done done",
		},
		"worse when what was up is down": {
			looks: looks{"push": "u", "api": "d"}, state: actions.Worse, reason: "api (500)", steps2: "done done",
		},
		"a single bad look makes nothing worse": {
			looks: looks{"push": "u", "api": "du"}, state: actions.Cured, steps2: "done done",
		},
		"blind on what was up makes nothing worse": {
			looks: looks{"push": "u", "api": "x"}, state: actions.Cured, steps2: "done done",
		},
		"a person's rollback proves all that was up": {
			looks: looks{"api": "u"}, change: func(r *actions.Request) { r.Failing = nil }, state: actions.Cured, reason: "api", steps2: "done done",
		},
		"a runbook's own checks are proven too": {
			looks: looks{"push": "u", "api": "u", "stock": "d"}, book: func(b *actions.Runbook) { b.Verify.Checks = []string{"stock"} },
			state: actions.NotCured, reason: "stock", steps2: "done done",
		},
		"with nothing to look at it says so": {
			change: func(r *actions.Request) { r.Failing, r.Healthy = nil, nil }, state: actions.Cured, reason: "no check is configured", steps2: "done done",
		},
		"a failed step stops the rest": {
			steps: []actions.RunbookStep{step("a", act{do: func(context.Context, actions.Call) (string, error) { return "no", broken }}), step("b", act{do: ok})},
			state: actions.FailedRun, reason: "step a failed: exit status 3", steps2: "failed skipped",
		},
		"a failed step lets the rest go on where the runbook says so": {
			looks: looks{"push": "u", "api": "u"},
			steps: []actions.RunbookStep{step("a", act{do: func(context.Context, actions.Call) (string, error) { return "no", broken }}), step("b", act{do: ok})},
			book:  func(b *actions.Runbook) { b.OnFailure = actions.OnFailureContinue },
			state: actions.Cured, reason: "steps failed: a", steps2: "failed done",
		},
		"a lost answer is settled by the target: it happened": {
			looks: looks{"push": "u", "api": "u"},
			steps: []actions.RunbookStep{step("a", act{
				do: func(context.Context, actions.Call) (string, error) { return "", actions.ErrUnclear },
				status: func(context.Context, actions.Call) (actions.Outcome, reason.Reason, error) {
					return actions.Happened, reason.Text("v1 runs"), nil
				},
			})},
			state: actions.Cured, steps2: "done",
		},
		"a lost answer is settled by the target: it did not": {
			steps: []actions.RunbookStep{step("a", act{
				do: func(context.Context, actions.Call) (string, error) { return "", actions.ErrUnclear },
				status: func(context.Context, actions.Call) (actions.Outcome, reason.Reason, error) {
					return actions.NotHappened, reason.Reason{}, nil
				},
			})},
			state: actions.FailedRun, steps2: "failed",
		},
		"a lost answer that nobody can settle asks a person": {
			steps: []actions.RunbookStep{step("a", act{do: func(context.Context, actions.Call) (string, error) { return "", actions.ErrUnclear }})},
			state: actions.AwaitingApproval, reason: "not known whether step a happened", steps2: "unknown",
		},
		"a step that overruns its time is not taken for failed": {
			steps: []actions.RunbookStep{step("a", act{do: func(ctx context.Context, _ actions.Call) (string, error) { <-ctx.Done(); return "", ctx.Err() }})},
			state: actions.AwaitingApproval, steps2: "unknown",
		},
		"a step that panics is not taken for failed": {
			steps: []actions.RunbookStep{step("a", act{do: func(context.Context, actions.Call) (string, error) { panic("nil map") }})},
			state: actions.AwaitingApproval, steps2: "unknown",
		},
		"a guard's no is the end": {
			change: func(r *actions.Request) {
				r.Refusals = []actions.Refusal{{Code: actions.InCooldown, Detail: reason.Text("wait")}}
			},
			state: actions.Refused, reason: "cool-down: wait", steps2: "skipped skipped",
		},
		"the brake asks a person": {
			change: func(r *actions.Request) {
				r.Refusals = []actions.Refusal{{Code: actions.Brake, Detail: reason.Text("three red")}}
			},
			state: actions.AwaitingApproval, reason: "three red", steps2: "pending pending",
		},
		"mode approve asks a person": {
			change: func(r *actions.Request) { r.Approve = reason.Text("order-sync is watched in mode approve") },
			state:  actions.AwaitingApproval, steps2: "pending pending",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if c.steps == nil {
					c.steps = []actions.RunbookStep{step("a", act{do: ok}), step("b", act{do: ok})}
				}
				r := newRig(t, c.steps...)
				maps.Copy(r.looks, c.looks)
				if c.book != nil {
					c.book(r.book)
				}
				run := r.through(t, c.change)
				var states []string
				for _, s := range run.Steps {
					states = append(states, string(s.State))
				}
				if run.State != c.state || !strings.Contains(run.Reason.String(), c.reason) || strings.Join(states, " ") != c.steps2 {
					t.Errorf("%s because %q, steps %s; want %s because …%s…, steps %s", run.State, run.Reason, strings.Join(states, " "), c.state, c.reason, c.steps2)
				}
				if run.State.Final() {
					if got := testutil.ToFloat64(mustCounter(t, r.reg, "verdict", string(run.State))); got != 1 {
						t.Errorf("guardian_runs_total is %v, want 1", got)
					}
					if r.ledger.run.State != run.State {
						t.Errorf("the ledger says %s", r.ledger.run.State)
					}
				}
			})
		})
	}
}

// mustCounter gives the one series of guardian_runs_total with these labels.
func mustCounter(t *testing.T, reg *prometheus.Registry, trigger, state string) prometheus.Collector {
	t.Helper()
	fams, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fams {
		for _, m := range f.GetMetric() {
			if f.GetName() == "guardian_runs_total" && m.GetLabel()[0].GetValue() == state && m.GetLabel()[1].GetValue() == trigger {
				c := prometheus.NewCounter(prometheus.CounterOpts{Name: "x", Help: "x"})
				c.Add(m.GetCounter().GetValue())
				return c
			}
		}
	}
	t.Fatalf("no guardian_runs_total{trigger=%q,state=%q}", trigger, state)
	return nil
}

func TestLedgerSaysEverythingInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, step("a", act{do: ok}), step("b", act{do: ok}))
		r.looks["push"], r.looks["api"] = "u", "u"
		run := r.through(t, nil)
		want := "created intent outcome intent outcome verifying verified ended"
		if got := r.ledger.whats(); got != want {
			t.Errorf("the ledger says %q, want %q", got, want)
		}
		if run.Steps[0].Intent == "" || run.Steps[0].Intent == run.Steps[1].Intent {
			t.Errorf("intents %q and %q; each step needs one of its own", run.Steps[0].Intent, run.Steps[1].Intent)
		}
		if !slices.Contains(r.seen, actions.Verifying) || r.seen[len(r.seen)-1] != actions.Cured {
			t.Errorf("the observer saw %v", r.seen)
		}
	})
}

func TestNothingHappensWithoutItsIntentOnDisk(t *testing.T) {
	did := false
	r := newRig(t, step("a", act{do: func(context.Context, actions.Call) (string, error) { did = true; return "", nil }}))
	run, err := r.Create(t.Context(), r.ledger, request())
	if err != nil {
		t.Fatal(err)
	}
	r.ledger.fail = errors.New("disk full")
	if _, err = r.Advance(t.Context(), run); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("error %v, want that the disk is full", err)
	}
	r.ledger.fail = actions.ErrLostLease
	if _, err = r.Advance(t.Context(), run); !errors.Is(err, actions.ErrLostLease) {
		t.Errorf("error %v, want ErrLostLease", err)
	}
	r.ledger.fail = nil
	r.lease = func() bool { return false } // it ran out after the record
	if _, err = r.Advance(t.Context(), run); !errors.Is(err, actions.ErrLostLease) {
		t.Errorf("error %v, want ErrLostLease", err)
	}
	if did {
		t.Error("the step was done")
	}
}

func TestStopDuringStepLeavesItsIntentOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		r := newRig(t, step("a", act{
			do: func(ctx context.Context, _ actions.Call) (string, error) {
				if tries++; tries == 1 {
					<-ctx.Done()
					return "", errors.New("connection reset")
				}
				return "", nil
			},
			status: func(context.Context, actions.Call) (actions.Outcome, reason.Reason, error) {
				return actions.NotHappened, reason.Text("nothing there"), nil
			},
		}))
		r.looks["push"], r.looks["api"] = "u", "u"
		run, err := r.Create(t.Context(), r.ledger, request())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		run, err = r.Advance(ctx, run)
		if !errors.Is(err, context.DeadlineExceeded) || run.Steps[0].State != actions.StepIntent {
			t.Fatalf("%v, step %s; want it stopped with an open intent", err, run.Steps[0].State)
		}
		intent := run.Steps[0].Intent
		run, err = r.Advance(t.Context(), r.ledger.run)
		if err != nil || run.State != actions.Cured {
			t.Fatalf("%v, %v", run.State, err)
		}
		s := run.Steps[0]
		if s.Intent != intent || s.Attempt != 2 || !strings.Contains(s.Resolved.String(), "nothing there") {
			t.Errorf("intent %s, attempt %d, resolved %q; want %s, 2 and what the target said", s.Intent, s.Attempt, s.Resolved, intent)
		}
	})
}

func TestAnOldValueOfARunIsNotActedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		times := 0
		r := newRig(t, step("a", act{do: func(context.Context, actions.Call) (string, error) { times++; return "", nil }}))
		r.looks["push"], r.looks["api"] = "u", "u"
		old, err := r.Create(t.Context(), r.ledger, request())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			got, err := r.Advance(t.Context(), old)
			if err != nil || got.State != actions.Cured {
				t.Fatalf("%s, %v", got.State, err)
			}
		}
		if times != 1 {
			t.Errorf("the step was done %d times", times)
		}
		if _, err := r.Abort(t.Context(), old, "li", ""); !errors.Is(err, actions.ErrRunIsOver) {
			t.Errorf("abort of what is over: %v", err)
		}
	})
}

func TestAbort(t *testing.T) {
	t.Run("waits for the step under way and skips the rest", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			second := false
			r := newRig(t,
				step("a", act{do: func(context.Context, actions.Call) (string, error) { time.Sleep(10 * time.Second); return "", nil }}),
				step("b", act{do: func(context.Context, actions.Call) (string, error) { second = true; return "", nil }}))
			run, err := r.Create(t.Context(), r.ledger, request())
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan actions.Run)
			go func() {
				run, err := r.Advance(t.Context(), run)
				if err != nil {
					t.Error(err)
				}
				done <- run
			}()
			synctest.Wait()
			if _, err := r.Advance(t.Context(), run); !errors.Is(err, actions.ErrRunIsActing) {
				t.Errorf("a second Advance: %v, want ErrRunIsActing", err)
			}
			if _, err := r.Abort(t.Context(), run, "li", "wrong service"); err != nil {
				t.Error(err)
			}
			got := <-done
			if got.State != actions.FailedRun || !strings.Contains(got.Reason.String(), "li: wrong service") ||
				got.Steps[0].State != actions.StepDone || got.Steps[1].State != actions.StepSkipped || second {
				t.Errorf("%s because %q, steps %s %s", got.State, got.Reason, got.Steps[0].State, got.Steps[1].State)
			}
		})
	})
	t.Run("ends a verification at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, step("a", act{do: ok}))
			r.looks["push"] = "d"
			run, err := r.Create(t.Context(), r.ledger, request())
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan actions.Run)
			began := time.Now()
			go func() {
				run, _ := r.Advance(t.Context(), run)
				done <- run
			}()
			time.Sleep(25 * time.Second)
			if _, err := r.Abort(t.Context(), run, "li", ""); err != nil {
				t.Error(err)
			}
			if got := <-done; got.State != actions.FailedRun || time.Since(began) != 25*time.Second {
				t.Errorf("%s after %s", got.State, time.Since(began))
			}
		})
	})
	t.Run("ends a run that waits", func(t *testing.T) {
		r := newRig(t, step("a", act{do: ok}))
		run := r.through(t, func(q *actions.Request) { q.Approve = reason.Text("why") })
		run, err := r.Abort(t.Context(), run, "li", "")
		if err != nil || run.State != actions.FailedRun || r.ledger.run.State != actions.FailedRun {
			t.Errorf("%s, %v", run.State, err)
		}
	})
}

func TestPersonSettlesAnOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var intents []string
		r := newRig(t, step("a", act{do: func(_ context.Context, c actions.Call) (string, error) {
			intents = append(intents, c.Intent)
			if len(intents) == 1 {
				return "", actions.ErrUnclear
			}
			return "", nil
		}}))
		r.looks["push"], r.looks["api"] = "u", "u"
		run := r.through(t, nil)
		if run.Question == nil || run.Question.Code != actions.AskOutcome {
			t.Fatalf("nobody is asked: %+v", run)
		}
		run, err := r.Answer(t.Context(), run, actions.Answer{By: "li", Role: "approver", Decision: "repeat"})
		if err != nil {
			t.Fatal(err)
		}
		run, err = r.Advance(t.Context(), run)
		if err != nil || run.State != actions.Cured {
			t.Fatalf("%s, %v", run.State, err)
		}
		if len(intents) != 2 || intents[0] != intents[1] {
			t.Errorf("done under the intents %v, want the same one twice", intents)
		}
	})
}

func TestRunbookGoneMidway(t *testing.T) {
	r := newRig(t, step("a", act{do: ok}), step("b", act{do: ok}))
	run, err := r.Create(t.Context(), r.ledger, request())
	if err != nil {
		t.Fatal(err)
	}
	r.book.Steps = r.book.Steps[:1]
	run, err = r.Advance(t.Context(), run)
	if err != nil || run.State != actions.FailedRun || !strings.Contains(run.Reason.String(), "changed while this run was under way") {
		t.Errorf("%s because %q, %v", run.State, run.Reason, err)
	}
}

func TestMetricsAreWellFormed(t *testing.T) {
	r := newRig(t)
	problems, err := testutil.GatherAndLint(r.reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestEngineNeedsItsParts(t *testing.T) {
	_, err := actions.NewEngine(actions.Options{Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "Ledger") || strings.Contains(err.Error(), "Log ") {
		t.Errorf("error %v, want one that names what is missing", err)
	}
}

func TestARunThatSetsKillSwitchesIsOverWhenTheyAreSet(t *testing.T) {
	set := actions.RunbookStep{Name: "pause", Kind: "flag", Step: act{do: ok}}
	for name, c := range map[string]struct {
		steps    []actions.RunbookStep
		rollback bool
		verified bool
	}{
		"of an alert":                 {steps: []actions.RunbookStep{set}},
		"with another step":           {steps: []actions.RunbookStep{set, step("restart", act{do: ok})}, verified: true},
		"as the rollback of a deploy": {steps: []actions.RunbookStep{set}, rollback: true, verified: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, c.steps...)
				r.looks["push"], r.looks["api"] = "u", "u"
				run := r.through(t, func(q *actions.Request) { q.Rollback = c.rollback })
				if run.State != actions.Cured || slices.Contains(r.seen, actions.Verifying) != c.verified {
					t.Errorf("%s (%s) after %v", run.State, run.Reason, r.seen)
				}
			})
		})
	}
}
