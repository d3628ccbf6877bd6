package decide_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/reason"
	"guardian/internal/windows"
	"guardian/watch"
)

// done is a run whose step was done.
func done(r actions.Run) actions.Run {
	r.Steps = []actions.StepRun{{Name: "switch", State: actions.StepDone, Ended: r.Created.Add(30 * time.Second)}}
	return r
}

func TestWhichVersionShouldRun(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*world)
		version string
		by      string
		busy    string // the code of why nothing is compared; "": it is
	}{
		"that of the last deploy":  {version: "v2", by: "d_v2"},
		"nothing was announced":    {change: func(w *world) { w.past.deploys = nil }},
		"what a rollback put back": {change: func(w *world) { w.past.runs = []actions.Run{done(rolledBack("v2", "v1", time.Minute, actions.Cured))} }, version: "v1", by: "r_v2"},
		"a configuration, where no code is announced": {change: func(w *world) {
			d := deploy("c1", time.Hour)
			d.Kind = watch.Config
			w.past.deploys = []watch.Deploy{d}
		}, version: "c1", by: "d_c1"},
		"a watch goes on": {change: func(w *world) {
			w.past.watches = []decide.PastWatch{{Service: "orders", Environment: production, PastDeploy: decide.PastDeploy{Version: "v2"}, State: watch.Watching, Started: ago(time.Minute)}}
		}, version: "v2", by: "d_v2", busy: "drift_watch"},
		"a watch goes on elsewhere": {change: func(w *world) {
			w.past.watches = []decide.PastWatch{{Service: "orders", Environment: "staging", PastDeploy: decide.PastDeploy{Version: "v2"}, State: watch.Watching, Started: ago(time.Minute)}}
		}, version: "v2", by: "d_v2"},
		"a watch is over": {change: func(w *world) {
			w.past.watches = []decide.PastWatch{{Service: "orders", Environment: production, PastDeploy: decide.PastDeploy{Version: "v2"}, State: watch.Passed, Started: ago(9 * time.Minute), Ended: noon()}}
		}, version: "v2", by: "d_v2"},
		"a run is under way": {change: func(w *world) { w.past.runs = []actions.Run{rolledBack("v2", "v1", time.Minute, actions.Running)} }, version: "v2", by: "d_v2", busy: "drift_run"},
		"a run waits for somebody": {change: func(w *world) {
			w.past.runs = []actions.Run{rolledBack("v2", "v1", time.Minute, actions.AwaitingApproval)}
		}, version: "v2", by: "d_v2", busy: "drift_run"},
		"a rollback is verified": {change: func(w *world) {
			w.past.runs = []actions.Run{done(rolledBack("v2", "v1", time.Minute, actions.Verifying))}
		}, version: "v1", by: "r_v2", busy: "drift_run"},
		"a drill is under way": {change: func(w *world) {
			r := rolledBack("v2", "v1", 0, actions.Running)
			r.Trigger.Kind = actions.ByDrill
			w.past.runs = []actions.Run{r}
		}, version: "v2", by: "d_v2", busy: "drift_run"},
		"a run was left half done": {change: func(w *world) {
			r := done(rolledBack("v2", "v1", time.Minute, actions.FailedRun))
			r.Steps = append(r.Steps, actions.StepRun{State: actions.StepFailed})
			w.past.runs = []actions.Run{r}
		}, version: "v2", by: "d_v2", busy: "drift_changed_by_run"},
		"a run did nothing": {change: func(w *world) { w.past.runs = []actions.Run{rolledBack("v2", "v1", time.Minute, actions.Refused)} }, version: "v2", by: "d_v2"},
		"a run of an alert did its own": {change: func(w *world) {
			r := done(rolledBack("v2", "", time.Minute, actions.Cured))
			r.Rollback = false
			w.past.runs = []actions.Run{r}
		}, version: "v2", by: "d_v2", busy: "drift_changed_by_run"},
		"a run before the deploy": {change: func(w *world) {
			r := done(rolledBack("v0", "", 20*time.Minute, actions.Cured))
			r.Rollback = false
			w.past.runs = []actions.Run{r}
		}, version: "v2", by: "d_v2"},
		"a maintenance": {change: func(w *world) {
			w.settings = *decide.NewSettings(w.settings).With([]windows.Window{{ID: "win_1", Kind: windows.Maintenance, Service: "orders", From: ago(time.Minute), To: noon().Add(time.Hour)}})
		}, version: "v2", by: "d_v2", busy: "drift_maintenance"},
		"some shops only":                     {change: func(w *world) { w.past.deploys[1].Shops = []string{"sg"} }, version: "v2", by: "d_v2", busy: "drift_shops"},
		"a deploy that may not have happened": {change: func(w *world) { w.past.deploys[1].Unsure = true }, version: "v2", by: "d_v2", busy: "drift_unsure"},
		"a deploy that goes on":               {change: func(w *world) { w.past.deploys[1].Rollout = &watch.Rollout{Start: ago(time.Minute)} }, version: "v2", by: "d_v2", busy: "drift_watch"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			if c.change != nil {
				c.change(w)
			}
			p, why, err := w.decider().InPlace(t.Context(), "orders", production, noon())
			if err != nil || p.Version != c.version || p.By != c.by || why.Code != c.busy {
				t.Errorf("%s by %s, %q (%s), %v", p.Version, p.By, why.Code, why, err)
			}
		})
	}
}

