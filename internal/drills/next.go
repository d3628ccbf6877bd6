package drills

import (
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/watch"
)

// Seen is what the journal says of a drill.
type Seen struct {
	Watch                     *watch.Watch // nil: there is none
	Inject, Rollback, Restore *actions.Run // nil: there is none
	Failing                   time.Time    // the first look that failed since the fault began; zero: none
}

// Act is what is to be done next about a drill.
type Act string

// The acts.
const (
	Wait          Act = ""
	Announce      Act = "announce"       // the deploy
	Inject        Act = "inject"         // begin the run that injects the fault
	AbortInject   Act = "abort_inject"   // end that run
	AbortRollback Act = "abort_rollback" // end the rollback
	Restore       Act = "restore"        // begin the run that takes the fault back
	Finish        Act = "finish"         // record that it is over
)

// Next gives the drill one phase further, if it comes to that, and what is to be done. It is pure.
func (d Drill) Next(s Seen, now time.Time) (Drill, Act) {
	switch d.Phase {
	case Announcing:
		return d.announcing(s, now)
	case Injecting:
		return d.injecting(s, now)
	case Finding:
		return d.finding(s, now), Wait
	case Curing:
		return d.curing(s, now)
	case Restoring:
		return d.restoring(s, now)
	case Over:
		return d, Wait
	default:
		return d, Wait
	}
}

func (d Drill) late(now time.Time) bool { return !now.Before(d.Started.Add(d.Within)) }

// fail ends what the drill rehearses: what is left is to take the fault back.
func (d Drill) fail(why reason.Reason) Drill {
	d.Phase, d.Result, d.Reason = Restoring, Failed, why
	return d
}

func (d Drill) announcing(s Seen, now time.Time) (Drill, Act) {
	switch {
	case s.Inject != nil: // whether it was recorded was not known
		d.Phase = Injecting
		return d, Wait
	case d.late(now):
		return d.fail(reason.New("drill_never_begun", "after", d.Within)), Wait
	case d.Deploy == "":
		return d, Announce
	default:
		return d, Inject
	}
}

func (d Drill) injecting(s Seen, now time.Time) (Drill, Act) {
	run := s.Inject
	if run == nil || !run.State.Final() {
		if d.late(now) && !d.Aborted {
			d.Aborted = true
			return d, AbortInject
		}
		return d, Wait
	}
	for _, step := range run.Steps {
		if !step.Started.IsZero() && (d.Stages.Begun.IsZero() || step.Started.Before(d.Stages.Begun)) {
			d.Stages.Begun = step.Started
		}
		if step.Ended.After(d.Stages.Injected) {
			d.Stages.Injected = step.Ended
		}
	}
	if run.State != actions.Cured {
		return d.fail(reason.New("drill_not_injected", "why", run.Reason)), Wait
	}
	d.Phase = Finding
	return d, Wait
}

func (d Drill) finding(s Seen, now time.Time) Drill {
	if !s.Failing.IsZero() {
		d.Stages.Failing = s.Failing
		if s.Failing.Before(d.Stages.Injected) { // it was seen before the last step had ended
			d.Stages.Injected = s.Failing
		}
	}
	switch w := s.Watch; {
	case w == nil || !w.State.Final():
		if d.late(now) {
			return d.fail(reason.New("drill_not_found", "after", d.Within))
		}
		return d
	case w.State != watch.Failed || w.Verdict == nil:
		return d.fail(reason.New("drill_other_verdict", "verdict", reason.New("drill_verdict_"+string(w.State))))
	default:
		d.Stages.Verdict = w.Verdict.At
	}
	if s.Rollback == nil { // it is recorded with the verdict
		return d.fail(reason.New("drill_no_rollback"))
	}
	d.Rollback, d.Phase = s.Rollback.ID, Curing
	return d
}

