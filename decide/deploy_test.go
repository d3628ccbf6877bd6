package decide_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/decide"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

// alert is a critical alert about a service that fires for a minute.
func alert(service string) rules.Alert {
	return rules.Alert{
		ID: "a_1", Rule: "Down", Tier: rules.Critical, State: rules.Firing, ActiveAt: ago(2 * time.Minute), FiredAt: ago(time.Minute),
		Labels: map[string]string{"alertname": "Down", "service": service},
	}
}

func TestWhetherADeployIsAccepted(t *testing.T) {
	next := watch.Deploy{ID: "d_next", Service: "orders", Environment: production, Version: "v3", At: noon(), Announced: noon()}
	for name, c := range map[string]struct {
		version string
		runs    []actions.Run
		change  func(*world)
		closed  []string
		own     string // the run whose own announcement it is
	}{
		"nothing is in the way":     {version: "v3"},
		"a rollback is under way":   {version: "v3", runs: []actions.Run{rolledBack("v2", "v1", 0, actions.Running)}, closed: []string{watch.CodeRun}},
		"a rollback has just ended": {version: "v3", runs: []actions.Run{rolledBack("v2", "v1", 29*time.Minute, actions.Cured)}, closed: []string{watch.CodeCoolDown}},
		"its cool-down is over":     {version: "v3", runs: []actions.Run{rolledBack("v2", "v1", 30*time.Minute, actions.Cured)}},
		"the rollback's own announcement passes the gate": {
			version: "v1", runs: []actions.Run{rolledBack("v2", "v1", 5*time.Minute, actions.Cured)}, own: "r_v2",
		},
		"a refused rollback closes nothing": {version: "v3", runs: []actions.Run{func() actions.Run {
			r := rolledBack("v2", "v1", time.Minute, actions.Refused)
			r.Started = time.Time{}
			return r
		}()}},
		"a rollback that waits for approval": {version: "v3", closed: []string{watch.CodeWaits}, runs: []actions.Run{func() actions.Run {
			r := rolledBack("v2", "v1", 0, actions.AwaitingApproval)
			r.Started, r.Question = time.Time{}, &actions.Question{Code: actions.AskApproval}
			return r
		}()}},
		"a rollback that asks whether a step happened is under way": {version: "v3", closed: []string{watch.CodeRun}, runs: []actions.Run{func() actions.Run {
			r := rolledBack("v2", "v1", 0, actions.AwaitingApproval)
			r.Question = &actions.Question{Code: actions.AskOutcome}
			return r
		}()}},
		"a rollback of which a step failed closes nothing": {version: "v3", runs: []actions.Run{func() actions.Run {
			r := rolledBack("v2", "v1", time.Minute, actions.FailedRun)
			r.Steps = []actions.StepRun{{Name: "switch", State: actions.StepDone}, {Name: "route", State: actions.StepFailed}}
			return r
		}()}},
		"one that was aborted when its steps were done put its version back": {version: "v3", closed: []string{watch.CodeCoolDown}, runs: []actions.Run{func() actions.Run {
			r := rolledBack("v2", "v1", time.Minute, actions.FailedRun)
			r.Steps = []actions.StepRun{{Name: "switch", State: actions.StepDone}}
			return r
		}()}},
		"a drill closes nothing": {version: "v3", runs: []actions.Run{func() actions.Run {
			r := rolledBack("v2", "v1", time.Minute, actions.Cured)
			r.Trigger.Kind = actions.ByDrill
			return r
		}()}},
		"a queued rollback announces nothing yet": {version: "v1", closed: []string{watch.CodeWaits}, runs: []actions.Run{func() actions.Run {
			r := rolledBack("v2", "v1", 0, actions.Queued)
			r.Started = time.Time{}
			return r
		}()}},
		"another runbook closes nothing": {version: "v3", runs: []actions.Run{func() actions.Run {
			r := rolledBack("v2", "v1", 0, actions.Running)
			r.Rollback = false
			return r
		}()}},
		"there is a freeze": {version: "v3", closed: []string{watch.CodeFreeze}, change: func(w *world) {
			w.settings.Freezes = []watch.Freeze{{Name: "sale", From: ago(time.Hour), To: noon().Add(time.Hour), Allow: []watch.Act{watch.ActRollback}}}
		}},
		"an alert blocks deploys": {version: "v3", closed: []string{watch.CodeAlert}, change: func(w *world) {
			al := alert("orders")
			al.Labels[watch.BlocksDeploy] = "true"
			w.present.Alerts = []rules.Alert{al}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			world := newWorld()
			world.past.runs = c.runs
			if c.change != nil {
				c.change(world)
			}
			d := next
			d.Version = c.version
			a, err := world.decider().Accept(t.Context(), d, nil, world.present, noon())
			if err != nil {
				t.Fatal(err)
			}
			var closed []string
			for _, r := range a.Closed {
				closed = append(closed, r.Code)
			}
			if diff := cmp.Diff(c.closed, closed); diff != "" || a.RollbackRun != c.own {
				t.Errorf("announced by run %q; what closes the gate (-want +got):\n%s", a.RollbackRun, diff)
			}
		})
	}
}

