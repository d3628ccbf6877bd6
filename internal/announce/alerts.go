package announce

import (
	"cmp"
	"slices"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/reason"
	"guardian/notifiers"
	"guardian/rules"
)

// suspect is how long after a deploy an alert names it as a possible cause.
const suspect = 2 * time.Hour

// Repeat is the event of a notice about alerts in which nothing is new.
const Repeat = "repeat"

// AlertsKey is the key of the notices about a group of alerts.
func AlertsKey(group string) string { return "alerts/" + group }

// alertKey is the key of the notices about the runs that an alert starts.
func alertKey(id string) string { return "alert/" + id }

func alertTier(a rules.Alert) string {
	if a.Tier == "" {
		return warning
	}
	return string(a.Tier)
}

// Alerts is the notice about a group of alerts: one of them is told in full, several in a list. last
// is the last deploy of their service, or nil.
func (t Renderer) Alerts(g decide.Telling, last *LastDeploy, now time.Time) notifiers.Notice {
	var n notifiers.Notice
	switch all := slices.Concat(g.Firing, g.Resolved); {
	case len(all) == 0:
		return notifiers.Notice{}
	case len(all) > 1:
		n = t.alertGroup(g, last, now)
	case len(g.Resolved) == 1:
		n = t.alertResolved(all[0], g, now)
	default:
		n = t.alertFiring(all[0], g, last, now)
	}
	for _, a := range slices.Concat(g.Firing, g.Resolved) {
		n.Alerts = append(n.Alerts, a.ID)
	}
	n.Group = t.group(g)
	n.Key = AlertsKey(g.Group)
	n.Thread = cmp.Or(n.Thread, n.Key)
	return n
}

// summary says what an alert is about: its summary, or its rule.
func (t Renderer) summary(a rules.Alert) string {
	if s := t.annotation(a, "summary"); s != "" {
		return s
	}
	return a.Rule
}

// subject names an alert: its service and its summary, or its rule and its labels.
func (t Renderer) subject(a rules.Alert) string {
	subject := t.named(a)
	if labels := apart(a, nil, subject); len(labels) > 0 && t.annotation(a, "summary") == "" {
		subject += t.texts().comma + listLabels(labels, maxListed)
	}
	return subject
}

// named is an alert's service and what it is about.
func (t Renderer) named(a rules.Alert) string {
	subject := t.summary(a)
	if s := a.Service(); s != "" {
		subject = inEnvironment(s, a.Labels["environment"]) + t.texts().colon + subject
	}
	return subject
}

func began(a rules.Alert) time.Time {
	if a.ActiveAt.IsZero() {
		return a.FiredAt
	}
	return a.ActiveAt
}

func toneOf(tier string) notifiers.Tone {
	switch tier {
	case critical:
		return notifiers.Bad
	case warning:
		return notifiers.Warn
	}
	return notifiers.Neutral
}

func (t Renderer) alertFiring(a rules.Alert, g decide.Telling, last *LastDeploy, now time.Time) notifiers.Notice {
	w := t.texts()
	tier, since, age := alertTier(a), began(a), t.span(now.Sub(began(a)))
	event, title, text := "firing", w.alertFiring, w.alertFiringText
	switch {
	case g.Flapping[a.ID]:
		event, title, text = "flapping", w.alertFlapping, w.alertFlappingText
	case g.Repeat:
		event, title, text = Repeat, w.alertRepeat, w.alertRepeatText
	}
	n := t.notice("", "alert", event, tier, toneOf(tier), decide.AlertLabels(a), now)
	n.Title = fill(title, "tier", w.tier(tier), "subject", t.subject(a), "age", age)
	n.Text = fill(text, "since", t.clock(since, now), "age", age)
	if s := t.annotation(a, "description"); s != "" {
		n.Text += "\n" + s
	}
	if a.Origin == nil {
		fact(&n, w.value, reason.Number(a.Value))
		fact(&n, w.condition, a.Expr)
	}
	t.alertFacts(&n, a)
	t.sentBecause(&n, g, now)
	n.Mention = tier == critical
	if s := t.annotation(a, "action"); s != "" {
		n.Steps = append(n.Steps, s)
	}
	t.lastDeploy(&n, last, since, now)
	if a.Annotations["runbook_url"] != "" {
		n.Steps = append(n.Steps, w.stepManual)
	}
	n.Steps = append(n.Steps, w.stepAck)
	t.alertLinks(&n, a)
	return n
}

