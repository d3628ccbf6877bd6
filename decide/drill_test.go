package decide_test

import (
	"slices"
	"testing"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/windows"
	"guardian/probes/sample"
	"guardian/watch"
)

// drill is the world with v2 a drill's.
func drill() *world {
	w := newWorld()
	w.settings.Services[0].Rehearses = true
	w.past.deploys[1].Drill = "dr_1"
	return w
}

// The rollback of a drill goes the usual way, by the usual guards, and is marked.
func TestTheRollbackOfADrillIsMarked(t *testing.T) {
	w := drill()
	watched, v := failed(watch.Auto)
	got, err := w.decider().Verdict(t.Context(), watched, w.past.deploys[1], v, w.present, noon())
	if err != nil || got.Request == nil || !got.Acts {
		t.Fatalf("%+v, %v", got, err)
	}
	if tr := got.Request.Trigger; tr.Kind != actions.ByVerdict || tr.Drill != "dr_1" || !tr.Rehearses() {
		t.Errorf("it is started by %+v", tr)
	}
	w.settings.Brake = actions.BrakeLimit{MaxFailingServices: 1, Within: time.Hour}
	got, err = w.decider().Verdict(t.Context(), watched, w.past.deploys[1], v, w.present, noon())
	if err != nil || !slices.Equal(codes(got.Request.Refusals), []string{"brake"}) {
		t.Errorf("under the brake: %v, %v", codes(got.Request.Refusals), err)
	}
}

func TestTheVersionOfADrillIsNeverPutBack(t *testing.T) {
	dep := deploy("v2", 0)
	if !decide.MakesKnownGood(dep, watch.Passed) {
		t.Fatal("a deploy that passed is not known to be good")
	}
	if dep.Drill = "dr_1"; decide.MakesKnownGood(dep, watch.Passed) {
		t.Error("the fault of a drill that nobody noticed is known to be good")
	}
	for drill, want := range map[string]bool{"dr_1": true, "": false} {
		if was, seen := decide.PastWatchOf(&watch.Watch{Drill: drill, State: watch.Passed}); !seen || was.Suspect != want {
			t.Errorf("of the drill %q something speaks against a version that passed: %v", drill, was.Suspect)
		}
	}
	// It ran healthy, as far as looks tell, and never goes back in place.
	w := newWorld()
	w.past.goods = nil
	w.past.deploys = []watch.Deploy{deploy("v1", 3*time.Hour), deploy("drill-1", 2*time.Hour), deploy("v2", 10*time.Minute)}
	for _, d := range []struct {
		version string
		drill   bool
		since   time.Duration
	}{{"drill-1", true, 2 * time.Hour}, {"v1", false, 3 * time.Hour}} {
		w.past.watches = append(w.past.watches, decide.PastWatch{
			Service: "orders", Environment: production, PastDeploy: decide.PastDeploy{Deploy: "d_" + d.version, Version: d.version}, Kind: watch.Code, State: watch.Inconclusive,
			Switched: ago(d.since), Started: ago(d.since), Ended: ago(d.since - 30*time.Minute), Suspect: d.drill, Judged: 1000,
		})
	}
	req, err := w.decider().ByPerson(t.Context(), decide.PersonRequest{Service: "orders", Environment: production, Person: "ada"}, w.present, noon())
	if err != nil || req.To == "drill-1" {
		t.Errorf("it would put %q back, %v", req.To, err)
	}
}

func TestADrillBringsNoBrakeOn(t *testing.T) {
	w := newWorld()
	w.settings.Brake = actions.BrakeLimit{MaxFailingServices: 2, Within: time.Hour}
	other := decide.FailedWatch{Service: "prices", Environment: production, Ended: ago(time.Minute)}
	watched, v := failed(watch.Auto)
	for drill, want := range map[bool][]string{true: {}, false: {"brake"}} {
		other.Drill = drill
		w.past.failed = []decide.FailedWatch{other}
		got, err := w.decider().Verdict(t.Context(), watched, w.past.deploys[1], v, w.present, noon())
		if err != nil || !slices.Equal(codes(got.Request.Refusals), want) {
			t.Errorf("another service failed, by a drill %v: %v, %v", drill, codes(got.Request.Refusals), err)
		}
	}
}

