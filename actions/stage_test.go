package actions_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

func fails(context.Context, actions.Call) (string, error) { return "no", errors.New("exit status 3") }

func loses(context.Context, actions.Call) (string, error) { return "", actions.ErrUnclear }

// member is a step of a group.
func member(name, group string, a act) actions.RunbookStep {
	s := step(name, a)
	s.Group = group
	return s
}

// reserve is a step of the fallback.
func reserve(name string, a act) actions.RunbookStep {
	s := step(name, a)
	s.Fallback = true
	return s
}

func states(run actions.Run) string {
	var all []string
	for _, s := range run.Steps {
		all = append(all, s.Name+" "+string(s.State))
	}
	return strings.Join(all, ", ")
}

// TestWhatFollowsAFailedStep: stop, continue or fallback, of the step or of the runbook, alone or in a group.
func TestWhatFollowsAFailedStep(t *testing.T) {
	of := func(s actions.RunbookStep, choice string) actions.RunbookStep {
		s.OnFailure = choice
		return s
	}
	bad, good, lost := act{do: fails}, act{do: ok}, act{do: loses}
	for name, c := range map[string]struct {
		book   string // on_failure of the runbook
		steps  []actions.RunbookStep
		state  actions.State
		want   string // the steps
		reason string
		fell   string // why the fallback was done
	}{
		"it stops": {
			steps: []actions.RunbookStep{step("a", bad), step("b", good), reserve("f", good)},
			state: actions.FailedRun, want: "a failed, b skipped, f skipped", reason: "step a failed: exit status 3",
		},
		"the fallback follows": {
			book:  "fallback",
			steps: []actions.RunbookStep{step("a", bad), step("b", good), reserve("f", good), reserve("g", good)},
			state: actions.Cured, want: "a failed, b skipped, f done, g done", reason: "the steps of the fallback were done", fell: "step a failed: exit status 3",
		},
		"nothing fails: the fallback is not touched": {
			book:  "fallback",
			steps: []actions.RunbookStep{step("a", good), reserve("f", bad)},
			state: actions.Cured, want: "a done, f skipped",
		},
		"the fallback fails: it has none of its own": {
			book:  "fallback",
			steps: []actions.RunbookStep{step("a", bad), reserve("f", bad), reserve("g", good)},
			state: actions.FailedRun, want: "a failed, f failed, g skipped", reason: "step f failed", fell: "step a failed",
		},
		"the fallback goes on where its step says so": {
			book:  "fallback",
			steps: []actions.RunbookStep{step("a", bad), of(reserve("f", bad), "continue"), reserve("g", good)},
			state: actions.Cured, want: "a failed, f failed, g done", reason: "steps failed: a and f", fell: "step a failed",
		},
		"a step goes on, the runbook would stop": {
			steps: []actions.RunbookStep{of(step("a", bad), "continue"), step("b", good)},
			state: actions.Cured, want: "a failed, b done", reason: "steps failed: a",
		},
		"a step stops, the runbook would go on": {
			book:  "continue",
			steps: []actions.RunbookStep{of(step("a", bad), "stop"), step("b", good)},
			state: actions.FailedRun, want: "a failed, b skipped", reason: "step a failed",
		},
		"the others of a group come to their end before it stops": {
			steps: []actions.RunbookStep{member("a", "shops", bad), member("b", "shops", good), step("c", good)},
			state: actions.FailedRun, want: "a failed, b done, c skipped", reason: "step a failed",
		},
		"of several that failed, stop counts most": {
			steps: []actions.RunbookStep{of(member("a", "shops", bad), "fallback"), member("b", "shops", bad), of(member("c", "shops", bad), "continue"), reserve("f", good)},
			state: actions.FailedRun, want: "a failed, b failed, c failed, f skipped", reason: "step b failed",
		},
		"and the fallback more than going on": {
			book:  "continue",
			steps: []actions.RunbookStep{of(member("a", "shops", bad), "fallback"), member("b", "shops", bad), reserve("f", good)},
			state: actions.Cured, want: "a failed, b failed, f done", reason: "steps failed: a and b", fell: "step a failed",
		},
		"a person is asked before anything follows": {
			book:  "fallback",
			steps: []actions.RunbookStep{member("a", "shops", bad), member("b", "shops", lost), member("c", "shops", good), reserve("f", good)},
			state: actions.AwaitingApproval, want: "a failed, b unknown, c done, f pending", reason: "not known whether step b happened",
		},
		"two groups in a row are two": {
			steps: []actions.RunbookStep{member("a", "shops", bad), member("b", "stock", good)},
			state: actions.FailedRun, want: "a failed, b skipped",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, c.steps...)
				r.looks["push"], r.looks["api"] = "u", "u"
				if c.book != "" {
					r.book.OnFailure = c.book
				}
				run := r.through(t, nil)
				if run.State != c.state || states(run) != c.want || !strings.Contains(run.Reason.String(), c.reason) || !strings.Contains(run.FellBack.String(), c.fell) || (c.fell == "") != run.FellBack.IsZero() {
					t.Errorf("%s because %q, %s, fell back because %q\nwant %s because …%s…, %s, …%s…", run.State, run.Reason, states(run), run.FellBack, c.state, c.reason, c.want, c.fell)
				}
			})
		})
	}
}