// alertResolved is the notice that an alert no longer fires. It has the alert's tier, so that
// it looks as important as the alert did.
func (t Renderer) alertResolved(a rules.Alert, g decide.Telling, now time.Time) notifiers.Notice {
	w := t.texts()
	since, end := began(a), a.ResolvedAt
	if end.IsZero() {
		end = now
	}
	n := t.notice("", "alert", "resolved", alertTier(a), notifiers.Good, decide.AlertLabels(a), now)
	n.Title = fill(w.alertResolved, "subject", t.subject(a))
	n.Text = fill(w.alertResolvedText, "end", t.clock(end, now), "since", t.clock(since, now), "age", t.span(end.Sub(since)))
	t.alertFacts(&n, a)
	t.sentBecause(&n, g, now)
	t.alertLinks(&n, a)
	return n
}

func (t Renderer) alertFacts(n *notifiers.Notice, a rules.Alert) {
	w := t.texts()
	fact(n, w.since, t.stamp(began(a)))
	fact(n, w.shop, where(a.Labels))
	fact(n, w.check, a.Labels["check"])
	fact(n, w.rule, a.Rule)
	fact(n, w.labels, listLabels(otherLabels(decide.AlertLabels(a)), maxLabels))
}

func (t Renderer) alertLinks(n *notifiers.Notice, a rules.Alert) {
	w := t.texts()
	t.link(n, w.linkAlerts, "alerts", a.ID)
	if a.Origin != nil {
		outside(n, w.linkSource, a.Origin.URL)
	}
	outside(n, w.linkManual, a.Annotations["runbook_url"])
	outside(n, w.linkDashboard, a.Annotations["dashboard_url"])
	t.link(n, w.linkService, "services", a.Service())
}

// sentBecause says why a notice is sent now, where that is not plain.
func (t Renderer) sentBecause(n *notifiers.Notice, g decide.Telling, now time.Time) {
	if g.Why.Code != "notice_first" && g.Why.Code != "notice_resolved" {
		fact(n, t.texts().sentBecause, t.read(g.Why, now))
	}
}

func (t Renderer) lastDeploy(n *notifiers.Notice, last *LastDeploy, since, now time.Time) {
	if last == nil {
		return
	}
	fact(n, t.texts().lastDeploy, t.deployed(last.Deploy, now))
	if age := since.Sub(last.At); age >= 0 && age < suspect {
		n.Steps = append(n.Steps, fill(t.suspicion(last), "version", last.Version, "age", t.span(age)))
	}
}

// suspicion is what to do about the last deploy when it may be the cause, by what was done about it.
func (t Renderer) suspicion(last *LastDeploy) string {
	w := t.texts()
	if last.RollbackRun != "" {
		return w.stepSuspectPutBack
	}
	if last.Rollback != nil {
		switch last.Rollback.State {
		case actions.Queued, actions.Running, actions.Verifying:
			return w.stepSuspectUnderWay
		case actions.AwaitingApproval:
			return w.stepSuspectAsks
		case actions.Cured, actions.NotCured, actions.Worse:
			return w.stepSuspectRolledBack
		case actions.FailedRun, actions.Rejected, actions.Expired, actions.Refused:
		}
	}
	if !last.Reversible {
		return w.stepSuspectFixed
	}
	return w.stepSuspect
}

// annotation gives an alert's text in the teller's language where a rule has it: summary_zh
// before summary. Read are summary, description and action, the last as the first of the
// steps to take.
func (t Renderer) annotation(a rules.Alert, name string) string {
	if s := a.Annotations[name+"_"+t.lang()]; s != "" {
		return s
	}
	return a.Annotations[name]
}
