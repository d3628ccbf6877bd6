package forward

import (
	"maps"
	"slices"
	"strings"
	"time"

	"guardian/rules"
)

// resolvedFor is how long a resolved alert is sent again, as in Prometheus: the Alertmanager may
// have been away.
const resolvedFor = 15 * time.Minute

// known is what one Alertmanager was sent of an alert.
type known struct {
	alert      rules.Alert
	resolvedAt time.Time // zero: it fires
	sentAt     time.Time // zero: nothing of its present state was sent
}

// ledger is what one Alertmanager was sent, by the alert's ID.
type ledger map[string]known

// observe takes the alerts as they are now. What fired before and is none of them has ended with its
// rule.
func (l ledger) observe(alerts []rules.Alert, now time.Time) {
	present := map[string]bool{}
	for _, a := range alerts {
		if a.Origin != nil {
			continue
		}
		present[a.ID] = true
		k, have := l[a.ID]
		same := have && k.alert.FiredAt.Equal(a.FiredAt)
		switch {
		case a.State == rules.Firing:
			l.fires(a)
		case a.State == rules.Resolved && !a.FiredAt.IsZero() && (!same || k.resolvedAt.IsZero()):
			l.resolve(a, a.ResolvedAt)
		case a.State == rules.Pending && have:
			l.pends(k, now)
		}
	}
	for id, k := range l {
		switch {
		case k.resolvedAt.IsZero() && !present[id]:
			l.resolve(k.alert, now)
		case !k.resolvedAt.IsZero() && now.Sub(k.resolvedAt) > resolvedFor+step: // it was noticed within a step
			delete(l, id)
		}
	}
}

// fires notes an alert as it fires now.
func (l ledger) fires(a rules.Alert) {
	k := l[a.ID]
	if !k.resolvedAt.IsZero() || !k.alert.FiredAt.Equal(a.FiredAt) {
		k = known{}
	}
	k.alert = a
	l[a.ID] = k
}

// pends notes that an alert that fired before is pending: its end is told, and not told again while
// the next firing may be near.
func (l ledger) pends(k known, now time.Time) {
	switch {
	case k.resolvedAt.IsZero():
		l.resolve(k.alert, now)
	case !k.sentAt.IsZero():
		delete(l, k.alert.ID)
	}
}

// resolve notes the end of an alert.
func (l ledger) resolve(a rules.Alert, at time.Time) {
	l[a.ID] = known{alert: a, resolvedAt: at}
}

// due returns what is to be sent now, in a steady order.
func (l ledger) due(resend time.Duration, now time.Time) []known {
	var out []known
	for _, id := range slices.Sorted(maps.Keys(l)) {
		if k := l[id]; k.sentAt.IsZero() || !now.Before(k.sentAt.Add(resend)) {
			out = append(out, k)
		}
	}
	return out
}

// sent notes what the Alertmanager accepted. What has changed meanwhile is still to be sent.
func (l ledger) sent(batch []known, now time.Time) {
	for _, k := range batch {
		current, ok := l[k.alert.ID]
		if ok && current.resolvedAt.Equal(k.resolvedAt) && current.alert.FiredAt.Equal(k.alert.FiredAt) {
			current.sentAt = now
			l[k.alert.ID] = current
		}
	}
}

// message is an alert in the JSON of Alertmanager's API v2.
type message struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// frame is what is the same for all alerts.
type frame struct {
	external map[string]string // labels that are added where an alert has none of that name
	base     string            // address of the pages; "": none
	resend   time.Duration
	interval func(rules.Alert) time.Duration // at which its rule is evaluated
}

// message describes an alert for the Alertmanager. One that fires ends after four times the interval
// at which it is sent again, as Prometheus says it.
func (f frame) message(k known, now time.Time) message {
	labels := map[string]string{}
	maps.Copy(labels, f.external)
	labels["alertname"] = k.alert.Rule
	for name, v := range k.alert.Labels {
		if v != "" {
			labels[name] = v
		}
	}
	m := message{Labels: labels, Annotations: k.alert.Annotations, StartsAt: k.alert.FiredAt, EndsAt: k.resolvedAt}
	if m.Annotations == nil {
		m.Annotations = map[string]string{}
	}
	if k.resolvedAt.IsZero() {
		m.EndsAt = now.Add(4 * max(f.interval(k.alert), f.resend))
	}
	if f.base != "" {
		m.GeneratorURL = strings.TrimRight(f.base, "/") + "/alerts#" + k.alert.ID
	}
	return m
}
