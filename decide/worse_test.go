package decide_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/reason"
	"guardian/internal/windows"
	"guardian/watch"
)

// worse is a rollback of v2 to v1 after which the check "read" is down, and push still is.
func worse(ended time.Duration) actions.Run {
	r := rolledBack("v2", "v1", ended, actions.Worse)
	r.UndoNext, r.Healthy = true, []string{"read"}
	r.Steps = []actions.StepRun{{Name: "a", State: actions.StepDone, Ended: ago(ended)}}
	r.Verification = []actions.CheckResult{{Check: "push", Health: "down"}, {Check: "read", Health: "down"}, {Check: "slow", Kind: actions.SymptomSlow, Health: "down"}}
	return r
}

// TestWhatFollowsWhenItIsWorse: the version that was taken back is put in place again, once, and not against
// what people or a newer deploy said since.
func TestWhatFollowsWhenItIsWorse(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world, *actions.Run)
		follow bool
		asks   bool
		refuse []string
	}{
		"the rollback is undone":                     {change: func(*world, *actions.Run) {}, follow: true},
		"the runbook did not say so":                 {change: func(_ *world, r *actions.Run) { r.UndoNext = false }},
		"it is not worse":                            {change: func(_ *world, r *actions.Run) { r.State = actions.NotCured }},
		"that was long ago":                          {change: func(_ *world, r *actions.Run) { r.Ended = ago(decide.MaxUndoAge + time.Second) }},
		"the fault of a drill stays away":            {change: func(_ *world, r *actions.Run) { r.Trigger.Drill = "dr_1" }},
		"the service is gone from the configuration": {change: func(w *world, _ *actions.Run) { w.settings.Services = w.settings.Services[1:] }},
		"in mode approve a person is asked":          {change: func(w *world, _ *actions.Run) { w.settings.Services[0].Watch.Mode = watch.Approve }, follow: true, asks: true},
		"in mode observe, too":                       {change: func(w *world, _ *actions.Run) { w.settings.Services[0].Watch.Mode = watch.Observe }, follow: true, asks: true},
		"the cool-down does not keep it":             {change: func(w *world, _ *actions.Run) { w.settings.Runbooks["back"] = decide.Runbook{Cooldown: time.Hour} }, follow: true},
		"a newer deploy came":                        {change: func(w *world, _ *actions.Run) { w.past.deploys = append(w.past.deploys, deploy("v3", time.Second)) }, follow: true, refuse: []string{"superseded"}},
		"people hold what is automatic": {change: func(w *world, _ *actions.Run) {
			w.settings.Holds = []windows.Window{{Kind: windows.Hold, From: ago(time.Hour), To: noon().Add(time.Hour)}}
		}, follow: true, refuse: []string{"hold"}},
		"a freeze keeps rollbacks": {change: func(w *world, _ *actions.Run) {
			w.settings.Freezes = []watch.Freeze{{Name: "sale", From: ago(time.Hour), To: noon().Add(time.Hour)}}
		}, follow: true, refuse: []string{"freeze"}},
		"another run is under way": {change: func(w *world, _ *actions.Run) {
			w.past.runs = append(w.past.runs, actions.Run{ID: "r_x", Service: "orders", Environment: production, Runbook: "restart", State: actions.Running, Created: ago(time.Second)})
		}, follow: true, refuse: []string{"run_in_progress"}},
		"it was undone before": {change: func(w *world, r *actions.Run) {
			w.past.runs = append(w.past.runs, actions.Run{ID: "r_y", Service: "orders", Environment: production, Runbook: "back", State: actions.FailedRun, Created: ago(time.Second), Trigger: actions.Trigger{Kind: actions.ByUndo, Run: r.ID}})
		}, follow: true, refuse: []string{"already_rolled_back"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			run := worse(time.Minute)
			c.change(w, &run)
			w.past.runs = append([]actions.Run{run}, w.past.runs...)
			req, follows, err := w.decider().Undo(t.Context(), run, w.present, noon())
			if err != nil || follows != c.follow {
				t.Fatalf("follows: %v, %v; want %v", follows, err, c.follow)
			}
			if !follows {
				return
			}
			if got := codes(req.Refusals); !slices.Equal(got, slices.Concat([]string{}, c.refuse)) || req.Approve.IsZero() == c.asks {
				t.Errorf("refused: %v, approval %q; want %v, %v", got, req.Approve, c.refuse, c.asks)
			}
			if req.From != "v1" || req.To != "v2" || req.Trigger.Run != run.ID || req.Trigger.Kind != actions.ByUndo || !slices.Equal(req.Failing, []string{"read"}) {
				t.Errorf("%+v", req)
			}
		})
	}
}

