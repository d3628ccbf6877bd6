package announce

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/decide"
	"guardian/notifiers"
	"guardian/rules"
)

// listed is how many alerts of a group a notice lists.
const listed = 20

// alertGroup is the notice about several alerts.
func (t Renderer) alertGroup(g decide.Telling, last *LastDeploy, now time.Time) notifiers.Notice {
	w := t.texts()
	worst := g.Resolved
	if len(g.Firing) > 0 {
		worst = g.Firing
	}
	tier := alertTier(worst[0]) // the most severe comes first
	event, tone := "firing", toneOf(tier)
	switch {
	case len(g.Firing) == 0:
		event, tone = "resolved", notifiers.Good
	case g.Repeat:
		event = Repeat
	}
	all := slices.Concat(g.Firing, g.Resolved)
	shared := common(all)
	n := t.notice("", "alert", event, tier, tone, maps.Clone(shared), now)
	n.Title = t.groupTitle(g, all, tier, now)
	n.Text = strings.Join(t.groupLines(g, t.among(all, shared), now), "\n")
	fact(&n, w.labels, listLabels(otherLabels(shared), maxLabels))
	t.sentBecause(&n, g, now)
	if len(g.Firing) > 0 {
		n.Mention = tier == critical
		first := began(g.Firing[0])
		for _, a := range g.Firing {
			if began(a).Before(first) {
				first = began(a)
			}
		}
		t.lastDeploy(&n, last, first, now)
		n.Steps = append(n.Steps, w.stepAck)
	}
	t.link(&n, w.linkAlerts, "alerts")
	for i := range n.Links {
		n.Links[i].URL += "#" + url.PathEscape(all[0].ID)
	}
	t.link(&n, w.linkService, "services", n.Labels["service"])
	return n
}

// common are the labels that all alerts have.
func common(alerts []rules.Alert) map[string]string {
	labels := maps.Clone(decide.AlertLabels(alerts[0]))
	for _, a := range alerts[1:] {
		others := decide.AlertLabels(a)
		maps.DeleteFunc(labels, func(name, v string) bool { return others[name] != v })
	}
	return labels
}

func (t Renderer) groupTitle(g decide.Telling, all []rules.Alert, tier string, now time.Time) string {
	w := t.texts()
	labels := common(all)
	about := labels["alertname"]
	if s := labels["service"]; s != "" {
		about = inEnvironment(s, labels["environment"])
		if labels["alertname"] != "" {
			about += w.colon + labels["alertname"]
		}
	}
	pattern := w.groupFiring
	switch {
	case len(g.Firing) == 0:
		pattern = w.groupResolved
	case g.Repeat:
		pattern = w.groupRepeat
	case len(g.Resolved) > 0:
		pattern = w.groupBoth
	}
	title := fill(pattern, "tier", w.tier(tier), "firing", t.alerts(len(g.Firing)), "resolved", t.alerts(len(g.Resolved)), "age", t.span(now.Sub(began(all[0]))))
	if about == "" {
		return title
	}
	return title + w.colon + about
}

// told is how many alerts of a group a program is told of at most.
const told = 100

// group is the group for programs.
func (t Renderer) group(g decide.Telling) *notifiers.Group {
	out := &notifiers.Group{Key: g.Group, Labels: g.Labels}
	for i, a := range slices.Concat(g.Firing, g.Resolved) {
		if i == told {
			out.Truncated = len(g.Firing) + len(g.Resolved) - i
			break
		}
		labels := decide.AlertLabels(a)
		if a.Origin != nil {
			labels = a.Labels // as they were sent
		}
		set := make(model.LabelSet, len(labels))
		for name, v := range labels {
			set[model.LabelName(name)] = model.LabelValue(v)
		}
		one := notifiers.Alert{Labels: labels, Annotations: a.Annotations, StartsAt: a.FiredAt, EndsAt: a.ResolvedAt, Fingerprint: set.Fingerprint().String()}
		if base := strings.TrimRight(t.ExternalURL, "/"); base != "" {
			one.GeneratorURL = base + "/alerts#" + url.PathEscape(a.ID)
		}
		if a.Origin != nil && a.Origin.URL != "" {
			one.GeneratorURL = a.Origin.URL
		}
		out.Alerts = append(out.Alerts, one)
	}
	return out
}

// alerts counts alerts.
func (t Renderer) alerts(n int) string {
	if n == 1 {
		return t.texts().oneAlert
	}
	return fill(t.texts().manyAlerts, "n", strconv.Itoa(n))
}

// groupLines are a line for each alert, those that fire first.
func (t Renderer) groupLines(g decide.Telling, l list, now time.Time) []string {
	w := t.texts()
	firing := t.lines(g.Firing, func(a rules.Alert) string {
		line := w.groupLine
		if g.Flapping[a.ID] {
			line = w.groupFlapping
		}
		return t.firingLine(a, line, l, now)
	})
	return append(firing, t.lines(g.Resolved, func(a rules.Alert) string {
		return notifiers.Good.Emoji() + " " + fill(w.groupEnded, "subject", t.listed(a, l), "end", t.clock(a.ResolvedAt, now))
	})...)
}

// firingLine is the line of an alert that fires, with the sign of its tier.
func (t Renderer) firingLine(a rules.Alert, pattern string, l list, now time.Time) string {
	return toneOf(alertTier(a)).Emoji() + " " + fill(pattern, "subject", t.listed(a, l), "since", t.clock(began(a), now))
}

// lines writes the first alerts, and how many more there are.
func (t Renderer) lines(alerts []rules.Alert, line func(rules.Alert) string) (lines []string) {
	for i, a := range alerts {
		if i == listed {
			return append(lines, fill(t.texts().groupMore, "alerts", t.alerts(len(alerts)-i)))
		}
		lines = append(lines, line(a))
	}
	return lines
}
