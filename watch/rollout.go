package watch

import (
	"time"

	"guardian/internal/reason"
)

// Rollout is a deploy of which the beginning and the end are announced: it happens between them.
type Rollout struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end,omitzero"` // zero: it goes on, or nobody said that it ended
	// Status is the exit status of the command that deployed; nil while there is none.
	Status *int `json:"exit_status,omitempty"`
	// Withdrawn: nothing was deployed, as when the command could not be started.
	Withdrawn bool `json:"withdrawn,omitempty"`
}

// RollingOut tells whether the deploy has begun and its end is to be announced.
func (d Deploy) RollingOut() bool { return d.Rollout != nil && d.Rollout.End.IsZero() && !d.Unsure }

// Withdrawn tells whether the deploy was announced and did not happen, or was a drill's that is over.
func (d Deploy) Withdrawn() bool { return d.Rollout != nil && d.Rollout.Withdrawn || !d.Void.IsZero() }

// noEnd is how long the judged looks of a deploy that goes on are away, unless a grace says when
// they begin.
const noEnd = 10 * 365 * 24 * time.Hour

// rollOut lets a watch wait for the end of its deploy: its looks are judged after the grace, or
// when there is none after the end.
func (w *Watch) rollOut(d Deploy) {
	w.Unsure = d.Unsure
	if w.RollingOut = d.RollingOut(); w.awaitsEnd() {
		w.From = w.Started.Add(noEnd)
	}
}

// awaitsEnd reports whether no look is judged until the end of the deploy: From is no time until then.
func (w *Watch) awaitsEnd() bool { return w.RollingOut && w.Policy.Grace == 0 }

// underWay says since when the deploy goes on, and from when its looks are judged; zero when it
// does not.
func (w *Watch) underWay() reason.Reason {
	switch {
	case !w.RollingOut:
		return reason.Reason{}
	case w.awaitsEnd():
		return reason.New("deploy_under_way", "since", w.Switched, "for", w.Policy.For)
	default:
		return reason.New("deploy_under_way_grace", "since", w.Switched, "from", w.From, "for", w.Policy.For)
	}
}

// Withdraw takes the end of a deploy that did not happen: the next Tick ends the watch.
func (w *Watch) Withdraw() {
	if w.State.Final() {
		return
	}
	w.Seq++
	w.Withdrawn, w.RollingOut = true, false
}

// EndRollout takes the end of the deploy. The watch goes on for its full length from now, unless the
// end was overdue and the watch did not wait for it. unsure: whether the deploy happened is not known.
func (w *Watch) EndRollout(unsure bool, now time.Time) {
	if w.State.Final() {
		return
	}
	w.Seq++
	w.Unsure = unsure
	if !w.RollingOut {
		return
	}
	w.RollingOut = false
	end := clean(now)
	w.Deadline = end.Add(w.Policy.For + w.Suspended)
	if w.Policy.Grace > 0 {
		return
	}
	w.From = end
	for i := range w.Checks {
		w.Checks[i].From = end
	}
}