// TestWhatRunsAfterARollbackWasUndone is the version that it had taken back; the other one is bad since.
func TestWhatRunsAfterARollbackWasUndone(t *testing.T) {
	w := newWorld()
	undo := rolledBack("v1", "v2", time.Minute, actions.Cured)
	undo.Trigger = actions.Trigger{Kind: actions.ByUndo, Run: "r_v2"}
	w.past.runs = []actions.Run{undo, worse(5 * time.Minute)}
	current, err := w.decider().CurrentVersion(t.Context(), "orders", production)
	if err != nil || current != "v2" {
		t.Errorf("%s runs, %v", current, err)
	}
	goods, err := w.decider().KnownGoods(t.Context(), "orders", production, noon())
	if err != nil || len(goods) != 0 {
		t.Errorf("known good are %v, %v: v1 made it worse", goods, err)
	}
}

// TestWhetherAFallbackPutAVersionBack: another way to the same end does, switches alone do not.
func TestWhetherAFallbackPutAVersionBack(t *testing.T) {
	step := func(state actions.StepState, kind string, fallback bool) actions.StepRun {
		return actions.StepRun{Kind: kind, State: state, Fallback: fallback}
	}
	skipped := step(actions.StepSkipped, "ssh", false)
	skipped.Skipped = reason.New("run_fell_back")
	for name, c := range map[string]struct {
		state actions.State
		fell  bool
		steps []actions.StepRun
		want  bool
	}{
		"its steps are done":                  {actions.Running, false, []actions.StepRun{step(actions.StepDone, "docker", false), step(actions.StepPending, "ssh", true)}, true},
		"one is not":                          {actions.Running, false, []actions.StepRun{step(actions.StepDone, "docker", false), step(actions.StepIntent, "docker", false)}, false},
		"one was not meant":                   {actions.Running, false, []actions.StepRun{step(actions.StepDone, "docker", false), skipped}, true},
		"none was meant":                      {actions.Running, false, []actions.StepRun{skipped}, false},
		"a fallback that acts":                {actions.Verifying, true, []actions.StepRun{step(actions.StepFailed, "docker", false), step(actions.StepDone, "ssh", true)}, true},
		"aborted in it":                       {actions.FailedRun, true, []actions.StepRun{step(actions.StepFailed, "docker", false), step(actions.StepDone, "ssh", true), step(actions.StepSkipped, "ssh", true)}, false},
		"a fallback that only sets a switch":  {actions.Cured, true, []actions.StepRun{step(actions.StepFailed, "docker", false), step(actions.StepDone, "flag", true)}, false},
		"a fallback that is not done":         {actions.Running, true, []actions.StepRun{step(actions.StepFailed, "docker", false), step(actions.StepIntent, "ssh", true)}, false},
		"steps that failed and were let fail": {actions.Verifying, false, []actions.StepRun{step(actions.StepFailed, "docker", false), step(actions.StepDone, "docker", false)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			run := actions.Run{Rollback: true, State: c.state, Steps: c.steps}
			if c.fell {
				run.FellBack = reason.New("run_fell_back")
			}
			if got := decide.PutBack(run); got != c.want {
				t.Errorf("put back: %v, want %v", got, c.want)
			}
		})
	}
}