// TestAGroupIsDoneAtTheSameTime: each with an intent and an outcome of its own.
func TestAGroupIsDoneAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		under, most := 0, 0
		slow := act{do: func(context.Context, actions.Call) (string, error) {
			mu.Lock()
			under++
			most = max(most, under)
			mu.Unlock()
			time.Sleep(30 * time.Second)
			mu.Lock()
			under--
			mu.Unlock()
			return "fine", nil
		}}
		var steps []actions.RunbookStep
		for i := range 40 {
			steps = append(steps, member(fmt.Sprint("shop-", i), "shops", slow))
		}
		r := newRig(t, append(steps, step("after", slow))...)
		r.looks["push"], r.looks["api"] = "u", "u"
		began := time.Now()
		run := r.through(t, nil)
		took := run.Steps[40].Ended.Sub(began)
		if most != 16 || run.State != actions.Cured || took != 4*30*time.Second {
			t.Errorf("%d at the same time, %s after %s; want 16, cured after three rounds and a step", most, run.State, took)
		}
		intents := map[string]int{}
		for _, e := range r.ledger.entries {
			if e.What == "intent" || e.What == "outcome" {
				intents[e.Intent+" "+e.What]++
			}
		}
		if len(intents) != 82 || run.Steps[40].Started.Before(run.Steps[39].Ended) {
			t.Errorf("%d lines of intents and outcomes: %v", len(intents), intents)
		}
	})
}

// TestAnAbortLetsAGroupComeToItsEnd: what is under way finishes, and nothing more is begun.
func TestAnAbortLetsAGroupComeToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := act{do: func(context.Context, actions.Call) (string, error) { time.Sleep(time.Minute); return "fine", nil }}
		var steps []actions.RunbookStep
		for i := range 20 {
			s := member(fmt.Sprint(i), "shops", slow)
			s.Timeout = time.Hour
			steps = append(steps, s)
		}
		r := newRig(t, steps...)
		run, err := r.Create(t.Context(), r.ledger, request())
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() {
			if _, err := r.Abort(t.Context(), run, "li", "wrong shop"); err != nil {
				t.Error(err)
			}
		})
		run, err = r.Advance(t.Context(), run)
		if err != nil || run.State != actions.FailedRun || strings.Count(states(run), "done") != 16 || strings.Count(states(run), "skipped") != 4 {
			t.Errorf("%s, %v: %s", run.State, err, states(run))
		}
	})
}

// TestAGroupIsTakenUpAfterACrash: each member's own target says what became of it.
func TestAGroupIsTakenUpAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		did := map[string]int{}
		var mu sync.Mutex
		says := func(o actions.Outcome) act {
			return act{
				do: func(_ context.Context, c actions.Call) (string, error) {
					mu.Lock()
					defer mu.Unlock()
					did[c.Step.Name]++
					return "fine", nil
				},
				status: func(context.Context, actions.Call) (actions.Outcome, reason.Reason, error) {
					return o, reason.Reason{}, nil
				},
			}
		}
		r := newRig(t, member("happened", "shops", says(actions.Happened)), member("not", "shops", says(actions.NotHappened)),
			member("failed", "shops", says(actions.Failed)), member("new", "shops", says(actions.Happened)), step("after", says(actions.Happened)))
		r.book.OnFailure = actions.OnFailureContinue
		r.looks["push"], r.looks["api"] = "u", "u"
		run, err := r.Create(t.Context(), r.ledger, request())
		if err != nil {
			t.Fatal(err)
		}
		run.Rev++
		for i := range 3 {
			run.Steps[i].State, run.Steps[i].Intent, run.Steps[i].Attempt, run.Steps[i].Started = actions.StepIntent, fmt.Sprintf("r_1-%d", i+1), 1, time.Now()
		}
		run, err = r.Advance(t.Context(), run)
		if err != nil || run.State != actions.Cured || states(run) != "happened done, not done, failed failed, new done, after done" {
			t.Errorf("%s, %v: %s", run.State, err, states(run))
		}
		if did["happened"] != 0 || did["not"] != 1 || did["failed"] != 0 || did["new"] != 1 || did["after"] != 1 {
			t.Errorf("done: %v", did)
		}
	})
}

// TestALostLeaseEndsAGroup: nothing more is begun, and what comes to its end is not recorded by this guardian.
func TestALostLeaseEndsAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun atomic.Int32
		r := newRig(t)
		one := act{do: func(context.Context, actions.Call) (string, error) {
			begun.Add(1)
			time.Sleep(time.Second)
			return "fine", nil
		}}
		r.book.Steps = []actions.RunbookStep{member("a", "shops", one), member("b", "shops", one), member("c", "shops", one)}
		for i := range r.book.Steps {
			r.book.Steps[i].Timeout = time.Minute
		}
		records := 0
		r.lease = func() bool { records++; return records < 3 }
		run, err := r.Create(t.Context(), r.ledger, request())
		if err != nil {
			t.Fatal(err)
		}
		run, err = r.Advance(t.Context(), run)
		if !errors.Is(err, actions.ErrLostLease) || begun.Load() != 2 || run.Steps[2].State != actions.StepIntent {
			t.Errorf("%v, %d begun: %s", err, begun.Load(), states(run))
		}
	})
}
