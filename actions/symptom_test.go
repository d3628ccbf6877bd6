package actions_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guardian/actions"
)

// TestWhatMadeARunNecessaryMustBeOver draws the looks of a verification: of a check, a counter or an
// alert one letter each ten seconds, u up, s slow, d down, x unknown.
func TestWhatMadeARunNecessaryMustBeOver(t *testing.T) {
	alert := actions.Symptom{Kind: actions.SymptomAlert, Name: "PricesZero"}
	slow := actions.Symptom{Kind: actions.SymptomSlow, Name: "push", Limit: 1}
	counter := actions.Symptom{Kind: actions.SymptomCounter, Name: "orders", Rate: 0.01}
	often := func(rate float64) actions.Symptom {
		return actions.Symptom{Kind: actions.SymptomCheck, Name: "push", Rate: rate}
	}
	settles := func(s actions.Symptom, d time.Duration) actions.Symptom { s.Settles = d.Seconds(); return s }
	for name, c := range map[string]struct {
		symptoms []actions.Symptom
		failing  []string
		looks    looks
		state    actions.State
		reason   string
		took     time.Duration // at most
	}{
		"an alert that fires on is not cured, though the checks are up": {
			[]actions.Symptom{alert}, []string{"push"}, looks{"push": "u", "PricesZero": "d"}, actions.NotCured, "500", 5 * time.Minute,
		},
		"an alert that is resolved is": {
			[]actions.Symptom{alert}, []string{"push"}, looks{"push": "u", "PricesZero": "ddu"}, actions.Cured, "resolved: PricesZero", time.Minute,
		},
		"an alert that comes back is not": {
			[]actions.Symptom{alert}, nil, looks{"PricesZero": strings.Repeat("uud", 30)}, actions.NotCured, "", 5 * time.Minute,
		},
		"an alert that nobody can see is not": {
			[]actions.Symptom{alert}, nil, looks{"PricesZero": "x"}, actions.NotCured, "could not be seen: PricesZero", 5 * time.Minute,
		},
		"an alert whose rule looks back for long is waited for": {
			[]actions.Symptom{settles(alert, 10*time.Minute)}, nil, looks{"PricesZero": strings.Repeat("d", 50) + "u"}, actions.Cured, "resolved", 10 * time.Minute,
		},
		"but not for ever": {
			[]actions.Symptom{settles(alert, 10*time.Minute)}, nil, looks{"PricesZero": "d"}, actions.NotCured, "", 11 * time.Minute,
		},
		"a check that was slow and is fast again is cured": {
			[]actions.Symptom{slow}, nil, looks{"push": "ssuuu"}, actions.Cured, "as fast as before: push", time.Minute,
		},
		"a check that stays slow is not": {
			[]actions.Symptom{slow}, nil, looks{"push": "s"}, actions.NotCured, "push took 2 s, longer than 1 s", 5 * time.Minute,
		},
		"a counter that fails no more is cured": {
			[]actions.Symptom{counter}, nil, looks{"orders": "dxuxuu"}, actions.Cured, "no more than is tolerated: orders", time.Minute,
		},
		"a counter of which nothing new is known is as it was last": {
			[]actions.Symptom{counter}, nil, looks{"orders": "dx"}, actions.NotCured, "500", 5 * time.Minute,
		},
		"a counter that counts nothing is not": {
			[]actions.Symptom{counter}, nil, looks{"orders": "x"}, actions.NotCured, "orders", 5 * time.Minute,
		},
		"a check that failed one look in three must be up more often": {
			[]actions.Symptom{often(0.34)}, nil, looks{"push": "uuuuduuuuuuuuuuu"}, actions.Cured, "up again: push", 2 * time.Minute,
		},
		"a check that fails one look in three on is not cured by three looks": {
			[]actions.Symptom{often(0.34)}, nil, looks{"push": strings.Repeat("uuuud", 20)}, actions.NotCured, "", 5 * time.Minute,
		},
		"a check that failed always needs no more": {
			[]actions.Symptom{often(1)}, nil, looks{"push": "uuu"}, actions.Cured, "", 30 * time.Second,
		},
		"all of them": {
			[]actions.Symptom{alert, counter, often(1)}, nil, looks{"push": "u", "orders": "u", "PricesZero": "ddddu"}, actions.Cured, "resolved", time.Minute + 10*time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, step("a", act{do: ok}))
				maps.Copy(r.looks, c.looks)
				r.looks["api"] = "u"
				run := r.through(t, func(q *actions.Request) { q.Symptoms, q.Failing = c.symptoms, c.failing })
				if took := run.Ended.Sub(run.Created); run.State != c.state || !strings.Contains(run.Reason.String(), c.reason) || took > c.took {
					t.Errorf("%s because %q after %s; want %s because …%s… within %s", run.State, run.Reason, took, c.state, c.reason, c.took)
				}
				if len(run.Verification) < len(c.symptoms) {
					t.Errorf("the verification has %+v", run.Verification)
				}
			})
		})
	}
}

// A run that an earlier build recorded names only checks.
func TestARunWithoutSymptomsIsVerifiedByItsChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, step("a", act{do: ok}))
		r.looks["push"], r.looks["api"] = "du", "u"
		var old actions.Run
		text := `{"id": "r_1", "service": "order-sync", "runbook": "back", "rev": 4, "rollback": true, "state": "verifying", "trigger": {"kind": "verdict", "reason": {"code": "text"}},
			"steps": [{"name": "a", "kind": "fake", "state": "done"}], "failing": ["push"], "healthy": ["api"], "created": "2026-11-30T12:00:00Z"}`
		if err := json.Unmarshal([]byte(text), &old); err != nil {
			t.Fatal(err)
		}
		run, err := r.Advance(t.Context(), old)
		if err != nil || run.State != actions.Cured || run.Reason.Code != "verify_up_again" {
			t.Errorf("%s because %q, %v", run.State, run.Reason, err)
		}
	})
}
