package actions_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guardian/actions"
)

// TestTheTimeOfAVerificationGoesOnUnderTheNextGuardian: five minutes, of which a guardian is dead for a while. The
// looks are those of the guardian after.
func TestTheTimeOfAVerificationGoesOnUnderTheNextGuardian(t *testing.T) {
	counter := actions.Symptom{Kind: actions.SymptomCounter, Name: "orders", Rate: 0.01, Settles: 60}
	alert := actions.Symptom{Kind: actions.SymptomAlert, Name: "PricesZero", Settles: 60}
	for name, c := range map[string]struct {
		symptoms   []actions.Symptom
		dies, dead time.Duration
		looks      looks
		state      actions.State
		ends       time.Duration // at most, since it began to be verified
		lasts      time.Duration // at least
	}{
		"it is down on":                             {dies: 4 * time.Minute, dead: time.Second, looks: looks{"push": "d"}, state: actions.NotCured, ends: 5 * time.Minute},
		"it is up by then":                          {dies: time.Minute, dead: 10 * time.Minute, looks: looks{"push": "u"}, state: actions.Cured, ends: 12 * time.Minute},
		"it is still down when the time is over":    {dies: time.Minute, dead: 10 * time.Minute, looks: looks{"push": "d"}, state: actions.NotCured, ends: 12 * time.Minute},
		"the first look after is one of chance":     {dies: time.Minute, dead: 10 * time.Minute, looks: looks{"push": "xuuu"}, state: actions.Cured, ends: 12 * time.Minute},
		"its counter needs a minute to say it":      {symptoms: []actions.Symptom{counter}, dies: time.Minute, dead: 10 * time.Minute, looks: looks{"push": "u", "orders": "xxxxxxuuu"}, state: actions.Cured, ends: 13 * time.Minute},
		"its alert must be evaluated anew":          {symptoms: []actions.Symptom{alert}, dies: time.Minute, dead: 10 * time.Minute, looks: looks{"push": "u", "PricesZero": "dddddddduuu"}, state: actions.Cured, ends: 14 * time.Minute},
		"what is left is left, and no more is made": {dies: 2 * time.Minute, dead: time.Minute, looks: looks{"push": strings.Repeat("d", 9) + "u"}, state: actions.Cured, ends: 5 * time.Minute},
		"nor less": {dies: time.Second, dead: time.Second, looks: looks{"push": "d"}, state: actions.NotCured, ends: 5 * time.Minute, lasts: 4*time.Minute + 40*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, step("a", act{do: ok}))
				r.looks["push"], r.looks["orders"], r.looks["PricesZero"], r.looks["api"] = "d", "d", "d", "u"
				req := request()
				req.Symptoms = c.symptoms
				run, err := r.Create(t.Context(), r.ledger, req)
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), c.dies)
				defer cancel()
				if run, err = r.Advance(ctx, run); err == nil || run.State != actions.Verifying {
					t.Fatalf("it is %s, %v; want it verifying when the guardian dies", run.State, err)
				}
				time.Sleep(c.dead)
				maps.Copy(r.looks, c.looks)
				if run, err = r.Advance(t.Context(), r.ledger.run); err != nil {
					t.Fatal(err)
				}
				if took := run.Ended.Sub(began); run.State != c.state || took > c.ends || took < c.lasts {
					t.Errorf("%s because %q after %s; want %s between %s and %s", run.State, run.Reason, took, c.state, c.lasts, c.ends)
				}
			})
		})
	}
}

// TestAVerificationThatNobodyInterruptsLastsAsLongAsItMay: a journal takes its time, which is no gap.
func TestAVerificationThatNobodyInterruptsLastsAsLongAsItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, step("a", act{do: ok}))
		r.book.Verify.For, r.ledger.takes = 30*time.Second, 20*time.Millisecond
		r.looks["push"], r.looks["PricesZero"], r.looks["api"] = "d", "d", "u"
		run := r.through(t, func(q *actions.Request) {
			q.Symptoms = []actions.Symptom{{Kind: actions.SymptomAlert, Name: "PricesZero", Settles: 2}}
		})
		if took := run.Ended.Sub(run.VerifyingSince); run.State != actions.NotCured || took > 31*time.Second {
			t.Errorf("%s after %s", run.State, took)
		}
	})
}

