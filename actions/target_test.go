package actions_test

import (
	"context"
	"testing"
	"testing/synctest"

	"guardian/actions"
	"guardian/internal/reason"
)

// place is the settings of a kind that says what it acts on.
type place struct{ addresses []string }

func (p place) Targets() []string { return p.addresses }

func TestAStepOfADrillThatActsOnWhatProductionActsOnIsForbidden(t *testing.T) {
	production := actions.Production{
		Owned: map[string]string{"flag pause": "the kill switch pause"},
		Claims: []actions.Claim{{
			Runbook: "back", Step: "put back", Kind: "docker", Settings: place{[]string{"docker {{.Service}}", "image {{.To}}"}},
			Run: actions.Run{Service: "orders", Environment: "production"},
		}, {
			Runbook: "back", Step: "shop", Kind: "docker", Settings: place{[]string{"shop {{.Shop}}"}}, Shop: "tb-main",
			Run: actions.Run{Service: "orders", Environment: "production"},
		}, {Runbook: "old", Step: "mute", Kind: "mute", Settings: struct{}{}}},
	}
	run := actions.Run{ID: "r_9", Service: "orders-staging", Environment: "staging", From: "v2", To: "v1"}
	for name, c := range map[string]struct {
		settings any
		code     string
	}{
		"another place":                       {place{[]string{"docker orders-staging"}}, ""},
		"the same place, in words":            {place{[]string{"docker orders"}}, "drill_target_production"},
		"the same place, by a template":       {place{[]string{`docker {{printf "%.6s" .Service}}`}}, "drill_target_production"},
		"a template that is another place":    {place{[]string{"docker {{.Service}}"}}, ""},
		"the shop of a step for each shop":    {place{[]string{"shop tb-main"}}, "drill_target_production"},
		"another shop":                        {place{[]string{"shop tb-test"}}, ""},
		"one of several is the same":          {place{[]string{"docker orders-staging", "image v1"}}, "drill_target_production"},
		"what production uses without a step": {place{[]string{"flag pause"}}, "drill_target_owned"},
		"a kind that cannot tell":             {struct{}{}, "drill_target_untold"},
		"a step that names nothing":           {place{}, "drill_target_untold"},
	} {
		if why := production.Forbids("docker", c.settings, actions.Call{Run: run}); why.Code != c.code {
			t.Errorf("%s: %q (%s), want %q", name, why.Code, why, c.code)
		}
	}
}

// Before each step is asked whether the run may do it; after a crash also before its target is asked,
// which may finish what was begun.
func TestAForbiddenStepIsNotDoneAndEndsItsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var done []string
		note := func(name string) act {
			return act{
				do: func(context.Context, actions.Call) (string, error) { done = append(done, name); return "", nil },
				status: func(context.Context, actions.Call) (actions.Outcome, reason.Reason, error) {
					done = append(done, "status of "+name)
					return actions.Happened, reason.Reason{}, nil
				},
			}
		}
		r := newRig(t, step("first", note("first")), step("second", note("second")))
		r.forbid = func(_ actions.Run, s actions.RunbookStep) reason.Reason {
			if s.Name == "second" {
				return reason.New("drill_in_production", "service", "order-sync")
			}
			return reason.Reason{}
		}
		run, err := r.Create(t.Context(), r.ledger, request())
		if err != nil {
			t.Fatal(err)
		}
		run, err = r.Advance(t.Context(), run)
		if err != nil || run.State != actions.FailedRun || run.Reason.Code != "run_step_forbidden" || run.Steps[1].State != actions.StepSkipped {
			t.Errorf("%s (%s), its second step %s, %v", run.State, run.Reason, run.Steps[1].State, err)
		}
		if want := "created intent outcome refused ended"; r.ledger.whats() != want {
			t.Errorf("the ledger says %q, want %q", r.ledger.whats(), want)
		}
		run.State, run.Steps[1].State, run.ID = actions.Running, actions.StepIntent, "r_2" // as a crash leaves it
		run, err = r.Advance(t.Context(), run)
		if err != nil || run.State != actions.FailedRun || run.Steps[1].State != actions.StepUnknown {
			t.Errorf("after a crash: %s, its second step %s, %v", run.State, run.Steps[1].State, err)
		}
		if len(done) != 1 || done[0] != "first" {
			t.Errorf("done: %v", done)
		}
	})
}
