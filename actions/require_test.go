package actions_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

func requires(name string, kind actions.SymptomKind, is string) actions.Requirement {
	return actions.Requirement{Symptom: actions.Symptom{Kind: kind, Name: name}, Title: name, Is: is}
}

// TestPreconditions: every one must be seen to be met before the first step, or nothing is done.
func TestPreconditions(t *testing.T) {
	for name, c := range map[string]struct {
		require []actions.Requirement
		looks   looks
		state   actions.State
		reason  string
	}{
		"met":                    {[]actions.Requirement{requires("backup", actions.SymptomCheck, "up"), requires("orders", actions.SymptomQuery, "up")}, looks{"backup": "u", "orders": "u"}, actions.Cured, ""},
		"one is not":             {[]actions.Requirement{requires("backup", actions.SymptomCheck, "up"), requires("orders", actions.SymptomQuery, "up")}, looks{"backup": "d", "orders": "u"}, actions.Refused, "preconditions of runbook back are not met: backup is down (500); mend them"},
		"a query is not":         {[]actions.Requirement{requires("orders", actions.SymptomQuery, "up")}, looks{"orders": "d"}, actions.Refused, "orders is beyond its limit (500)"},
		"what nobody sees":       {[]actions.Requirement{requires("backup", actions.SymptomCheck, "up")}, looks{"backup": "x"}, actions.Refused, "backup could not be seen (connection refused)"},
		"nor is it down":         {[]actions.Requirement{requires("old", actions.SymptomCheck, "down")}, looks{"old": "x"}, actions.Refused, "old could not be seen"},
		"down, as it must be":    {[]actions.Requirement{requires("old", actions.SymptomCheck, "down")}, looks{"old": "d"}, actions.Cured, ""},
		"up, and must be down":   {[]actions.Requirement{requires("old", actions.SymptomCheck, "down")}, looks{"old": "u"}, actions.Refused, "old is up"},
		"one bad look is chance": {[]actions.Requirement{requires("backup", actions.SymptomCheck, "up")}, looks{"backup": "dxu"}, actions.Cured, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				done := 0
				r := newRig(t, step("a", act{do: func(context.Context, actions.Call) (string, error) { done++; return "", nil }}))
				maps.Copy(r.looks, c.looks)
				r.looks["push"], r.looks["api"] = "u", "u"
				r.book.Require = c.require
				run := r.through(t, nil)
				if run.State != c.state || !strings.Contains(run.Reason.String(), c.reason) || (done == 0) != (c.state == actions.Refused) || len(run.Required) != len(c.require) {
					t.Errorf("%s because %q, %d steps done, seen %+v; want %s because …%s…", run.State, run.Reason, done, run.Required, c.state, c.reason)
				}
				if c.state == actions.Refused && !run.Started.IsZero() {
					t.Error("it counts as begun, so that the cool-down follows")
				}
			})
		})
	}
}

// TestPreconditionsAreLookedAtWhenApproved: how it was when the question was asked does not count, and a run
// that has begun is not stopped by them.
func TestPreconditionsAreLookedAtWhenApproved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, step("a", act{do: ok}), step("b", act{do: loses}))
		r.looks["backup"], r.looks["push"], r.looks["api"] = "u", "u", "u"
		r.book.Require = []actions.Requirement{requires("backup", actions.SymptomCheck, "up")}
		run := r.through(t, func(q *actions.Request) {
			q.Approve = reason.Text("it is watched in mode approve")
		})
		if run.State != actions.AwaitingApproval || len(run.Required) != 0 {
			t.Fatalf("%s, seen %v", run.State, run.Required)
		}
		run, err := r.Answer(t.Context(), run, actions.Answer{By: "li", Role: "approver", Decision: actions.Approve})
		if err != nil {
			t.Fatal(err)
		}
		if run, err = r.Advance(t.Context(), run); err != nil || run.State != actions.AwaitingApproval || len(run.Required) != 1 {
			t.Fatalf("%s, %v: %s", run.State, err, states(run))
		}
		r.looks["backup"] = "d"
		if run, err = r.Answer(t.Context(), run, actions.Answer{By: "li", Role: "approver", Decision: actions.Done}); err != nil {
			t.Fatal(err)
		}
		if run, err = r.Advance(t.Context(), run); err != nil || run.State != actions.Cured {
			t.Errorf("%s because %q, %v", run.State, run.Reason, err)
		}
	})
}

