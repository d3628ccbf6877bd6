package announce

import (
	"strconv"
	"strings"
	"time"

	"guardian/decide"
	"guardian/notifiers"
	"guardian/oncall"
	"guardian/rules"
)

// Escalation is the notice of a step of an escalation: nobody acknowledged the alerts.
func (t Renderer) Escalation(s decide.EscalationStep, alerts []rules.Alert, now time.Time) notifiers.Notice {
	w := t.texts()
	n := t.Alerts(decide.Telling{Group: "escalation/" + alerts[0].ID, Firing: alerts, Why: s.Because()}, nil, now)
	n.Event, n.Labels["notice_event"] = "escalated", "escalated"
	names := []string{"step", strconv.Itoa(s.Step + 1), "steps", strconv.Itoa(s.Steps), "title", n.Title, "age", t.span(now.Sub(s.Unanswered)), "schedule", s.Unmanned}
	n.Title = fill(w.escalated, names...)
	text := w.escalatedFirst
	if s.Step > 0 || s.Round > 0 {
		text = fill(w.escalatedText, names...)
	}
	if s.Unmanned != "" {
		text += " " + fill(w.escalatedUnmanned, names...)
	}
	n.Text = text + "\n" + n.Text
	fact(&n, w.escalation, s.Policy)
	fact(&n, w.notified, t.people(s.People))
	n.Mention = true
	for _, p := range s.People {
		n.People = append(n.People, contact(p))
	}
	return n
}

func (t Renderer) people(people []oncall.Person) string {
	names := make([]string, len(people))
	for i, p := range people {
		names[i] = p.Shown()
	}
	return strings.Join(names, t.texts().list)
}

// contact is how channels mention a person.
func contact(p oncall.Person) notifiers.Contact {
	return notifiers.Contact{Name: p.Shown(), Mobile: p.Mobile, DingTalk: p.DingTalk, WeCom: p.WeCom, Feishu: p.Feishu, Slack: p.Slack, Mail: p.Mail}
}