func (d Drill) curing(s Seen, now time.Time) (Drill, Act) {
	run := s.Rollback
	if run == nil {
		return d.fail(reason.New("drill_no_rollback")), Wait
	}
	for _, step := range run.Steps {
		if !step.Started.IsZero() && (d.Stages.FirstStep.IsZero() || step.Started.Before(d.Stages.FirstStep)) {
			d.Stages.FirstStep = step.Started
		}
		if step.State == actions.StepDone && step.Ended.After(d.Stages.LastStep) {
			d.Stages.LastStep = step.Ended
		}
	}
	switch {
	case !run.State.Final() && d.late(now) && !d.Aborted:
		d.Aborted = true
		return d, AbortRollback
	case !run.State.Final():
		return d, Wait
	case run.State != actions.Cured:
		return d.fail(reason.New("drill_not_cured", "state", reason.New("run_state_"+string(run.State)), "why", run.Reason)), Wait
	}
	d.Stages.Cured, d.Phase, d.Result = run.Ended, Restoring, Passed
	if d.Stages.Took() > d.Objective {
		d.Result = Slow
	}
	return d, Wait
}

// restoring takes back what was injected. A fault of which nothing was begun needs no taking back.
func (d Drill) restoring(s Seen, now time.Time) (Drill, Act) {
	begun := s.Inject != nil && !s.Inject.Started.IsZero()
	switch run := s.Restore; {
	case s.Inject != nil && !s.Inject.State.Final() && now.Sub(d.Started) < 2*d.Within:
		return d, Wait // it is being aborted: what comes of its step should be known first
	case !begun:
		return d.over(now), Finish
	case run == nil:
		return d, Restore
	case !run.State.Final():
		if now.Sub(run.Created) < d.Within {
			return d, Wait
		}
		return d.broken(reason.New("drill_restore_stuck", "run", run.ID, "after", d.Within), now), Finish
	case run.State != actions.Cured:
		return d.broken(reason.New("drill_not_restored", "run", run.ID, "why", run.Reason), now), Finish
	default:
		d.Stages.Restored = run.Ended
		return d.over(now), Finish
	}
}

// broken ends a drill whose fault could not be taken back.
func (d Drill) broken(why reason.Reason, now time.Time) Drill {
	if !d.Reason.IsZero() {
		why = reason.Join(d.Reason, why)
	}
	d.LeftBroken, d.Result, d.Reason = true, Failed, why
	return d.over(now)
}

func (d Drill) over(now time.Time) Drill {
	d.Phase, d.Ended = Over, now
	return d
}

// Resume gives the drill for a guardian that takes it over. One that had not begun to inject its fault
// never does.
func (d Drill) Resume() Drill {
	if d.Phase == Announcing {
		return d.fail(reason.New("drill_interrupted"))
	}
	return d
}

// Unrestored gives a drill whose steps that take the fault back cannot even be begun.
func (d Drill) Unrestored(why reason.Reason, now time.Time) Drill {
	return d.broken(reason.New("drill_restore_not_begun", "why", why), now)
}

// NotBegun gives a drill whose deploy was not taken, or whose fault could not be injected.
func (d Drill) NotBegun(why reason.Reason) Drill {
	return d.fail(reason.New("drill_not_begun", "why", why))
}

// Standing tells what a plan's last drills say: it is overdue, and its last one failed or was slow.
type Standing struct {
	Plan Plan
	Last *Drill    // the last that is over; nil: none
	Good time.Time // when the last one that succeeded began; zero: none did
}

// Stand sums up the drills of a plan, newest first.
func Stand(p Plan, all []Drill) Standing {
	s := Standing{Plan: p}
	for _, d := range all {
		if d.Name != p.Name || d.Open() {
			continue
		}
		if s.Last == nil {
			s.Last = &d
		}
		if s.Good.IsZero() && d.Succeeded() {
			s.Good = d.Started
		}
	}
	return s
}

// Overdue tells whether a drill is due for too long; one that never succeeded is.
func (s Standing) Overdue(now time.Time) bool { return now.Sub(s.Good) > s.Plan.Overdue }
