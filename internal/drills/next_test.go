package drills_test

import (
	"strings"
	"testing"
	"time"

	"guardian/actions"
	"guardian/internal/drills"
	"guardian/internal/reason"
	"guardian/watch"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// after is a moment of the drill.
func after(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }

func begun(phase drills.Phase) drills.Drill {
	return drills.Drill{
		ID: "dr_1", Name: "weekly", Service: "orders-staging", Started: noon, Phase: phase, Deploy: "d_1", InjectRun: "r_i", RestoreRun: "r_r",
		Objective: time.Minute, Within: 10 * time.Minute,
	}
}

// ran is a run with one step, from and to moments in milliseconds.
func ran(id string, state actions.State, from, to int) *actions.Run {
	r := actions.Run{ID: id, State: state, Created: after(from), Started: after(from), Steps: []actions.StepRun{{State: actions.StepDone, Started: after(from), Ended: after(to)}}}
	if state.Final() {
		r.Ended = after(to)
	}
	return &r
}

func watched(state watch.State, at int) *watch.Watch {
	w := &watch.Watch{State: state}
	if state.Final() {
		w.Verdict = &watch.Verdict{State: state, At: after(at)}
	}
	return w
}

// play lets a drill go on as long as it comes without waiting, and gives the act that it ends with.
func play(d drills.Drill, s drills.Seen, now time.Time) (drills.Drill, drills.Act) {
	for {
		next, act := d.Next(s, now)
		if act != drills.Wait || next.Phase == d.Phase {
			return next, act
		}
		d = next
	}
}

func TestADrillThatIsCuredMeasuresEachStage(t *testing.T) {
	rollback := ran("r_b", actions.Cured, 20_040, 25_000)
	rollback.Ended = after(40_000)
	d, act := play(begun(drills.Injecting), drills.Seen{
		Inject: ran("r_i", actions.Cured, 100, 1_000), Watch: watched(watch.Failed, 20_000), Rollback: rollback, Failing: after(3_000),
	}, after(41_000))
	if act != drills.Restore || d.Result != drills.Passed || d.Rollback != "r_b" {
		t.Fatalf("%s %s, then %q", d.Phase, d.Result, act)
	}
	var names strings.Builder
	for _, s := range d.Stages.List() {
		names.WriteString(s.Name + " " + s.Took.String() + ", ")
	}
	if want := "injected 0s, failing 2s, verdict 17s, first_step 40ms, last_step 4.96s, cured 15s, "; names.String() != want {
		t.Errorf("the stages are %q, want %q", names.String(), want)
	}
	if d.Stages.Took() != 39*time.Second || d.Stages.Reaction() != 40*time.Millisecond || d.Stages.Cure() != 20*time.Second {
		t.Errorf("took %s, reaction %s, cure %s", d.Stages.Took(), d.Stages.Reaction(), d.Stages.Cure())
	}
	d, act = play(d, drills.Seen{Inject: ran("r_i", actions.Cured, 100, 1_000), Restore: ran("r_r", actions.Cured, 41_000, 42_000)}, after(43_000))
	if act != drills.Finish || d.Open() || d.Result != drills.Passed || d.LeftBroken || !d.Stages.Restored.Equal(after(42_000)) {
		t.Errorf("%+v, then %q", d, act)
	}
}

func TestASlowDrillIsNoPassedOne(t *testing.T) {
	rollback := ran("r_b", actions.Cured, 20_000, 25_000)
	rollback.Ended = after(61_001)
	d, _ := play(begun(drills.Injecting), drills.Seen{
		Inject: ran("r_i", actions.Cured, 100, 1_000), Watch: watched(watch.Failed, 20_000), Rollback: rollback, Failing: after(3_000),
	}, after(62_000))
	if d.Result != drills.Slow || !d.Succeeded() {
		t.Errorf("cured after %s of %s is %s", d.Stages.Took(), d.Objective, d.Result)
	}
}

// A fault that shows before the last step of the injection has ended was in place by then.
func TestAFaultThatShowsEarlyIsMeasuredFromWhenItShowed(t *testing.T) {
	d := begun(drills.Finding)
	d.Stages.Begun, d.Stages.Injected = after(100), after(9_000)
	d, _ = d.Next(drills.Seen{Watch: watched(watch.Failed, 8_000), Rollback: ran("r_b", actions.Running, 8_010, 8_020), Failing: after(5_000)}, after(9_500))
	if !d.Stages.Injected.Equal(after(5_000)) || d.Stages.List()[1].Took != 0 {
		t.Errorf("%+v", d.Stages)
	}
}

// Whatever fails after something was injected, the fault is taken back next; before that, nothing is.
func TestWhateverFailsTheFaultIsTakenBack(t *testing.T) {
	injected := ran("r_i", actions.Cured, 100, 1_000)
	half := ran("r_i", actions.FailedRun, 100, 1_000)
	half.Reason = reason.Text("no such file")
	never := &actions.Run{ID: "r_i", State: actions.FailedRun}
	for name, c := range map[string]struct {
		phase drills.Phase
		seen  drills.Seen
		now   int
		act   drills.Act
		why   string
	}{
		"half injected":         {drills.Injecting, drills.Seen{Inject: half}, 2_000, drills.Restore, "drill_not_injected"},
		"not injected":          {drills.Injecting, drills.Seen{Inject: never}, 2_000, drills.Finish, "drill_not_injected"},
		"not found in time":     {drills.Finding, drills.Seen{Inject: injected, Watch: watched(watch.Watching, 0)}, 600_000, drills.Restore, "drill_not_found"},
		"passed":                {drills.Finding, drills.Seen{Inject: injected, Watch: watched(watch.Passed, 5_000)}, 6_000, drills.Restore, "drill_other_verdict"},
		"found, no rollback":    {drills.Finding, drills.Seen{Inject: injected, Watch: watched(watch.Failed, 5_000)}, 6_000, drills.Restore, "drill_no_rollback"},
		"rollback not cured":    {drills.Curing, drills.Seen{Inject: injected, Rollback: ran("r_b", actions.NotCured, 5_000, 6_000)}, 7_000, drills.Restore, "drill_not_cured"},
		"rollback refused":      {drills.Curing, drills.Seen{Inject: injected, Rollback: &actions.Run{ID: "r_b", State: actions.Refused}}, 7_000, drills.Restore, "drill_not_cured"},
		"nothing was announced": {drills.Announcing, drills.Seen{}, 600_000, drills.Finish, "drill_never_begun"},
	} {
		t.Run(name, func(t *testing.T) {
			d, act := play(begun(c.phase), c.seen, after(c.now))
			if act != c.act || d.Result != drills.Failed || d.Reason.Code != c.why {
				t.Errorf("%s, %s (%s), then %q; want %s and %q", d.Phase, d.Result, d.Reason, act, c.why, c.act)
			}
		})
	}
}

// A run that waits for a person does not keep a fault in place for ever: its time over, it is ended once.
func TestARunThatNeverEndsIsEnded(t *testing.T) {
	waits := &actions.Run{ID: "r_b", State: actions.AwaitingApproval}
	d := begun(drills.Curing)
	if _, act := play(d, drills.Seen{Rollback: waits}, after(599_000)); act != drills.Wait {
		t.Errorf("before its time is over: %q", act)
	}
	d, act := play(d, drills.Seen{Rollback: waits}, after(600_000))
	if act != drills.AbortRollback {
		t.Fatalf("when its time is over: %q", act)
	}
	if _, act := play(d, drills.Seen{Rollback: waits}, after(601_000)); act != drills.Wait {
		t.Errorf("a second time: %q", act)
	}
	hangs := &actions.Run{ID: "r_i", State: actions.Running, Started: noon}
	if _, act := play(begun(drills.Injecting), drills.Seen{Inject: hangs}, after(600_000)); act != drills.AbortInject {
		t.Errorf("an injection that hangs: %q", act)
	}
}

func TestAFaultThatCannotBeTakenBackIsTold(t *testing.T) {
	injected := ran("r_i", actions.Cured, 100, 1_000)
	stuck := &actions.Run{ID: "r_r", State: actions.AwaitingApproval, Created: after(10_000)}
	for name, c := range map[string]struct {
		restore *actions.Run
		now     int
		broken  bool
	}{
		"its step failed":      {ran("r_r", actions.FailedRun, 10_000, 11_000), 12_000, true},
		"it waits for ever":    {stuck, 610_000, true},
		"it was taken back":    {ran("r_r", actions.Cured, 10_000, 11_000), 12_000, false},
		"somebody rejected it": {&actions.Run{ID: "r_r", State: actions.Rejected, Created: after(10_000)}, 12_000, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := begun(drills.Restoring)
			d.Result = drills.Passed
			d, act := d.Next(drills.Seen{Inject: injected, Restore: c.restore}, after(c.now))
			if act != drills.Finish || d.LeftBroken != c.broken || (d.Result == drills.Failed) != c.broken {
				t.Errorf("%+v, then %q", d, act)
			}
		})
	}
	if d, act := begun(drills.Restoring).Next(drills.Seen{Inject: injected, Restore: stuck}, after(20_000)); act != drills.Wait || !d.Open() {
		t.Errorf("while it may still answer: %q", act)
	}
}

