package decide

import (
	"slices"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/notifiers/route"
)

// Recipients is who is notified of something, and what keeps others from it.
type Recipients struct {
	Targets []route.Target
	// Suppressed is what keeps everybody from it: a silence or a maintenance; zero: nothing.
	Suppressed reason.Reason
	// Until is when that ends; zero when it is not suppressed.
	Until time.Time
	// Muted is how many receivers their route's time intervals keep from it.
	Muted int
}

// Nobody tells that nobody is notified.
func (r Recipients) Nobody() bool { return len(r.Targets) == 0 }

// Recipients decides who is notified of something that is no alert, with these labels. A receiver to
// which several routes lead is notified once.
func (s *Settings) Recipients(kind string, labels map[string]string, silences []route.Silence, now time.Time) Recipients {
	if s.Routes == nil {
		return Recipients{}
	}
	if why, until := s.Suppressed(kind, labels, silences, now); !why.IsZero() {
		return Recipients{Suppressed: why, Until: until}
	}
	var r Recipients
	var muted []route.Target
	for _, t := range s.Routes.Match(labels) {
		if t.Quiet(now) {
			muted = withReceiver(muted, t)
			continue
		}
		r.Targets = withReceiver(r.Targets, t)
	}
	// A receiver that another route tells is kept from nothing.
	r.Muted = len(slices.DeleteFunc(muted, func(t route.Target) bool { return hasReceiver(r.Targets, t.Receiver) }))
	return r
}

func hasReceiver(ts []route.Target, name string) bool {
	return slices.ContainsFunc(ts, func(t route.Target) bool { return t.Receiver == name })
}

// withReceiver adds a target unless its receiver is there already.
func withReceiver(ts []route.Target, t route.Target) []route.Target {
	if hasReceiver(ts, t.Receiver) {
		return ts
	}
	return append(ts, t)
}

// Suppressed says what keeps everybody from being notified of something with these labels,
// and until when: a silence, or a maintenance; zero for nothing. A maintenance suppresses what is
// seen (alerts, blindness), never what the guardian does.
func (s *Settings) Suppressed(kind string, labels map[string]string, silences []route.Silence, now time.Time) (why reason.Reason, until time.Time) {
	if silence, ok := route.FindSilence(silences, labels, now); ok {
		return reason.New("silenced", "silence", silence.ID, "by", silence.By), silence.Until
	}
	if kind != "alert" && kind != "blind" {
		return reason.Reason{}, time.Time{}
	}
	for _, m := range s.Maintenance {
		if m.Service != "" && m.Service != labels["service"] {
			continue
		}
		for _, span := range m.Spans(now, now.Add(time.Nanosecond)) {
			if span.Contains(now) {
				return reason.New("in_maintenance", "maintenance", m.Name, "why", m.Why), span.To
			}
		}
	}
	return reason.Reason{}, time.Time{}
}

// RunNews is what people are notified of when a run was recorded.
type RunNews struct {
	FailedSteps []int // that failed since the record before
	State       bool  // where the run stands
	Refused     bool  // why it was refused
}

// NewsOf decides what is news in a run that was recorded; before is what was recorded before
// it, or nil.
func NewsOf(before *actions.Run, run actions.Run) RunNews {
	var n RunNews
	for i, s := range run.Steps {
		if s.State == actions.StepFailed && (before == nil || i >= len(before.Steps) || before.Steps[i].State != actions.StepFailed) {
			n.FailedSteps = append(n.FailedSteps, i)
		}
	}
	switch {
	case run.State == actions.Refused:
		n.Refused = true
	case run.State == actions.Verifying: // its outcome will be news
	case run.Trigger.Kind == actions.ByDrill && !run.Rollback && (run.State == actions.Running || run.State == actions.Cured):
		// A drill that breaks something and takes it back is news when it ends.
	case before == nil || before.State != run.State || !sameQuestion(before.Question, run.Question):
		n.State = true
	}
	return n
}

func sameQuestion(x, y *actions.Question) bool {
	if x == nil || y == nil {
		return x == y
	}
	return x.Code == y.Code && x.Step == y.Step
}
