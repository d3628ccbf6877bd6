package announce

import (
	"time"

	"guardian/decide"
	"guardian/notifiers"
	"guardian/watch"
)

// Blindness is the notice of a change of which checks cannot look.
func (t Renderer) Blindness(n decide.BlindNews, now time.Time) notifiers.Notice {
	check := Blind{Check: n.Check.Check, Service: n.Check.Service, Labels: n.Check.Labels, Since: n.Since, Reason: n.Why}
	path := Cut{Path: n.Path, Checks: n.Checks, Since: n.Since, Reason: n.Why, Services: n.Services}
	switch n.Kind {
	case decide.CheckBlind:
		return t.BlindBegan(check, now)
	case decide.CheckSees:
		return t.BlindEnded(check, now)
	case decide.PathCut:
		return t.PathCut(path, now)
	case decide.PathBack:
		return t.PathBack(path, now)
	case decide.AllBlind:
		return t.AllBlind(n.Checks, n.Since, n.Why, now)
	case decide.AllSee:
		return t.AllSee(n.Checks, n.Since, now)
	default:
		return notifiers.Notice{}
	}
}

// PlanOf is what a verdict leads to, as notices show it; run is the ID of its run, or "".
func PlanOf(c decide.Consequence, run string) Plan {
	if c.Request == nil {
		return Plan{}
	}
	p := Plan{Runbook: c.Request.Runbook, To: c.Request.To, Undo: c.Request.Kind == string(watch.Operation), QueuedBehind: c.Request.QueuedBehind, Refusals: c.Request.Refusals, Until: c.AnswerUntil}
	if c.Acts {
		p.Run = run
	}
	return p
}