// A drill is never repeated: one that was interrupted before its fault was injected is over, one that
// was interrupted later goes on.
func TestAnInterruptedDrillIsResolved(t *testing.T) {
	d, act := play(begun(drills.Announcing).Resume(), drills.Seen{}, after(5_000))
	if act != drills.Finish || d.Reason.Code != "drill_interrupted" {
		t.Errorf("before the injection: %s, then %q", d.Reason, act)
	}
	for _, phase := range []drills.Phase{drills.Injecting, drills.Finding, drills.Curing, drills.Restoring} {
		if d := begun(phase).Resume(); d.Phase != phase || d.Result != "" {
			t.Errorf("in %s it becomes %+v", phase, d)
		}
	}
	// Whether the injection was recorded was not known: it was, and is not begun again.
	if d, act := begun(drills.Announcing).Next(drills.Seen{Inject: ran("r_i", actions.Running, 0, 1)}, after(5_000)); act != drills.Wait || d.Phase != drills.Injecting {
		t.Errorf("an injection that is there: %s, then %q", d.Phase, act)
	}
}

func TestWhenADrillIsOverdue(t *testing.T) {
	plan := drills.Plan{Name: "weekly", Objective: time.Minute, Overdue: 24 * time.Hour}
	over := func(result drills.Result, ago time.Duration) drills.Drill {
		return drills.Drill{Name: "weekly", Phase: drills.Over, Result: result, Started: noon.Add(-ago), LeftBroken: result == drills.Failed}
	}
	for name, c := range map[string]struct {
		past            []drills.Drill
		overdue, failed float64
	}{
		"never":                              {nil, 1, 0},
		"yesterday's passed":                 {[]drills.Drill{over(drills.Passed, 23*time.Hour)}, 0, 0},
		"a slow one counts":                  {[]drills.Drill{over(drills.Slow, 23*time.Hour)}, 0, 0},
		"too long ago":                       {[]drills.Drill{over(drills.Passed, 25*time.Hour)}, 1, 0},
		"a failed one does not count":        {[]drills.Drill{over(drills.Failed, time.Hour), over(drills.Passed, 25*time.Hour)}, 1, 1},
		"one that is under way says nothing": {[]drills.Drill{{Name: "weekly", Phase: drills.Finding, Started: noon}, over(drills.Passed, time.Hour)}, 0, 0},
		"one of another plan":                {[]drills.Drill{func() drills.Drill { d := over(drills.Passed, time.Hour); d.Name = "other"; return d }()}, 1, 0},
	} {
		v := drills.Stand(plan, c.past).Values(noon)
		if v[drills.SeriesOverdue] != c.overdue || v[drills.SeriesFailed] != c.failed || v[drills.SeriesBroken] != c.failed {
			t.Errorf("%s: %v", name, v)
		}
	}
}
