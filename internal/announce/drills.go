package announce

import (
	"cmp"
	"time"

	"guardian/internal/drills"
	"guardian/notifiers"
)

// DrillEnded is the notice of how a drill ended. Whether it is worth an alert is for the rules to say; only
// a service that is still broken is urgent.
func (t Renderer) DrillEnded(d drills.Drill, now time.Time) notifiers.Notice {
	w := t.texts()
	tier, tone, text := info, notifiers.Good, w.drillPassed
	switch {
	case d.LeftBroken:
		tier, tone, text = critical, notifiers.Bad, w.drillBroken
	case d.Result == drills.Failed:
		tier, tone, text = warning, notifiers.Bad, w.drillFailed
	case d.Result == drills.Slow:
		tier, tone, text = warning, notifiers.Warn, w.drillSlow
	}
	n := t.notice("drill/"+d.ID, "drill", string(d.Result), tier, tone, map[string]string{"service": d.Service, "environment": d.Environment, "drill": d.Name}, now)
	n.Mention = d.LeftBroken
	names := []string{
		"drill", d.Name, "service", inEnvironment(d.Service, d.Environment), "took", t.exact(d.Stages.Took()), "objective", t.span(d.Objective),
		"reaction", t.exact(d.Stages.Reaction()), "cure", t.exact(d.Stages.Cure()),
	}
	n.Title, n.Text = fill(text[0], names...), fill(text[1], names...)
	if !d.Reason.IsZero() {
		fact(&n, w.reason, t.read(d.Reason, now))
	}
	if d.Succeeded() {
		fact(&n, w.drillReaction, t.exact(d.Stages.Reaction()))
		fact(&n, w.drillCure, t.exact(d.Stages.Cure()))
	}
	fact(&n, w.drillBy, cmp.Or(d.By, w.drillSchedule))
	if d.LeftBroken {
		n.Steps = []string{w.stepRestore}
	}
	t.link(&n, w.linkDrill, "drills", d.ID)
	return n
}

// exact is a length to the millisecond where it is short.
func (t Renderer) exact(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(time.Millisecond).String()
	}
	return t.span(d)
}