// TestShopsThatHaveTheVersion: all to which it was deployed, one after the other, and no others.
func TestShopsThatHaveTheVersion(t *testing.T) {
	at := func(version string, before time.Duration, shops ...string) decide.PastWatch {
		return decide.PastWatch{
			Service: "orders", Environment: production, PastDeploy: decide.PastDeploy{Deploy: "d_" + version, Version: version, Shops: shops}, Kind: watch.Code, State: watch.Passed,
			Switched: ago(before), Started: ago(before), Ended: ago(before / 2),
		}
	}
	for name, c := range map[string]struct {
		watches []decide.PastWatch // newest first
		shops   []string           // of the deploy that failed
		want    []string
	}{
		"one":                          {[]decide.PastWatch{at("v2", 10*time.Minute, "tb")}, []string{"tb"}, []string{"tb"}},
		"two, one after the other":     {[]decide.PastWatch{at("v2", 10*time.Minute, "tb"), at("v2", time.Hour, "sg")}, []string{"tb"}, []string{"sg", "tb"}},
		"another version between":      {[]decide.PastWatch{at("v2", 10*time.Minute, "tb"), at("v1", time.Hour, "sg"), at("v2", 2*time.Hour, "my")}, []string{"tb"}, []string{"tb"}},
		"all":                          {[]decide.PastWatch{at("v2", 10*time.Minute)}, nil, nil},
		"all, and then one more":       {[]decide.PastWatch{at("v2", 10*time.Minute, "tb"), at("v2", time.Hour)}, []string{"tb"}, nil},
		"nothing is known of a before": {nil, []string{"tb", "sg"}, []string{"sg", "tb"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.past.watches, w.past.deploys[1].Shops = c.watches, c.shops
			wa, v := failed(watch.Auto)
			wa.Shops = c.shops
			got, err := w.decider().Verdict(t.Context(), wa, w.past.deploys[1], v, w.present, noon())
			if err != nil || !slices.Equal(got.Request.Shops, c.want) {
				t.Errorf("%v, %v; want %v", got.Request.Shops, err, c.want)
			}
			byPerson, err := w.decider().ByPerson(t.Context(), decide.PersonRequest{Service: "orders", Environment: production, Person: "li"}, w.present, noon())
			if err != nil || !slices.Equal(byPerson.Shops, c.want) {
				t.Errorf("by a person: %v, %v", byPerson.Shops, err)
			}
		})
	}
}

// TestARunbookWithoutAStepForARunIsRefused: also when a person asks.
func TestARunbookWithoutAStepForARunIsRefused(t *testing.T) {
	w := newWorld()
	var asked actions.Run
	w.settings.Runbooks["back"] = decide.Runbook{MaxRunsPerDay: 3, Applies: func(r actions.Run) bool { asked = r; return false }}
	wa, v := failed(watch.Auto)
	wa.Shops = []string{"tb"}
	got, err := w.decider().Verdict(t.Context(), wa, w.past.deploys[1], v, w.present, noon())
	if err != nil || !slices.Equal(codes(got.Request.Refusals), []string{"no_step"}) {
		t.Errorf("%+v, %v", got.Request, err)
	}
	if asked.Kind != "code" && asked.Kind != "" || asked.From != "v2" || asked.To != "v1" || !slices.Equal(asked.Shops, []string{"tb"}) || asked.Trigger.Kind != actions.ByVerdict {
		t.Errorf("asked about %+v", asked)
	}
	byPerson, err := w.decider().ByPerson(t.Context(), decide.PersonRequest{Service: "orders", Environment: production, Person: "li"}, w.present, noon())
	if err != nil || !slices.Equal(codes(byPerson.Refusals), []string{"no_step"}) {
		t.Errorf("by a person: %+v, %v", byPerson, err)
	}
}

// TestQueriesOfRunbooks: the worst value counts, and none is not known.
func TestQueriesOfRunbooks(t *testing.T) {
	least := actions.Symptom{Kind: actions.SymptomQuery, Name: "orders", Query: "a", Limit: 0.995, Lower: true}
	most := actions.Symptom{Kind: actions.SymptomQuery, Name: "lag", Query: "b", Limit: 10}
	for name, c := range map[string]struct {
		s      actions.Symptom
		values map[string]float64
		want   string
		reason string
	}{
		"enough":          {least, map[string]float64{"tb": 0.999, "sg": 0.995}, "up", "0.995, at least 0.995"},
		"one shop is not": {least, map[string]float64{"tb": 0.999, "sg": 0.9}, "down", "0.9, must be at least 0.995"},
		"within":          {most, map[string]float64{"tb": 10}, "up", "10, at most 10"},
		"beyond":          {most, map[string]float64{"tb": 3, "sg": 11}, "down", "11, must be at most 10"},
		"no value":        {most, nil, "unknown", "has no value"},
	} {
		t.Run(name, func(t *testing.T) {
			got := decide.QueryProof(c.s, watch.Reading{At: noon(), Values: c.values, Empty: len(c.values) == 0})
			if got.Health != c.want || !strings.Contains(got.Reason.String(), c.reason) {
				t.Errorf("%s because %q, want %s because …%s…", got.Health, got.Reason, c.want, c.reason)
			}
		})
	}
	if m := decide.QueryOf(least); m.Value != "a" || m.Worse != watch.Lower || decide.QueryOf(most).Worse != watch.Higher {
		t.Errorf("asked is %+v", m)
	}
}
