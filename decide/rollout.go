package decide

import (
	"time"

	"guardian/watch"
)

// clockError is how far two clocks may be apart: less is the time that a call takes.
const clockError = 2 * time.Second

// CallTimes is what an announcement says about times.
type CallTimes struct {
	// Begins: the deploy begins now, and its end will be announced.
	Begins bool
	// FirstTried is how long ago the call was tried first; 0: now.
	FirstTried time.Duration
	// Clock is what the caller's clock says as it calls; zero: it does not say.
	Clock time.Time
}

// Timed puts the times of an announcement on the guardian's clock. What lies in the future by it is
// now: a switch cannot be announced in advance.
func Timed(dep watch.Deploy, told CallTimes, now time.Time) watch.Deploy {
	if !told.Clock.IsZero() {
		if off := told.Clock.Sub(now); off.Abs() > clockError {
			dep.ClockOff = off
		}
	}
	if !dep.At.IsZero() {
		at := dep.At.Add(-dep.ClockOff)
		if ahead := at.Sub(now); ahead > 0 {
			if ahead > clockError {
				dep.AtAhead = ahead
			}
			at = now
		}
		dep.At = at.UTC()
	}
	if told.FirstTried > 0 {
		dep.FirstTried = now.Add(-told.FirstTried).UTC()
	}
	if told.Begins {
		dep.At = now.Add(-told.FirstTried).UTC()
		dep.Rollout = &watch.Rollout{Start: dep.At}
	}
	return dep
}

// Ended is a deploy whose end was announced. One whose command failed may or may not have happened.
func Ended(dep watch.Deploy, end End, now time.Time) watch.Deploy {
	r := *dep.Rollout
	r.End, r.Status, r.Withdrawn = now, &end.Status, end.Withdrawn
	dep.Rollout, dep.Unsure = &r, end.Status != 0 && !end.Withdrawn
	return dep
}

// End is how a deploy ended.
type End struct {
	Status    int  // the exit status of the command that deployed
	Withdrawn bool // nothing was deployed
}

// announcement is when a deploy was announced first, by a hook or by its start: the other of the two
// is zero. The hook that is assumed when an end does not come was called by nobody.
func announcement(b watch.Beginning) (at, hook, start time.Time) {
	if b.Start.IsZero() {
		return b.Hook, b.Hook, time.Time{}
	}
	return b.Start, time.Time{}, b.Start
}

// Unended tells whether the end of a deploy is overdue, as when its runner was killed, and gives
// the deploy as it is then: announced by a hook, and not known whether it happened.
func (d Decider) Unended(dep watch.Deploy, now time.Time) (_ watch.Deploy, overdue bool) {
	svc, ok := d.Settings.Service(dep.Service)
	if !ok || !dep.RollingOut() || now.Sub(dep.Rollout.Start) < time.Duration(svc.Watch.AnnounceLag) {
		return dep, false
	}
	dep.Unsure, dep.At, dep.SwitchedBy = true, time.Time{}, ""
	return dep, true
}
