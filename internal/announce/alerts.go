package announce

import (
	"maps"
	"net/url"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/notifiers"
	"guardian/rules"
)

// suspect is how long after a deploy an alert names it as a possible cause.
const suspect = 2 * time.Hour

// AlertKey is the key of every notice about an alert, and about the runs that it starts.
func AlertKey(a rules.Alert) string { return alertKey(a.ID) }

func alertKey(id string) string { return "alert/" + id }

// AlertLabels are the labels of the notice about an alert as it is now. Routes, silences and
// maintenance windows match them.
func AlertLabels(a rules.Alert) map[string]string {
	event := "firing"
	if a.State == rules.Resolved {
		event = "resolved"
	}
	return noticeLabels("alert", event, alertTier(a), alertLabels(a))
}

func alertTier(a rules.Alert) string {
	if a.Tier == "" {
		return warning
	}
	return string(a.Tier)
}

func alertLabels(a rules.Alert) map[string]string {
	labels := map[string]string{"alertname": a.Rule}
	maps.Copy(labels, a.Labels)
	return labels
}

// AlertFiring is the notice that an alert began to fire. last is the service's last deploy, or nil.
func (t Renderer) AlertFiring(a rules.Alert, last *LastDeploy, now time.Time) notifiers.Notice {
	return t.alert(a, last, "firing", now)
}

// AlertRepeat is the notice that an alert still fires.
func (t Renderer) AlertRepeat(a rules.Alert, last *LastDeploy, now time.Time) notifiers.Notice {
	return t.alert(a, last, "repeat", now)
}

// AlertResolved is the notice that an alert no longer fires. It has the alert's tier, so that
// it is routed as the alert was.
func (t Renderer) AlertResolved(a rules.Alert, now time.Time) notifiers.Notice {
	return t.alert(a, nil, "resolved", now)
}

func (t Renderer) alert(a rules.Alert, last *LastDeploy, event string, now time.Time) notifiers.Notice {
	w := t.texts()
	tier := alertTier(a)
	tone := map[string]notifiers.Tone{critical: notifiers.Bad, warning: notifiers.Warn}[tier]
	if tone == "" {
		tone = notifiers.Neutral
	}
	labels := alertLabels(a)
	subject := a.Rule
	if s := t.annotation(a, "summary"); s != "" {
		subject = s
	}
	if s := a.Service(); s != "" {
		subject = inEnvironment(s, a.Labels["environment"]) + w.colon + subject
	}
	since := a.ActiveAt
	if since.IsZero() {
		since = a.FiredAt
	}
	age := t.span(now.Sub(since))

	var n notifiers.Notice
	switch event {
	case "resolved":
		end := a.ResolvedAt
		if end.IsZero() {
			end = now
		}
		n = t.notice(AlertKey(a), "alert", event, tier, notifiers.Good, labels, now)
		n.Title = fill(w.alertResolved, "subject", subject)
		n.Text = fill(w.alertResolvedText, "end", t.clock(end, now), "since", t.clock(since, now), "age", t.span(end.Sub(since)))
	case "repeat":
		n = t.notice(AlertKey(a), "alert", event, tier, tone, labels, now)
		n.Title = fill(w.alertRepeat, "tier", w.tier(tier), "subject", subject, "age", age)
		n.Text = fill(w.alertRepeatText, "since", t.clock(since, now), "age", age)
	default:
		n = t.notice(AlertKey(a), "alert", event, tier, tone, labels, now)
		n.Title = fill(w.alertFiring, "tier", w.tier(tier), "subject", subject)
		n.Text = fill(w.alertFiringText, "since", t.clock(since, now), "age", age)
	}
	if s := t.annotation(a, "description"); s != "" && event != "resolved" {
		n.Text += "\n" + s
	}
	if event != "resolved" {
		fact(&n, w.value, reason.Number(a.Value))
		fact(&n, w.condition, a.Expr)
	}
	fact(&n, w.since, t.stamp(since))
	fact(&n, w.shop, where(a.Labels))
	fact(&n, w.check, a.Labels["check"])
	fact(&n, w.rule, a.Rule)
	if event != "resolved" {
		n.Mention = tier == critical
		if s := t.annotation(a, "action"); s != "" {
			n.Steps = append(n.Steps, s)
		}
		if last != nil {
			fact(&n, w.lastDeploy, t.deployed(last.Deploy, now))
			if age := since.Sub(last.At); age >= 0 && age < suspect {
				n.Steps = append(n.Steps, fill(t.suspicion(last), "version", last.Version, "age", t.span(age)))
			}
		}
		if a.Annotations["runbook_url"] != "" {
			n.Steps = append(n.Steps, w.stepManual)
		}
		n.Steps = append(n.Steps, w.stepAck)
	}
	t.link(&n, w.linkAlerts, "alerts")
	for i := range n.Links { // so far one or none: it leads to this alert among the others
		n.Links[i].URL += "#" + url.PathEscape(a.ID)
	}
	outside(&n, w.linkManual, a.Annotations["runbook_url"])
	outside(&n, w.linkDashboard, a.Annotations["dashboard_url"])
	t.link(&n, w.linkService, "services", a.Service())
	return n
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
