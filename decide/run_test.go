package decide_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/decide"
	"guardian/watch"
)

func TestWhatAVerdictLeadsTo(t *testing.T) {
	for name, c := range map[string]struct {
		state watch.State
		mode  watch.Mode
		good  bool // the version is known to be good from now on
		asks  bool // for a rollback
		acts  bool
		waits bool // for a person, until the question expires
	}{
		"a passed deploy is known to be good":           {state: watch.Passed, mode: watch.Auto, good: true},
		"an inconclusive one is not":                    {state: watch.Inconclusive, mode: watch.Auto},
		"a superseded one is not":                       {state: watch.Superseded, mode: watch.Auto},
		"a cancelled one is not":                        {state: watch.Cancelled, mode: watch.Auto},
		"a failed deploy is rolled back":                {state: watch.Failed, mode: watch.Auto, asks: true, acts: true},
		"in mode approve a person is asked first":       {state: watch.Failed, mode: watch.Approve, asks: true, acts: true, waits: true},
		"in mode observe nothing is done, only planned": {state: watch.Failed, mode: watch.Observe, asks: true},
	} {
		t.Run(name, func(t *testing.T) {
			world := newWorld()
			w, v := failed(c.mode)
			v.State = c.state
			got, err := world.decider().Verdict(t.Context(), w, world.past.deploys[1], v, world.present, noon())
			if err != nil {
				t.Fatal(err)
			}
			if got.KnownGood != c.good || (got.Request != nil) != c.asks || got.Acts != c.acts {
				t.Fatalf("known good %v, request %+v, acts %v", got.KnownGood, got.Request, got.Acts)
			}
			if !c.asks {
				return
			}
			req := got.Request
			if req.From != "v2" || req.To != "v1" || !req.Rollback || len(req.Refusals) > 0 {
				t.Errorf("it puts %s back for %s, refused: %v", req.To, req.From, codes(req.Refusals))
			}
			if !slices.Equal(req.Failing, []string{"push"}) || !slices.Equal(req.Healthy, []string{"read"}) {
				t.Errorf("failing %v, healthy %v", req.Failing, req.Healthy)
			}
			if req.Approve.IsZero() == c.waits || got.AnswerUntil.Equal(noon().Add(10*time.Minute)) != c.waits {
				t.Errorf("approval %q, until %v", req.Approve, got.AnswerUntil)
			}
		})
	}
}