// TestAVerificationOfAnEarlierBuildCountsFromItsLastStep: it did not write down since when it goes on.
func TestAVerificationOfAnEarlierBuildCountsFromItsLastStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, step("a", act{do: ok}))
		r.looks["push"], r.looks["api"] = "d", "u"
		began := time.Now()
		old := actions.Run{
			ID: "r_1", Service: "order-sync", Runbook: "back", Rev: 4, Rollback: true, State: actions.Verifying, Failing: []string{"push"}, Healthy: []string{"api"},
			Created: began, Started: began, Steps: []actions.StepRun{{Name: "a", Kind: "fake", State: actions.StepDone, Ended: began}},
		}
		time.Sleep(4 * time.Minute)
		run, err := r.Advance(t.Context(), old)
		if took := run.Ended.Sub(began); err != nil || run.State != actions.NotCured || took > 5*time.Minute {
			t.Errorf("%s after %s, %v", run.State, took, err)
		}
	})
}

// TestARuleThatLooksBackForHoursKeepsNoRunForHours: and what it says within that time is not taken for a failure.
func TestARuleThatLooksBackForHoursKeepsNoRunForHours(t *testing.T) {
	alert := func(settles time.Duration) []actions.Symptom {
		return []actions.Symptom{{Kind: actions.SymptomAlert, Name: "PricesZero", Settles: settles.Seconds()}}
	}
	for name, c := range map[string]struct {
		settles time.Duration
		lasts   time.Duration // verify.for
		looks   looks
		state   actions.State
		reason  string
		took    time.Duration // at most
		unseen  bool
	}{
		"it fires on, and nobody can tell":        {settles: 6 * time.Hour, looks: looks{"push": "u", "PricesZero": "d"}, state: actions.NotCured, reason: "looks back over, or keeps it firing for, 6 h: until 2000-01-01 06:00:00 UTC it cannot tell", took: 5 * time.Minute, unseen: true},
		"it resolves all the same":                {settles: 6 * time.Hour, looks: looks{"push": "u", "PricesZero": "ddu"}, state: actions.Cured, reason: "resolved: PricesZero", took: time.Minute},
		"a check that is down says enough":        {settles: 6 * time.Hour, looks: looks{"push": "d", "PricesZero": "d"}, state: actions.NotCured, reason: "still down: push", took: 5 * time.Minute},
		"half an hour is waited for":              {settles: 30 * time.Minute, looks: looks{"push": "u", "PricesZero": strings.Repeat("d", 170) + "u"}, state: actions.Cured, reason: "resolved", took: 30 * time.Minute},
		"and then it counts":                      {settles: 30 * time.Minute, looks: looks{"push": "u", "PricesZero": "d"}, state: actions.NotCured, reason: "500", took: 31 * time.Minute},
		"an hour is not":                          {settles: time.Hour, looks: looks{"push": "u", "PricesZero": "d"}, state: actions.NotCured, reason: "cannot tell", took: 5 * time.Minute, unseen: true},
		"unless the runbook says to wait so long": {settles: time.Hour, lasts: time.Hour, looks: looks{"push": "u", "PricesZero": strings.Repeat("d", 350) + "u"}, state: actions.Cured, reason: "resolved", took: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, step("a", act{do: ok}))
				if c.lasts > 0 {
					r.book.Verify.For = c.lasts
				}
				r.looks["api"] = "u"
				maps.Copy(r.looks, c.looks)
				run := r.through(t, func(q *actions.Request) { q.Symptoms = alert(c.settles) })
				if took := run.Ended.Sub(run.Created); run.State != c.state || !strings.Contains(run.Reason.String(), c.reason) || took > c.took || run.Unseen() != c.unseen {
					t.Errorf("%s because %q after %s, unseen %v; want %s because …%s… within %s, %v", run.State, run.Reason, took, run.Unseen(), c.state, c.reason, c.took, c.unseen)
				}
			})
		})
	}
}

// TestWhatCuredNothingIsNotToldAsACure: a person may roll back what is healthy.
func TestWhatCuredNothingIsNotToldAsACure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, step("a", act{do: ok}))
		r.looks["push"], r.looks["api"] = "u", "u"
		well := r.through(t, func(q *actions.Request) { q.Failing, q.Healthy = nil, []string{"push", "api"} })
		if well.State != actions.Cured || well.Standing() != "done" || well.Reason.String() != "up: push and api" {
			t.Errorf("%s, told as %s because %q", well.State, well.Standing(), well.Reason)
		}
		if ended := r.ledger.entries[len(r.ledger.entries)-1].Detail.String(); ended != "done: up: push and api" {
			t.Errorf("the ledger says %q", ended)
		}
		ill := r.through(t, func(q *actions.Request) { q.ID = "r_2" })
		if ill.Standing() != "cured" || ill.Reason.String() != "up again: push" {
			t.Errorf("told as %s because %q", ill.Standing(), ill.Reason)
		}
	})
}
