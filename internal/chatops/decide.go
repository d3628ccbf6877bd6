package chatops

import (
	"maps"
	"slices"
	"strings"
	"time"

	"guardian/notifiers/route"
	"guardian/rules"
)

// MostSilenced is how many alerts of a message one request silences at most: as many as a message
// lists. Silences of more are made on purpose, with matchers.
const MostSilenced = 20

// Outcome is what a request may do, or why it may not.
type Outcome string

// The outcomes.
const (
	May     Outcome = "may"
	Used    Outcome = "used"    // it was made before: Decision.Done says what was done
	Expired Outcome = "expired" // the link is too old
	Over    Outcome = "over"    // none of the alerts fires any more
	Anew    Outcome = "anew"    // they fired again after the message, which does not tell of that
	Acked   Outcome = "acked"   // somebody acknowledged all of them: Decision.Acks
	TooMany Outcome = "too_many"
	Unknown Outcome = "unknown" // the journal does not have the message any more
)

// Done is a request that was made.
type Done struct {
	Action Action    `json:"action"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Until  time.Time `json:"until,omitzero"` // of a silence
}

// Facts are what is known of a message and of what it is about.
type Facts struct {
	Known  bool      // the journal has the message
	Sent   time.Time // when it was written
	Alerts []rules.Alert
	Acks   map[string]rules.Ack // by alert
	Done   *Done                // the same request, made before
}

// Decision is what a request may do.
type Decision struct {
	Outcome Outcome
	Alerts  []rules.Alert // that it acts on
	Acks    []rules.Ack   // that there are already
	Done    *Done
}

// Decide says what a request may do at a time. It acts on those alerts of the message that still
// fire, in the firing that the message told of.
func Decide(r Request, f Facts, now time.Time) Decision {
	var d Decision
	firing, again := 0, 0
	for _, a := range f.Alerts {
		ack, acked := f.Acks[a.ID]
		switch {
		case a.State != rules.Firing:
			continue
		case a.FiredAt.After(f.Sent):
			again++
			continue
		case r.Action == Acknowledge && acked:
			d.Acks = append(d.Acks, ack)
		default:
			d.Alerts = append(d.Alerts, a)
		}
		firing++
	}
	switch {
	case f.Done != nil:
		d.Outcome, d.Done = Used, f.Done
	case !r.Expires.IsZero() && !now.Before(r.Expires):
		d.Outcome = Expired
	case !f.Known:
		d.Outcome = Unknown
	case firing == 0 && again > 0:
		d.Outcome = Anew
	case firing == 0:
		d.Outcome = Over
	case len(d.Alerts) == 0:
		d.Outcome = Acked
	case r.Action == Silence && len(d.Alerts) > MostSilenced:
		d.Outcome = TooMany
	case r.Action == Acknowledge || r.Action == Silence:
		d.Outcome = May
	default:
		d.Outcome = Unknown
	}
	if d.Outcome != May {
		d.Alerts = nil
	}
	return d
}

// Matchers match one alert alone, whatever its tier: it may rise.
func Matchers(a rules.Alert) route.Matchers {
	labels := maps.Clone(a.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels["alertname"] = a.Rule
	delete(labels, "tier")
	delete(labels, "__name__")
	var all route.Matchers
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if m, err := route.NewMatcher(name, route.Equal, labels[name]); err == nil && labels[name] != "" {
			all = append(all, m)
		}
	}
	return all
}

const receiverBefore, byLink, inSlack, inDingTalk = "receiver ", ", by link", ", in Slack", ", in DingTalk"

// ByLink names who followed a link in a message to a receiver. The link of a group names nobody.
func ByLink(receiver string) string { return receiverBefore + receiver + byLink }

// InSlack names who clicked a button in Slack.
func InSlack(name string) string { return name + inSlack }

// InDingTalk names who wrote in DingTalk.
func InDingTalk(name string) string { return name + inDingTalk }

// Shown is who did something, in the reader's language: "" and en are English.
func Shown(who, language string) string {
	if language != "zh" {
		return who
	}
	if name, ok := strings.CutSuffix(who, inSlack); ok {
		return name + "（在 Slack 中）"
	}
	if name, ok := strings.CutSuffix(who, inDingTalk); ok {
		return name + "（在钉钉中）"
	}
	if rest, ok := strings.CutPrefix(who, receiverBefore); ok {
		if receiver, ok := strings.CutSuffix(rest, byLink); ok {
			return "接收方 " + receiver + "（通过消息链接）"
		}
	}
	return who
}