// TestMoreShopsAreADeployToo: the gate is asked about them, and the rollback's own are let through.
func TestMoreShopsAreADeployToo(t *testing.T) {
	world := newWorld()
	world.settings.Freezes = []watch.Freeze{{Name: "sale", From: ago(time.Hour), To: noon().Add(time.Hour)}}
	open := &watch.Watch{ID: "w_2", Service: "orders", Environment: production, Version: "v2", State: watch.Watching, Shops: []string{"sg-1"}}
	d := world.past.deploys[1]
	d.Shops = []string{"sg-2"}
	a, err := world.decider().Accept(t.Context(), d, []*watch.Watch{open}, world.present, noon())
	if err != nil || a.Decision != watch.Extends || len(a.Closed) != 1 {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestTheEnvironmentThatACallerMeans(t *testing.T) {
	svc := decide.Service{Name: "orders", Environment: "staging"}
	for asked, want := range map[string]bool{"": true, "staging": true, "production": false, "Staging": false} {
		if got, ok := svc.In(asked); ok != want || ok && got != "staging" {
			t.Errorf("%q: %q, %v", asked, got, ok)
		}
	}
}

func TestTheGateOfARepeatedAnnouncementIsNotAsked(t *testing.T) {
	world := newWorld()
	world.settings.Freezes = []watch.Freeze{{Name: "sale", From: ago(time.Hour), To: noon().Add(time.Hour)}}
	open := &watch.Watch{ID: "w_2", Service: "orders", Environment: production, Version: "v2", State: watch.Watching}
	a, err := world.decider().Accept(t.Context(), world.past.deploys[1], []*watch.Watch{open}, world.present, noon())
	if err != nil || a.Decision != watch.Repeats || len(a.Closed) > 0 {
		t.Errorf("%+v, %v", a, err)
	}
}

// A deploy that needs a backup is not let through by what another check says, nor by nothing.
func TestTheGateAsksForABackup(t *testing.T) {
	world := newWorld()
	world.settings.Services[0].Backup = "dump"
	for health, want := range map[sample.Health]int{sample.Up: 0, sample.Down: 1, sample.Unknown: 1} {
		world.present.Health["dump"] = health
		closed, err := world.decider().Gate(t.Context(), "orders", production, world.present, noon())
		if err != nil || len(closed) != want {
			t.Errorf("%s: closed for %v, %v", health, closed, err)
		}
	}
}

// badWatch is a watch of a version "bad", or of the good one that followed it.
func badWatch(service string, state watch.State, switched, ended time.Duration) decide.PastWatch {
	w := decide.PastWatch{
		Service: service, Environment: production, PastDeploy: decide.PastDeploy{Deploy: "d_bad", Version: "bad"}, State: state,
		Switched: ago(switched), Before: ago(switched), Started: ago(switched), Ended: ago(ended), Suspect: true,
	}
	if state == watch.Passed {
		w.Deploy, w.Version, w.Suspect = "d_good", "good", false
	}
	return w
}

// TestABaselineLeavesFailedDeploysOut: what a bad version did is not what is normal.
func TestABaselineLeavesFailedDeploysOut(t *testing.T) {
	hours := func(h float64) time.Duration { return time.Duration(h * float64(time.Hour)) }
	for name, c := range map[string]struct {
		watches  []decide.PastWatch // newest first
		runs     []actions.Run
		failures int
	}{
		"everything counts when no version was bad": {failures: 30},
		"nor the time of a failed version until the next": { // the first look after a gap follows none
			watches: []decide.PastWatch{badWatch("orders", watch.Passed, hours(1.5), hours(1)), badWatch("orders", watch.Failed, hours(2), hours(1.75))},
		},
		"nor the time until it was rolled back": {
			watches: []decide.PastWatch{badWatch("orders", watch.Failed, hours(2), hours(1.75))},
			runs:    []actions.Run{rolledBack("bad", "v1", hours(1.5), actions.Cured)},
		},
		"nor when the rollback did not cure it": {
			watches: []decide.PastWatch{badWatch("orders", watch.Failed, hours(2), hours(1.75))},
			runs:    []actions.Run{rolledBack("bad", "v1", hours(1.5), actions.NotCured)},
		},
		"a refused rollback ends nothing": {
			watches: []decide.PastWatch{badWatch("orders", watch.Failed, hours(2), hours(1.75))},
			runs:    []actions.Run{rolledBack("bad", "v1", hours(1.9), actions.Refused)},
		},
		"nor that of one which was superseded with evidence against it": {
			watches: []decide.PastWatch{badWatch("orders", watch.Passed, hours(1.5), hours(1)), badWatch("orders", watch.Superseded, hours(2), hours(1.5))},
		},
		"a drill of that deploy is no rollback of it": {
			watches: []decide.PastWatch{badWatch("orders", watch.Failed, hours(2), hours(1.75))},
			runs: []actions.Run{func() actions.Run {
				r := rolledBack("bad", "v1", hours(1.8), actions.Cured)
				r.Trigger.Kind = actions.ByDrill
				return r
			}()},
		},
		"nor the time in which a good one was rolled out": {
			watches: []decide.PastWatch{func() decide.PastWatch {
				w := badWatch("orders", watch.Passed, hours(2), hours(1))
				w.From = ago(hours(1.5))
				return w
			}()},
		},
		"that of another service counts": {watches: []decide.PastWatch{badWatch("prices", watch.Failed, hours(2), hours(1.5))}, failures: 30},
	} {
		t.Run(name, func(t *testing.T) {
			world := newWorld()
			world.past.watches, world.past.runs = c.watches, c.runs
			for at := ago(hours(4)); at.Before(noon()); at = at.Add(time.Minute) {
				h := sample.Up
				if !at.Before(ago(hours(2))) && at.Before(ago(hours(1.5))) {
					h = sample.Down
				}
				world.past.looks["push"] = append(world.past.looks["push"], watch.Look{At: at, Health: h, Took: time.Second})
			}
			d := watch.Deploy{ID: "d_next", Service: "orders", Environment: production, Version: "v3", At: noon()}
			w, problems, err := world.decider().Open(t.Context(), d, world.present, noon())
			if err != nil || len(problems) > 0 {
				t.Fatal(err, problems)
			}
			if got := w.Snapshot.Before["push"].Failures; got != c.failures {
				t.Errorf("%d failures before the deploy, want %d", got, c.failures)
			}
		})
	}
}

func TestCountersOfAFailedDeployAreLeftOut(t *testing.T) {
	world := newWorld()
	m := watch.DefaultCounter()
	m.Name, m.Failures, m.Total = "pushed", "failed_total", "pushed_total"
	world.settings.Services[0].Watch.Metrics = []watch.CounterSettings{m}
	for i := range 480 {
		bad := max(0, float64(i-240))
		world.past.readings = append(world.past.readings, watch.Reading{
			At: ago(2*time.Hour - time.Duration(i)*watch.CounterEvery), Failures: watch.CounterValues{"": bad}, Total: watch.CounterValues{"": float64(i)},
		})
	}
	d := watch.Deploy{ID: "d_next", Service: "orders", Environment: production, Version: "v3", At: noon()}
	failures := func() float64 {
		w, problems, err := world.decider().Open(t.Context(), d, world.present, noon())
		if err != nil || len(problems) > 0 {
			t.Fatal(err, problems)
		}
		return w.Counters[0].Before.Failures
	}
	if got := failures(); got == 0 {
		t.Fatal("there are no failures before the deploy")
	}
	world.past.watches = []decide.PastWatch{badWatch("orders", watch.Failed, 62*time.Minute, 50*time.Minute)}
	if got := failures(); got != 0 {
		t.Errorf("%v failures of a failed deploy are taken for normal", got)
	}
}

func TestARollbacksOwnAnnouncementIsObserved(t *testing.T) {
	world := newWorld()
	d := watch.Deploy{ID: "d_next", Service: "orders", Environment: production, Version: "v3", At: noon(), RollbackRun: "r_1"}
	w, _, err := world.decider().Open(t.Context(), d, world.present, noon())
	if err != nil {
		t.Fatal(err)
	}
	if w.Mode != watch.Observe {
		t.Errorf("a rollback's own announcement is watched in mode %s", w.Mode)
	}
}

func TestAnAnnouncementMaySetHowItIsWatched(t *testing.T) {
	svc := settings().Services[0]
	if p := svc.Policy(nil); p.Mode != watch.Auto || p.For != 30*time.Minute {
		t.Errorf("%+v", p)
	}
	if p := svc.Policy(&watch.Asked{For: time.Hour, Mode: watch.Observe}); p.Mode != watch.Observe || p.For != time.Hour {
		t.Errorf("%+v", p)
	}
}
