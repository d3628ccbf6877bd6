package replay

import (
	"slices"
	"time"

	"guardian/actions"
)

// run is a replayed run: how it was decided, and what became of it. How long it took, what people
// answered and how it ended were not decided: they are taken from the recorded run. Without one
// it is taken to be cured at once, and what it asks is not answered.
type run struct {
	actions.Run // as it was decided last: when it was created, or left the queue
	was         *actions.Run
	replayed    bool // decided here; the others are as they were recorded

	started, ended time.Time // zero: not in this replay
	final          actions.State
}

// recordedRun is a run that is not replayed: people, drills, or the time before began it.
func recordedRun(r actions.Run) *run {
	return &run{Run: r, was: &r, started: r.Started, ended: r.Ended, final: r.State}
}

// begin says what becomes of a run that was decided at now.
func (r *run) begin(now time.Time) {
	r.started, r.ended, r.final = time.Time{}, time.Time{}, ""
	switch r.State {
	case actions.Refused:
		r.ended, r.final = now, actions.Refused
	case actions.Queued:
		if r.was != nil && r.was.Started.IsZero() && r.was.State == actions.FailedRun {
			r.asRecorded(now) // a person aborted it in the queue
		}
	case actions.AwaitingApproval:
		if r.was != nil && (r.was.State != actions.Refused || r.unmet()) {
			r.asRecorded(now)
			return
		}
		// That it is outdated by another deploy is decided, not recorded.
		if q := r.Question; q != nil && !q.Until.IsZero() {
			next, changed := r.Run.Expire(q.Until)
			r.ended, r.final = q.Until, next.State
			if !changed { // it would go on to others: who answers then is not decided
				r.final = actions.Expired
			} else if !next.State.Final() { // silence is consent
				r.started, r.final = q.Until, actions.Cured
			}
		}
	default:
		if r.was != nil && (!r.was.Started.IsZero() || r.unmet()) {
			r.asRecorded(now)
			return
		}
		r.started, r.ended, r.final = now, now, actions.Cured
	}
}

// unmet tells whether the recorded run was refused because of its preconditions: what was seen of them was
// not decided.
func (r *run) unmet() bool { return r.was.State == actions.Refused && len(r.was.Required) > 0 }

// asRecorded takes times and outcome from the recorded run, moved to when this one was created.
func (r *run) asRecorded(now time.Time) {
	moved := func(at time.Time) time.Time {
		if at.IsZero() {
			return at
		}
		at = at.Add(r.Created.Sub(r.was.Created))
		if at.Before(now) {
			return now
		}
		return at
	}
	r.started = moved(r.was.Started)
	if r.ended = moved(r.was.Ended); !r.started.IsZero() && !r.was.Ended.IsZero() {
		r.ended = r.started.Add(r.was.Ended.Sub(r.was.Started))
	}
	if r.was.State.Final() {
		r.final = r.was.State
	}
}

// refuse ends a run that waited for an approval.
func (r *run) refuse(now time.Time) {
	r.started, r.ended, r.final = time.Time{}, now, actions.Refused
}

// at gives the run as it stood at a time.
func (r *run) at(now time.Time) actions.Run {
	is := r.Run
	is.Started, is.Ended, is.Steps = time.Time{}, time.Time{}, r.stepsAt(now)
	over := !r.ended.IsZero() && !r.ended.After(now)
	if !r.started.IsZero() && !r.started.After(now) {
		is.Started, is.State = r.started, actions.Running
		if v := r.verifying(); !v.IsZero() && !v.After(now) {
			is.State = actions.Verifying
		}
	} else if is.State.Final() && !over {
		is.State = actions.Running // one that was read as it ended
	}
	if over {
		is.Ended, is.State = r.ended, r.final
	}
	return is
}

// stepsAt gives its steps as they stood at a time: those that were recorded, moved to when this one
// started.
func (r *run) stepsAt(now time.Time) []actions.StepRun {
	if r.was == nil || r.was.Started.IsZero() || r.started.IsZero() {
		return r.Run.Steps
	}
	steps := slices.Clone(r.was.Steps)
	for i := range steps {
		s := &steps[i]
		if s.Ended.IsZero() {
			continue
		}
		if s.Ended = r.started.Add(s.Ended.Sub(r.was.Started)); s.Ended.After(now) {
			s.State, s.Ended = actions.StepPending, time.Time{}
		}
	}
	return steps
}

// putBack is when its last step was done, or when it ended where that is not known.
func (r *run) putBack() time.Time {
	if v := r.verifying(); !v.IsZero() {
		return v
	}
	return r.ended
}

// verifying is when its last step was done; zero: that is not known.
func (r *run) verifying() time.Time {
	if r.was == nil || r.was.Started.IsZero() {
		return time.Time{}
	}
	var last time.Time
	for _, s := range r.was.Planned() {
		if s.State != actions.StepDone || s.Ended.IsZero() {
			return time.Time{}
		}
		if s.Ended.After(last) {
			last = s.Ended
		}
	}
	if last.IsZero() {
		return last
	}
	return r.started.Add(last.Sub(r.was.Started))
}