func TestAVerdictOfAServiceWithoutARunbookLeadsToNoRun(t *testing.T) {
	world := newWorld()
	w, v := failed(watch.Auto)
	w.Service = "prices"
	got, err := world.decider().Verdict(t.Context(), w, world.past.deploys[1], v, world.present, noon())
	if err != nil || got.Request != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestWhatTheGuardsAreTold changes one fact each and looks at what refuses the rollback of v2.
func TestWhatTheGuardsAreTold(t *testing.T) {
	fail := func(service string, before time.Duration) decide.FailedWatch {
		return decide.FailedWatch{Service: service, Environment: production, Ended: ago(before)}
	}
	for name, c := range map[string]struct {
		change func(*world)
		want   []string
	}{
		"nothing forbids it": {func(*world) {}, []string{}},
		"it is in the cool-down of another rollback": {func(w *world) {
			w.past.runs = []actions.Run{rolledBack("v0", "v1", 20*time.Minute, actions.NotCured)}
		}, []string{"cooldown"}},
		"a drill begins no cool-down": {func(w *world) {
			r := rolledBack("v0", "v1", 20*time.Minute, actions.Cured)
			r.Trigger = actions.Trigger{Kind: actions.ByDrill}
			w.past.runs = []actions.Run{r}
		}, []string{}},
		"a cool-down of days is remembered for days": {func(w *world) {
			w.settings.Runbooks["back"] = decide.Runbook{Cooldown: 90 * time.Hour, MaxRunsPerDay: 3}
			w.past.runs = []actions.Run{rolledBack("v0", "v1", 80*time.Hour, actions.NotCured)}
		}, []string{"cooldown"}},
		"a freeze stops rollbacks too": {func(w *world) {
			w.settings.Freezes = []watch.Freeze{{Name: "sale", From: ago(time.Hour), To: noon().Add(time.Hour)}}
		}, []string{"freeze"}},
		"a freeze of deploys alone lets rollbacks through": {func(w *world) {
			w.settings.Freezes = []watch.Freeze{{Name: "sale", From: ago(time.Hour), To: noon().Add(time.Hour), Allow: []watch.Act{watch.ActRollback}}}
		}, []string{}},
		"there is nothing to go back to": {func(w *world) { w.past.goods = nil }, []string{"no_known_good"}},
		"what a rollback took out since is not gone back to": {func(w *world) {
			w.past.runs = []actions.Run{rolledBack("v1", "v0", 40*time.Hour, actions.Cured)}
		}, []string{"no_known_good"}},
		// Somebody took it back; that this cured nothing does not make it good again. Only passing does.
		"nor what a rollback took out without a cure": {func(w *world) {
			w.past.runs = []actions.Run{rolledBack("v1", "v0", 40*time.Hour, actions.NotCured)}
		}, []string{"no_known_good"}},
		"what a drill took out is still good": {func(w *world) {
			r := rolledBack("v1", "v0", 40*time.Hour, actions.Cured)
			r.Trigger = actions.Trigger{Kind: actions.ByDrill}
			w.past.runs = []actions.Run{r}
		}, []string{}},
		"a version that is declared good will do": {func(w *world) {
			w.past.goods, w.settings.Services[0].KnownGood = nil, []string{"v1"}
		}, []string{}},
		"a later deploy is the current version": {func(w *world) {
			w.past.deploys = append(w.past.deploys, deploy("v3", time.Minute))
		}, []string{"superseded"}},
		"the deploy cannot be rolled back": {func(w *world) { w.past.deploys[1].Reversible = false }, []string{"not_reversible"}},
		"one other service failed, which is too few for the brake": {func(w *world) {
			w.settings.Brake = actions.BrakeLimit{MaxFailingServices: 3, Within: time.Hour}
			w.past.failed = []decide.FailedWatch{fail("prices", time.Minute)}
		}, []string{}},
		"the verdict that asks counts for the brake": {func(w *world) {
			w.settings.Brake = actions.BrakeLimit{MaxFailingServices: 2, Within: time.Hour}
			w.past.failed = []decide.FailedWatch{fail("prices", time.Minute)}
		}, []string{"brake"}},
		"an older verdict does not count for the brake": {func(w *world) {
			w.settings.Brake = actions.BrakeLimit{MaxFailingServices: 2, Within: time.Hour}
			w.past.failed = []decide.FailedWatch{fail("prices", time.Hour)}
		}, []string{}},
		"a verdict of another environment does not count for the brake": {func(w *world) {
			w.settings.Brake = actions.BrakeLimit{MaxFailingServices: 2, Within: time.Hour}
			w.past.failed = []decide.FailedWatch{{Service: "prices", Environment: "staging", Ended: ago(time.Minute)}}
		}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			world := newWorld()
			c.change(world)
			w, v := failed(watch.Auto)
			got, err := world.decider().Verdict(t.Context(), w, world.past.deploys[1], v, world.present, noon())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, codes(got.Request.Refusals)); diff != "" {
				t.Errorf("what refuses it (-want +got):\n%s", diff)
			}
			if got.Request.Irreversible == world.past.deploys[1].Reversible {
				t.Error("its steps are told the opposite of what was announced")
			}
		})
	}
}

func TestAVerdictsRollbackQueuesBehindARunOfAnAlert(t *testing.T) {
	world := newWorld()
	world.past.runs = []actions.Run{{
		ID: "r_restart", Service: "orders", Environment: production, Runbook: "restart", State: actions.Running,
		Trigger: actions.Trigger{Kind: actions.ByAlert}, Created: ago(time.Minute), Started: ago(time.Minute),
	}}
	w, v := failed(watch.Approve)
	got, err := world.decider().Verdict(t.Context(), w, world.past.deploys[1], v, world.present, noon())
	if err != nil {
		t.Fatal(err)
	}
	if got.Request.QueuedBehind.IsZero() || len(got.Request.Refusals) > 0 {
		t.Errorf("behind %q, refused: %v", got.Request.QueuedBehind, codes(got.Request.Refusals))
	}
	if !got.AnswerUntil.IsZero() {
		t.Errorf("a question that is not asked yet expires at %v", got.AnswerUntil)
	}
}