// TestCriteriaOfSuccess: a query must be within its limit for its time without a break, beside the symptoms;
// what is not seen proves nothing.
func TestCriteriaOfSuccess(t *testing.T) {
	for name, c := range map[string]struct {
		orders string
		push   string
		state  actions.State
		reason string
		took   time.Duration // at least
	}{
		"it holds for five minutes":             {orders: "u", push: "u", state: actions.Cured, reason: "within the limit: orders", took: 5 * time.Minute},
		"it begins to hold late":                {orders: strings.Repeat("d", 18) + "u", push: "u", state: actions.Cured, took: 8 * time.Minute},
		"a break begins the time anew":          {orders: strings.Repeat("u", 29) + "d" + "u", push: "u", state: actions.Cured, took: 10 * time.Minute},
		"it holds, and the symptom is not over": {orders: "u", push: "d", state: actions.NotCured, reason: "still down: push"},
		"it does not hold":                      {orders: "d", push: "u", state: actions.NotCured, reason: "500"},
		"it is blind":                           {orders: "x", push: "u", state: actions.NotCured, reason: "could not be seen: orders"},
		"it becomes blind before its time":      {orders: strings.Repeat("u", 29) + "x", push: "u", state: actions.NotCured, reason: "could not be seen: orders"},
		"blind looks make its time no shorter":  {orders: strings.Repeat("ux", 15) + "u", push: "u", state: actions.Cured, took: 7 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, step("a", act{do: ok}))
				r.looks["push"], r.looks["api"], r.looks["orders"] = c.push, "u", c.orders
				r.book.Verify.For = 12 * time.Minute
				r.book.Verify.Success = []actions.Symptom{{Kind: actions.SymptomQuery, Name: "orders", Limit: 0.995, Lower: true, Hold: 300}}
				run := r.through(t, nil)
				if took := run.Ended.Sub(run.VerifyingSince); run.State != c.state || !strings.Contains(run.Reason.String(), c.reason) || took < c.took {
					t.Errorf("%s because %q after %s; want %s because …%s… after at least %s", run.State, run.Reason, took, c.state, c.reason, c.took)
				}
			})
		})
	}
}

// TestWhatIsWorseIsUndoneOnlyWhereTheRunbookSaysSo: and what undoes is never undone.
func TestWhatIsWorseIsUndoneOnlyWhereTheRunbookSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		worse  string
		change func(*actions.Request)
		undo   bool
		reason string
	}{
		"it says nothing":     {"", nil, false, "nothing else is put back by itself"},
		"hold":                {actions.WorseHold, nil, false, "nothing else is put back by itself"},
		"undo":                {actions.WorseUndo, nil, true, "the rollback is undone: v2 is to be put in place again"},
		"it undoes something": {actions.WorseUndo, func(r *actions.Request) { r.Trigger.Kind = actions.ByUndo }, false, "nothing else"},
		"a drill":             {actions.WorseUndo, func(r *actions.Request) { r.Trigger.Kind = actions.ByDrill }, false, "nothing else"},
		"an operation":        {actions.WorseUndo, func(r *actions.Request) { r.To = "" }, false, "nothing else"},
		"no rollback":         {actions.WorseUndo, func(r *actions.Request) { r.Rollback = false }, false, "down now and up before"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, step("a", act{do: ok}))
				r.looks["push"], r.looks["api"] = "u", "d"
				r.book.Worse = c.worse
				run := r.through(t, c.change)
				if run.State != actions.Worse || run.UndoNext != c.undo || !strings.Contains(run.Reason.String(), c.reason) {
					t.Errorf("%s because %q, undone next: %v; want %v because …%s…", run.State, run.Reason, run.UndoNext, c.undo, c.reason)
				}
			})
		})
	}
}
