package announce

import (
	"slices"
	"strings"
	"time"

	"guardian/decide"
	"guardian/notifiers"
	"guardian/oncall"
	"guardian/rules"
)

// Status answers which alerts fire, each with the ID by which commands name it, and who works on it.
func (t Renderer) Status(open []OpenAlert, id func(alert string) string, now time.Time) string {
	w := t.texts()
	if len(open) == 0 {
		return w.handOverQuiet
	}
	lines := []string{fill(w.chatOpen, "alerts", t.alerts(len(open)))}
	for i, o := range open {
		if i == listed {
			lines = append(lines, fill(w.groupMore, "alerts", t.alerts(len(open)-i)))
			break
		}
		lines = append(lines, id(o.ID)+"  "+t.openLine(o, now))
	}
	return strings.Join(lines, "\n")
}

// WhoIsOnCall answers who is on call.
func (t Renderer) WhoIsOnCall(r *oncall.Roster, now time.Time) string {
	w := t.texts()
	if len(r.Schedules) == 0 {
		return w.chatNoSchedule
	}
	var lines []string
	for _, s := range r.Schedules {
		shift := s.At(now)
		var people []oncall.Person
		for _, name := range shift.People {
			if p, ok := r.Person(name); ok {
				people = append(people, p)
			}
		}
		line := s.Name + w.colon + t.people(people)
		if len(people) == 0 {
			line = s.Name + w.colon + w.chatNobody
		}
		if !shift.To.IsZero() {
			line += w.comma + fill(w.chatUntil, "until", t.clock(shift.To, now))
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// Acknowledged answers what somebody acknowledged.
func (t Renderer) Acknowledged(alerts []rules.Alert, by string) string {
	return notifiers.Good.Emoji() + " " + fill(t.texts().chatAcked, "by", by, "alerts", t.subjects(alerts))
}

// Silenced answers what somebody silenced, and until when.
func (t Renderer) Silenced(alerts []rules.Alert, by string, until, now time.Time) string {
	return "🔕 " + fill(t.texts().chatSilenced, "by", by, "alerts", t.subjects(alerts), "until", t.clock(until, now))
}

// AckedBefore answers that somebody else acknowledged what was to be acknowledged.
func (t Renderer) AckedBefore(acks []rules.Ack) string {
	var names []string
	for _, k := range acks {
		if !slices.Contains(names, k.By) {
			names = append(names, k.By)
		}
	}
	w := t.texts()
	return fill(w.chatAckedBefore, "by", strings.Join(names, w.list))
}

// NoSuchAlert answers that a command names no alert that fires, or several.
func (t Renderer) NoSuchAlert(id string, several bool) string {
	if several {
		return fill(t.texts().chatSeveral, "id", id)
	}
	return fill(t.texts().chatNone, "id", id)
}

// Commands answers what may be written.
func (t Renderer) Commands() string { return t.texts().chatHelp }

// Elsewhere answers who writes where no receiver is; how names that place in the configuration.
func (t Renderer) Elsewhere(how string) string { return fill(t.texts().chatElsewhere, "how", how) }

func (t Renderer) subjects(alerts []rules.Alert) string {
	alerts = slices.Clone(alerts)
	decide.Arrange(alerts)
	names := make([]string, 0, len(alerts))
	for i, a := range alerts {
		if i == listed {
			names = append(names, fill(t.texts().groupMore, "alerts", t.alerts(len(alerts)-i)))
			break
		}
		names = append(names, t.subject(a))
	}
	return strings.Join(names, t.texts().list)
}