func TestAQueuedRollbackAsksTheGuardsOfNow(t *testing.T) {
	run := actions.Run{
		ID: "r_1", Service: "orders", Environment: production, Runbook: "back", Rollback: true, From: "v2", To: "v1", State: actions.Queued,
		Trigger: actions.Trigger{Kind: actions.ByVerdict, Deploy: "d_v2", Watch: "w_2"}, Failing: []string{"push"},
	}
	for name, c := range map[string]struct {
		queued time.Duration
		mode   watch.Mode
		change func(*world)
		want   []string
	}{
		"it begins":                               {queued: 29 * time.Minute, mode: watch.Auto, want: []string{}},
		"it asks as its watch would have":         {queued: time.Minute, mode: watch.Approve, want: []string{}},
		"after half an hour a person must decide": {queued: 30 * time.Minute, mode: watch.Auto, want: []string{"late"}},
		"a fix came meanwhile": {queued: time.Minute, mode: watch.Auto, want: []string{"superseded"}, change: func(w *world) {
			w.past.deploys = append(w.past.deploys, deploy("v3", time.Second))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			world := newWorld()
			if c.change != nil {
				c.change(world)
			}
			one := run
			one.Created = ago(c.queued)
			world.past.runs = []actions.Run{one}
			req, err := world.decider().Queued(t.Context(), one, world.past.deploys[1], &watch.Watch{Mode: c.mode}, world.present, noon())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, codes(req.Refusals)); diff != "" || req.ID != "r_1" {
				t.Errorf("%s: what refuses it (-want +got):\n%s", req.ID, diff)
			}
			if req.Approve.IsZero() != (c.mode != watch.Approve) {
				t.Errorf("approval: %q", req.Approve)
			}
		})
	}
}

func TestWhatAPersonMayHave(t *testing.T) {
	for name, c := range map[string]struct {
		to     string
		change func(*world)
		want   []string
		into   string
	}{
		"the newest known good version":  {want: []string{}, into: "v1"},
		"a version that they name":       {to: "v0", want: []string{}, into: "v0"},
		"nothing that is not known good": {change: func(w *world) { w.past.goods = nil }, want: []string{"no_known_good"}},
		"not the version that runs":      {to: "v2", want: []string{"same_version"}, into: "v2"},
		"a rollback in the cool-down": {want: []string{}, into: "v1", change: func(w *world) {
			w.past.runs = []actions.Run{rolledBack("v0", "v1", 20*time.Minute, actions.NotCured)}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			world := newWorld()
			if c.change != nil {
				c.change(world)
			}
			req, err := world.decider().ByPerson(t.Context(), decide.PersonRequest{
				Service: "orders", Environment: production, To: c.to, Person: "ada", Reason: "because",
			}, world.present, noon())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, codes(req.Refusals)); diff != "" || req.To != c.into {
				t.Errorf("to %q; what refuses it (-want +got):\n%s", req.To, diff)
			}
			if req.Trigger.Person != "ada" || req.From != "v2" || !slices.Equal(req.Failing, []string{"push"}) {
				t.Errorf("%+v", req)
			}
		})
	}
}

