package announce

import (
	"strconv"
	"strings"
	"time"

	"guardian/decide"
	"guardian/notifiers"
	"guardian/rules"
)

// OpenAlert is an alert that fires when somebody takes over, and who works on it.
type OpenAlert struct {
	rules.Alert
	Ack rules.Ack // zero: nobody
}

// HandOver is the notice of who is on call now: from whom they take over, and what is open. Of those that
// wait to be sent only the newest counts.
func (t Renderer) HandOver(h decide.HandOver, open []OpenAlert, now time.Time) notifiers.Notice {
	w := t.texts()
	n := t.state(h.Key(), "guardian", "hand_over", info, notifiers.Neutral, map[string]string{"schedule": h.Schedule}, now)
	n.Thread, n.Outdates = h.Occasion(), h.Past()
	names := []string{"schedule", h.Schedule, "people", t.people(h.People), "until", t.clock(h.Now.To, now), "before", strings.Join(h.Before.People, w.list), "open", strconv.Itoa(len(open))}
	n.Title = fill(w.handOver, names...)
	lines := []string{fill(w.handOverText, names...)}
	if h.Now.To.IsZero() {
		lines[0] = fill(w.handOverForever, names...)
	}
	if !h.Before.Nobody() {
		lines = append(lines, fill(w.handOverFrom, names...))
	}
	if len(open) == 0 {
		lines = append(lines, w.handOverQuiet)
	} else {
		lines = append(lines, fill(w.handOverOpen, names...))
	}
	for i, o := range open {
		if i == listed {
			lines = append(lines, fill(w.groupMore, "alerts", t.alerts(len(open)-i)))
			break
		}
		lines = append(lines, t.openLine(o, now))
	}
	n.Text = strings.Join(lines, "\n")
	n.Mention, n.Steps = true, w.stepsHandOver
	for _, p := range h.People {
		n.People = append(n.People, contact(p))
	}
	t.link(&n, w.linkOnCall, "oncall")
	t.link(&n, w.linkAlerts, "alerts")
	return n
}

// openLine is one alert that is open, with what its acknowledgement says.
func (t Renderer) openLine(o OpenAlert, now time.Time) string {
	w := t.texts()
	line := t.firingLine(o.Alert, w.groupLine, list{}, now)
	if o.Ack.By == "" {
		return line
	}
	line += w.comma + fill(w.handOverAck, "by", o.Ack.By)
	if o.Ack.Note != "" {
		line += w.colon + o.Ack.Note
	}
	return line
}