func TestTheRollbackOfADrillClosesNoGate(t *testing.T) {
	w := newWorld()
	run := rolledBack("v2", "v1", time.Minute, actions.Cured)
	for drill, closed := range map[string]int{"": 1, "dr_1": 0} {
		run.Trigger.Drill = drill
		w.past.runs = []actions.Run{run}
		reasons, err := w.decider().Gate(t.Context(), "orders", production, w.present, noon())
		if err != nil || len(reasons) != closed {
			t.Errorf("drill %q: the gate is closed by %v, %v", drill, reasons, err)
		}
	}
}

// What a drill breaks on a marketplace excuses no deploy of production, while what production sees there
// excuses a drill.
func TestWhatADrillBreaksIsNoPeerOfProduction(t *testing.T) {
	s := settings()
	s.Services[1].Rehearses = true
	for i := range s.Checks {
		s.Checks[i].Labels = map[string]string{"marketplace": "shopee"}
	}
	s.Checks = append(s.Checks, decide.Check{
		CheckPolicy: watch.CheckPolicy{Check: "staging", Labels: map[string]string{"marketplace": "shopee"}}, Service: "prices", Judges: true,
	})
	made := decide.NewSettings(s)
	if peers := made.PeersOf("orders"); len(peers) != 0 {
		t.Errorf("production is compared with %+v", peers)
	}
	if peers := made.PeersOf("prices"); len(peers) != 2 {
		t.Errorf("what is not production is compared with %d checks", len(peers))
	}
}

func TestWhenADrillMayBegin(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		why    string
	}{
		"a service that is well": {func(*world) {}, ""},
		"one of production":      {func(w *world) { w.settings.Services[0].Rehearses = false }, "drill_in_production"},
		"one that is down":       {func(w *world) { w.present.Health["push"] = sample.Down }, "drill_service_down"},
		"one that nobody sees": {func(w *world) {
			w.present.Health = map[string]sample.Health{"push": sample.Unknown, "read": sample.Unknown}
		}, "drill_service_blind"},
		"in a hold": {func(w *world) {
			w.settings.Holds = []windows.Window{{ID: "win_1", Kind: windows.Hold, From: ago(time.Minute), To: noon().Add(time.Hour)}}
		}, "guard_hold"},
		"while a deploy is watched": {func(w *world) {
			w.past.watches = []decide.PastWatch{{Service: "orders", Environment: production, PastDeploy: decide.PastDeploy{Version: "v2"}, State: watch.Watching}}
		}, "drill_deploy_watched"},
		"while a run is under way": {func(w *world) { w.past.runs = []actions.Run{rolledBack("v2", "v1", 0, actions.Running)} }, "guard_run_in_progress"},
		"right after a rollback":   {func(w *world) { w.past.runs = []actions.Run{rolledBack("v2", "v1", time.Minute, actions.Cured)} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := drill()
			w.present.Health = map[string]sample.Health{"push": sample.Up, "read": sample.Up}
			c.change(w)
			why, err := w.decider().MayRehearse(t.Context(), decide.Rehearsal{
				Service: "orders", Environment: production, Runbook: "drill:weekly:inject", Version: "drill-1",
			}, w.present, noon())
			if err != nil || why.Code != c.why {
				t.Errorf("%q (%s), %v; want %q", why.Code, why, err, c.why)
			}
		})
	}
}

// The steps that inject go from what runs to the drill's version; those that take it back the other way,
// and wait for nobody.
func TestTheRunsOfADrill(t *testing.T) {
	d := newWorld().decider()
	r := decide.Rehearsal{Service: "orders", Environment: production, Runbook: "drill:weekly:inject", Version: "drill-1", Trigger: actions.Trigger{Kind: actions.ByDrill, Drill: "dr_1"}}
	inject, back := d.RehearsalRun(r, "v1", false), d.RehearsalRun(r, "v1", true)
	if inject.From != "v1" || inject.To != "drill-1" || back.From != "drill-1" || back.To != "v1" || inject.Rollback || back.Rollback {
		t.Errorf("inject %+v, back %+v", inject, back)
	}
	if len(back.Refusals) > 0 || !back.QueuedBehind.IsZero() || !back.Approve.IsZero() {
		t.Errorf("what takes a fault back is kept waiting: %+v", back)
	}
}