func TestTheCurrentVersion(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		want   string
	}{
		"the one announced last":                 {func(*world) {}, "v2"},
		"none when nothing was announced":        {func(w *world) { w.past.deploys = nil }, ""},
		"the one that a rollback put back since": {func(w *world) { w.past.runs = []actions.Run{rolledBack("v2", "v1", time.Minute, actions.Cured)} }, "v1"},
		"also when it did not help":              {func(w *world) { w.past.runs = []actions.Run{rolledBack("v2", "v1", time.Minute, actions.NotCured)} }, "v1"},
		"also while that is verified":            {func(w *world) { w.past.runs = []actions.Run{rolledBack("v2", "v1", time.Minute, actions.Verifying)} }, "v1"},
		"not while a rollback runs":              {func(w *world) { w.past.runs = []actions.Run{rolledBack("v2", "v1", time.Minute, actions.Running)} }, "v2"},
		"not after one that failed":              {func(w *world) { w.past.runs = []actions.Run{rolledBack("v2", "v1", time.Minute, actions.FailedRun)} }, "v2"},
		"not by a rollback before it":            {func(w *world) { w.past.runs = []actions.Run{rolledBack("v0", "v1", time.Hour, actions.Cured)} }, "v2"},
		"by when its steps were done, not by when it was created": {func(w *world) {
			w.past.runs = []actions.Run{stepsDone(rolledBack("v0", "v1", 11*time.Minute, actions.Verifying), 9*time.Minute)}
		}, "v1"},
		"nor by the end of its verification": {func(w *world) {
			w.past.runs = []actions.Run{stepsDone(rolledBack("v0", "v1", time.Minute, actions.Cured), 11*time.Minute)}
		}, "v2"},
		"the one whose steps were done last": {func(w *world) {
			w.past.runs = []actions.Run{
				stepsDone(rolledBack("v2", "v0", 5*time.Minute, actions.Cured), 6*time.Minute),
				stepsDone(rolledBack("v0", "v1", 11*time.Minute, actions.Verifying), 2*time.Minute),
			}
		}, "v1"},
		"also when the verification is aborted": {func(w *world) {
			w.past.runs = []actions.Run{stepsDone(rolledBack("v2", "v1", time.Minute, actions.FailedRun), 2*time.Minute)}
		}, "v1"},
		"not by a rollback while a deploy went on that ended later": {func(w *world) {
			w.past.deploys[1].Rollout = &watch.Rollout{Start: ago(10 * time.Minute), End: ago(time.Minute)}
			w.past.runs = []actions.Run{stepsDone(rolledBack("v0", "v1", 8*time.Minute, actions.Cured), 9*time.Minute)}
		}, "v2"},
		"not by a drill": {func(w *world) {
			r := rolledBack("v2", "v1", time.Minute, actions.Cured)
			r.Trigger.Kind = actions.ByDrill
			w.past.runs = []actions.Run{r}
		}, "v2"},
	} {
		t.Run(name, func(t *testing.T) {
			world := newWorld()
			c.change(world)
			if got, err := world.decider().CurrentVersion(t.Context(), "orders", production); err != nil || got != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// stepsDone gives a run whose only step was done some time ago.
func stepsDone(r actions.Run, before time.Duration) actions.Run {
	r.Steps = []actions.StepRun{{Name: "switch", State: actions.StepDone, Started: r.Created, Ended: ago(before)}}
	return r
}

// TestAVersionThatWasTakenBack ends its watch, and takes the place of what it came to in the meantime.
func TestAVersionThatWasTakenBack(t *testing.T) {
	back := func(to string, before time.Duration) func(*world, *watch.Deploy) {
		return func(w *world, _ *watch.Deploy) {
			w.past.runs = []actions.Run{stepsDone(rolledBack("v0", to, 20*time.Minute, actions.Verifying), before)}
		}
	}
	for name, c := range map[string]struct {
		state  watch.State
		change func(*world, *watch.Deploy)
		want   watch.State
	}{
		"nothing took it back":               {watch.Passed, func(*world, *watch.Deploy) {}, watch.Passed},
		"while it is watched":                {watch.Watching, back("v1", 9*time.Minute), watch.Superseded},
		"as it passes":                       {watch.Passed, back("v1", 9*time.Minute), watch.Superseded},
		"as it ends inconclusive":            {watch.Inconclusive, back("v1", 9*time.Minute), watch.Superseded},
		"one that failed stays so":           {watch.Failed, back("v1", 9*time.Minute), watch.Failed},
		"one that was cancelled stays so":    {watch.Cancelled, back("v1", 9*time.Minute), watch.Cancelled},
		"a rollback that was done before it": {watch.Passed, back("v1", 11*time.Minute), watch.Passed},
		"the version that was put back":      {watch.Passed, back("2", 9*time.Minute), watch.Passed},
		"its deploy goes on": {watch.Watching, func(w *world, d *watch.Deploy) {
			back("v1", 9*time.Minute)(w, d)
			d.Rollout = &watch.Rollout{Start: d.At}
		}, watch.Watching},
		"a drill": {watch.Passed, func(w *world, d *watch.Deploy) {
			back("v1", 9*time.Minute)(w, d)
			w.past.runs[0].Trigger.Kind = actions.ByDrill
		}, watch.Passed},
		"a configuration was put back": {watch.Passed, func(w *world, d *watch.Deploy) {
			back("cfg-1", 9*time.Minute)(w, d)
			w.past.runs[0].Kind = string(watch.Config)
		}, watch.Passed},
		"an operation was undone": {watch.Passed, func(w *world, d *watch.Deploy) {
			back("", 9*time.Minute)(w, d)
			d.Kind, w.past.runs[0].Kind, w.past.runs[0].From = watch.Operation, string(watch.Operation), d.Version
		}, watch.Superseded},
		"another operation was undone": {watch.Passed, func(w *world, d *watch.Deploy) {
			back("", 9*time.Minute)(w, d)
			d.Kind, w.past.runs[0].Kind = watch.Operation, string(watch.Operation)
		}, watch.Passed},
	} {
		t.Run(name, func(t *testing.T) {
			world := newWorld()
			d := world.past.deploys[1]
			c.change(world, &d)
			w := &watch.Watch{ID: "w_2", DeployID: d.ID, Service: "orders", Environment: production, Version: "v2", State: c.state}
			v, err := world.decider().TakenBack(t.Context(), w, d, noon())
			if err != nil || w.State != c.want || (v != nil) != (c.want == watch.Superseded) {
				t.Fatalf("%s, %+v, %v; want %s", w.State, v, err, c.want)
			}
			if v != nil && (v.TakenBackBy != "r_v0" && v.TakenBackBy != "r_v2" || w.Verdict.State != watch.Superseded || !w.Ended.Equal(noon())) {
				t.Errorf("%+v", v)
			}
		})
	}
}

func TestAnApprovalIsOutdatedOnceAnotherVersionRuns(t *testing.T) {
	waits := actions.Run{
		ID: "r_1", Service: "orders", Environment: production, Runbook: "back", Rollback: true, From: "v2", To: "v1", Created: ago(time.Minute),
		State: actions.AwaitingApproval, Question: &actions.Question{Code: actions.AskApproval}, Trigger: actions.Trigger{Kind: actions.ByVerdict},
	}
	for name, c := range map[string]struct {
		change func(*world, *actions.Run)
		want   bool
	}{
		"the version still runs":        {func(*world, *actions.Run) {}, false},
		"another one was deployed":      {func(w *world, _ *actions.Run) { w.past.deploys = append(w.past.deploys, deploy("v3", 0)) }, true},
		"nothing is known of what runs": {func(w *world, _ *actions.Run) { w.past.deploys = nil }, false},
		"it runs already": {func(w *world, r *actions.Run) {
			w.past.deploys = append(w.past.deploys, deploy("v3", 0))
			r.State = actions.Running
		}, false},
		"it asks whether a step happened": {func(w *world, r *actions.Run) {
			w.past.deploys = append(w.past.deploys, deploy("v3", 0))
			r.Question = &actions.Question{Code: actions.AskOutcome}
		}, false},
		"it is a drill": {func(w *world, r *actions.Run) {
			w.past.deploys = append(w.past.deploys, deploy("v3", 0))
			r.Trigger.Kind = actions.ByDrill
		}, false},
		"it puts no version back": {func(w *world, r *actions.Run) {
			w.past.deploys = append(w.past.deploys, deploy("v3", 0))
			r.Rollback = false
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			world, run := newWorld(), waits
			c.change(world, &run)
			no, outdated, err := world.decider().Outdated(t.Context(), run)
			if err != nil || outdated != c.want || outdated != (no.Code == actions.Superseded) {
				t.Errorf("%v %+v, %v", outdated, no, err)
			}
		})
	}
}

func TestWhatIsNewsOfARun(t *testing.T) {
	asks := func(code string, step int) *actions.Question { return &actions.Question{Code: code, Step: step} }
	step := func(s ...actions.StepState) (all []actions.StepRun) {
		for _, state := range s {
			all = append(all, actions.StepRun{State: state})
		}
		return all
	}
	for name, c := range map[string]struct {
		before *actions.Run
		run    actions.Run
		want   decide.RunNews
	}{
		"that it began":                 {nil, actions.Run{State: actions.Running}, decide.RunNews{State: true}},
		"not that it goes on":           {&actions.Run{State: actions.Running}, actions.Run{State: actions.Running}, decide.RunNews{}},
		"not that it is verified":       {&actions.Run{State: actions.Running}, actions.Run{State: actions.Verifying}, decide.RunNews{}},
		"how it ended":                  {&actions.Run{State: actions.Verifying}, actions.Run{State: actions.Cured}, decide.RunNews{State: true}},
		"why it was refused":            {nil, actions.Run{State: actions.Refused}, decide.RunNews{Refused: true}},
		"another question":              {&actions.Run{State: actions.AwaitingApproval, Question: asks("approval", 0)}, actions.Run{State: actions.AwaitingApproval, Question: asks("outcome_unknown", 1)}, decide.RunNews{State: true}},
		"not the same question again":   {&actions.Run{State: actions.AwaitingApproval, Question: asks("approval", 0)}, actions.Run{State: actions.AwaitingApproval, Question: asks("approval", 0)}, decide.RunNews{}},
		"a step that failed":            {&actions.Run{State: actions.Running, Steps: step(actions.StepIntent)}, actions.Run{State: actions.Running, Steps: step(actions.StepFailed)}, decide.RunNews{FailedSteps: []int{0}}},
		"not a step that failed before": {&actions.Run{State: actions.Running, Steps: step(actions.StepFailed)}, actions.Run{State: actions.Running, Steps: step(actions.StepFailed)}, decide.RunNews{}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, decide.NewsOf(c.before, c.run)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnAlertStartsWhatItIsBoundTo(t *testing.T) {
	world := newWorld()
	world.settings.OnAlert = []decide.OnAlert{
		{Match: map[string]string{"alertname": "Down", "tier": "critical"}, Runbook: "restart", Mode: watch.Approve},
		{Match: map[string]string{"alertname": "Down", "tier": "warning"}, Runbook: "never"},
	}
	al := alert("orders")
	started := decide.NewSettings(world.settings).OfAlert(al)
	if len(started) != 1 || started[0].Runbook != "restart" || started[0].Environment != production {
		t.Fatalf("%+v", started)
	}
	tr := started[0].Trigger
	if tr.Kind != actions.ByAlert || tr.Alert != al.ID || tr.AlertEpisode != al.FiredAt.UnixNano() {
		t.Errorf("a firing is told from others by %+v", tr)
	}
	req, err := world.decider().ByAlert(t.Context(), started[0], world.present, noon())
	if err != nil || req.Rollback || req.Approve.IsZero() || len(req.Refusals) > 0 {
		t.Errorf("%+v, %v", req, err)
	}
	if !slices.Equal(req.Failing, []string{"push"}) || !slices.Equal(req.Healthy, []string{"read"}) {
		t.Errorf("failing %v, healthy %v", req.Failing, req.Healthy)
	}
	if len(req.Symptoms) != 1 || req.Symptoms[0].Kind != actions.SymptomAlert || req.Symptoms[0].Alert != al.ID {
		t.Errorf("it must be over: %+v; want the alert", req.Symptoms)
	}
	started[0].Mode = watch.Auto
	if req, err = world.decider().ByAlert(t.Context(), started[0], world.present, noon()); err != nil || !req.Approve.IsZero() {
		t.Errorf("in mode auto a person is asked: %q, %v", req.Approve, err)
	}
}

// TestAnAlertOfAnotherEnvironmentActsNowhere: runbooks act in the environment that their service is
// configured for.
func TestAnAlertOfAnotherEnvironmentActsNowhere(t *testing.T) {
	world := newWorld()
	world.settings.Services[0].Environment = "live"
	world.settings.OnAlert = []decide.OnAlert{{Match: map[string]string{"alertname": "Down"}, Runbook: "restart", Mode: watch.Auto}}
	for environment, want := range map[string][]string{"": {}, "live": {}, "staging": {"other_environment"}} {
		al := alert("orders")
		if environment != "" {
			al.Labels["environment"] = environment
		}
		started := decide.NewSettings(world.settings).OfAlert(al)
		if len(started) != 1 {
			t.Fatalf("%d runs", len(started))
		}
		req, err := world.decider().ByAlert(t.Context(), started[0], world.present, noon())
		if err != nil || !slices.Equal(codes(req.Refusals), want) {
			t.Errorf("an alert of %q in %q is refused by %v, %v, want %v", environment, req.Environment, codes(req.Refusals), err, want)
		}
	}
}

// TestADeployOfAnotherEnvironmentIsNotRolledBack: it may be in the journal of a guardian of before,
// or the service was moved since.
func TestADeployOfAnotherEnvironmentIsNotRolledBack(t *testing.T) {
	world := newWorld()
	w, v := failed(watch.Auto)
	d := world.past.deploys[1]
	w.Environment, d.Environment = "staging", "staging"
	got, err := world.decider().Verdict(t.Context(), w, d, v, world.present, noon())
	if err != nil || !slices.Contains(codes(got.Request.Refusals), "other_environment") {
		t.Errorf("%+v, %v", got.Request, err)
	}
}

func TestAQuestionOfAGuardExpiresToo(t *testing.T) {
	world := newWorld()
	world.settings.Freezes = []watch.Freeze{{Name: "sale", From: ago(time.Hour), To: noon().Add(time.Hour)}}
	w, v := failed(watch.Auto)
	got, err := world.decider().Verdict(t.Context(), w, world.past.deploys[1], v, world.present, noon())
	if err != nil || !got.AnswerUntil.Equal(noon().Add(10*time.Minute)) {
		t.Errorf("it expires at %v, %v", got.AnswerUntil, err)
	}
}
