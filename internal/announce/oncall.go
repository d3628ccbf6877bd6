package announce

import (
	"time"

	"guardian/decide"
	"guardian/notifiers"
)

// Fault is the notice that something is wrong with the guardian itself, or that it is over.
func (t Renderer) Fault(f decide.FaultNews, now time.Time) notifiers.Notice {
	w := t.texts()
	tier, event, tone, title, text := warning, "fault", notifiers.Bad, w.fault, w.faultText
	if f.Mortal() {
		tier = critical
	}
	if f.Local() {
		text = w.faultOutside
	}
	if f.Over {
		event, tone, title, text = "fault_over", notifiers.Good, w.faultOver, w.faultOverText
	}
	n := t.state("self/"+f.Name, "guardian", event, tier, tone, nil, now)
	names := []string{"what", w.faults[f.Name], "since", t.clock(f.Since, now), "age", t.span(now.Sub(f.Since))}
	n.Title, n.Text = fill(title, names...), fill(text, names...)
	n.Mention = tier == critical && !f.Over
	fact(&n, w.since, t.stamp(f.Since))
	if !f.Over {
		fact(&n, w.problem, t.read(f.Why, now))
		n.Steps = w.stepsFault[f.Name]
	}
	t.link(&n, w.linkOverview)
	return n
}

// OnCallGap is the notice that nobody is or will be on call. That nobody is tells who is on call, as a
// hand-over does; that nobody will be is told of each gap.
func (t Renderer) OnCallGap(g decide.GapNews, now time.Time) notifiers.Notice {
	w := t.texts()
	tier, event, tone, title := warning, "gap_ahead", notifiers.Warn, w.gapAhead
	if g.Began {
		tier, event, tone, title = critical, "gap", notifiers.Bad, w.gapBegan
	}
	n := t.state(g.Key(), "guardian", event, tier, tone, map[string]string{"schedule": g.Schedule}, now)
	n.Thread, n.Outdates = g.Occasion(), g.Past()
	if !g.Began {
		n.StateOf = g.Occasion()
	}
	n.Title = fill(title, "schedule", g.Schedule, "from", t.clock(g.Gap.From, now))
	n.Text = fill(w.gapText, "schedule", g.Schedule)
	n.Mention = g.Began
	fact(&n, w.gapFrom, t.stamp(g.Gap.From))
	fact(&n, w.gapTo, t.stamp(g.Gap.To))
	n.Steps = w.stepsGap
	t.link(&n, w.linkOnCall, "oncall")
	return n
}