func TestWhatDiffersIsDriftAndWhatIsNotKnownIsNot(t *testing.T) {
	part := func(name, runs, should string, fit actions.Fit) actions.Part {
		return actions.Part{Name: name, Runs: runs, Should: should, Fit: fit}
	}
	long := strings.Repeat("变", 100)
	got := decide.Drifts([]actions.StepSight{
		{Step: "whole", Sight: actions.Sight{Parts: []actions.Part{part("web", "a:1", "a:1", actions.Fits), part("db", "b:1", "", actions.NotKnown)}}},
		{Step: "partly", Sight: actions.Sight{Parts: []actions.Part{part("web", "a:2", "a:1", actions.Differs), part("api", "", "b:1", actions.Differs), part("db", "c:1", "c:1", actions.Fits)}}},
		{Step: "unknown", Sight: actions.Sight{Parts: []actions.Part{part("web", "a:2", "", actions.NotKnown)}}},
		{Step: "away", Why: reason.Text("no answer")},
		{Step: "long", Sight: actions.Sight{Parts: []actions.Part{part("web", long, long, actions.Differs)}}},
	})
	want := []decide.Drift{
		{Step: "whole", Fit: actions.Fits},
		{Step: "partly", Fit: actions.Differs, Runs: "web: a:2, api: -", Should: "web: a:1, api: b:1"},
		{Step: "unknown"},
		{Step: "away", Why: reason.Text("no answer")},
	}
	if diff := cmp.Diff(want, got[:4]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if l := got[4].Runs; len(l) > 170 || !strings.HasSuffix(l, "…") || strings.Contains(l, "�") {
		t.Errorf("a label of %d bytes: %s", len(l), l)
	}
}

func TestOnlyWhatIsKnownIsRecorded(t *testing.T) {
	placed := decide.Placed{Version: "v1", Kind: watch.Code, By: "d_1"}
	whole := actions.StepSight{Step: "project", Sight: actions.Sight{Target: "compose shop", Parts: []actions.Part{{Name: "web", Runs: "a:1", Exact: "sha256:1"}}}}
	with := func(change func(*decide.Placed, *actions.StepSight)) (decide.Placed, actions.StepSight) {
		p, s := placed, whole
		s.Parts = append([]actions.Part(nil), whole.Parts...)
		change(&p, &s)
		return p, s
	}
	for name, c := range map[string]struct {
		change func(*decide.Placed, *actions.StepSight)
		kept   bool
	}{
		"what runs":                             {func(*decide.Placed, *actions.StepSight) {}, true},
		"what fits":                             {func(_ *decide.Placed, s *actions.StepSight) { s.Parts[0].Fit = actions.Fits }, true},
		"what is something else":                {func(_ *decide.Placed, s *actions.StepSight) { s.Parts[0].Fit = actions.Differs }, false},
		"what is not known exactly":             {func(_ *decide.Placed, s *actions.StepSight) { s.Parts[0].Exact = "" }, false},
		"what could not be asked":               {func(_ *decide.Placed, s *actions.StepSight) { s.Why = reason.Text("no answer") }, false},
		"what no version is known of":           {func(p *decide.Placed, _ *actions.StepSight) { p.Version = "" }, false},
		"what no step needs":                    {func(_ *decide.Placed, s *actions.StepSight) { s.Target = "" }, false},
		"nothing":                               {func(_ *decide.Placed, s *actions.StepSight) { s.Parts = nil }, false},
		"more than anybody keeps in a document": {func(_ *decide.Placed, s *actions.StepSight) { s.Parts = make([]actions.Part, 1000) }, false},
	} {
		p, s := with(c.change)
		got, kept := decide.Remembers(p, s, noon())
		if kept != c.kept || kept && (got.Version != "v1" || got.Placed != "d_1" || got.Target != "compose shop" || !got.At.Equal(noon())) {
			t.Errorf("%s: %v, %+v", name, kept, got)
		}
	}
}

// A check of kind drift tells nothing about whether others can look: one service's only other check, behind a
// path that is cut off, is still told of.
func TestAComparisonIsNoLook(t *testing.T) {
	w := newWorld()
	w.settings.Checks = append(w.settings.Checks, decide.Check{CheckPolicy: watch.CheckPolicy{Check: "orders-drift", Kind: decide.DriftKind}, Service: "orders", BlindAfter: time.Minute})
	s := decide.NewSettings(w.settings)
	blind := func(since time.Duration) decide.Sight {
		return decide.Sight{Looked: true, Blind: true, Since: ago(since), Why: reason.Text("no route")}
	}
	var b decide.Blindness
	if news := b.Step(s, decide.View{Checks: map[string]decide.Sight{"push": {Looked: true}, "read": {Looked: true}, "orders-drift": blind(time.Hour)}}, noon()); len(news) > 0 {
		t.Errorf("a comparison that waits is told: %+v", news)
	}
	news := b.Step(s, decide.View{Checks: map[string]decide.Sight{"push": blind(time.Hour), "read": blind(time.Hour), "orders-drift": {Looked: true}}}, noon())
	if len(news) != 1 || news[0].Kind != decide.AllBlind || news[0].Checks != 2 {
		t.Errorf("nobody can look: %+v", news)
	}
}
