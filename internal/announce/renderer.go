package announce

import (
	"cmp"
	"net/url"
	"strings"
	"time"

	"guardian/internal/reason"
	"guardian/notifiers"
	"guardian/watch"
)

// Renderer makes notices of facts, in one language and time zone. Its notices have no ID: the
// caller gives them one. The zero value writes English, in UTC, without links.
//
// Every notice has a kind and an event, which are also its labels notice (alert, watch, run, blind,
// guardian, delivery, order or test) and notice_event (what happened: firing, failed, cured, …); the
// label tier; and where they are known service and environment. A notice of an alert or check
// has that one's labels as they are.
type Renderer struct {
	Language    string         // zh or en
	ExternalURL string         // where people reach the pages; "": no links
	Location    *time.Location // of the times in texts; nil: UTC
}

// The tiers, as labels.
const (
	critical = "critical"
	warning  = "warning"
	info     = "info"
)

func (t Renderer) texts() texts {
	if t.Language == "zh" {
		return chinese()
	}
	return english()
}

func (t Renderer) lang() string {
	if t.Language == "zh" {
		return "zh"
	}
	return "en"
}

// fill replaces the {names} of a text; pairs are name, value, name, value.
func fill(text string, pairs ...string) string {
	filled := make([]string, len(pairs))
	for i, p := range pairs {
		if i%2 == 0 {
			p = "{" + p + "}"
		}
		filled[i] = p
	}
	return strings.NewReplacer(filled...).Replace(text)
}

// notice is what all notices have in common.
func (t Renderer) notice(key, kind, event, tier string, tone notifiers.Tone, labels map[string]string, now time.Time) notifiers.Notice {
	thread := key
	if s := labels["service"]; s != "" {
		thread = "service/" + cmp.Or(labels["environment"], watch.DefaultEnvironment) + "/" + s
	}
	return notifiers.Notice{
		Key: key, Thread: thread, Kind: kind, Event: event, Tier: tier, Tone: tone, Labels: noticeLabels(kind, event, tier, labels), Lang: t.lang(), Created: now.UTC(),
	}
}

// state is a notice of how one thing is now, named by its key.
func (t Renderer) state(key, kind, event, tier string, tone notifiers.Tone, labels map[string]string, now time.Time) notifiers.Notice {
	n := t.notice(key, kind, event, tier, tone, labels, now)
	n.StateOf = key
	return n
}

// noticeLabels are the labels by which a notice is routed and silenced.
func noticeLabels(kind, event, tier string, labels map[string]string) map[string]string {
	all := map[string]string{}
	for k, v := range labels {
		if v != "" {
			all[k] = v
		}
	}
	all["notice"], all["notice_event"] = kind, event
	if all["tier"] == "" {
		all["tier"] = tier
	}
	return all
}

// link adds a page of the guardian, when people can reach it.
func (t Renderer) link(n *notifiers.Notice, text string, path ...string) {
	base := strings.TrimRight(t.ExternalURL, "/")
	if base == "" {
		return
	}
	for _, p := range path {
		if p == "" {
			return
		}
		base += "/" + url.PathEscape(p)
	}
	n.Links = append(n.Links, notifiers.Link{Text: text, URL: base})
}

// outside adds an address that somebody configured, if it is one.
func outside(n *notifiers.Notice, text, address string) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return
	}
	n.Links = append(n.Links, notifiers.Link{Text: text, URL: address})
}

// fact adds a line, unless its value is empty.
func fact(n *notifiers.Notice, name, value string) {
	if value != "" {
		n.Facts = append(n.Facts, notifiers.Fact{Name: name, Value: value})
	}
}

// reader is the recipient: their language and time zone.
func (t Renderer) reader(now time.Time) reason.Reader {
	return reason.Reader{Language: t.lang(), Location: t.Location, Now: now}
}

// read renders a reason for the recipient.
func (t Renderer) read(why reason.Reason, now time.Time) string { return t.reader(now).Read(why) }

// clock gives a time of day, with the date when that is not now's.
func (t Renderer) clock(at, now time.Time) string { return t.reader(now).Clock(at) }

// stamp gives a time with its date and offset: "2026-11-22 18:04:05 UTC+8".
func (t Renderer) stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	loc := t.Location
	if loc == nil {
		loc = time.UTC
	}
	at = at.In(loc)
	_, offset := at.Zone()
	zone := "UTC"
	if offset != 0 {
		zone += at.Format("-07:00")
		zone = strings.Replace(strings.TrimSuffix(zone, ":00"), "+0", "+", 1)
		zone = strings.Replace(zone, "-0", "-", 1)
	}
	return at.Format("2006-01-02 15:04:05 ") + zone
}

// span gives a duration in its two largest units.
func (t Renderer) span(d time.Duration) string {
	return t.reader(time.Time{}).Duration(max(d, 0).Round(time.Second))
}

// where gives shop and environment of labels: "shopee / sg-1 / SG".
func where(labels map[string]string) string {
	var parts []string
	for _, name := range []string{"marketplace", "shop", "site"} {
		if v := labels[name]; v != "" {
			parts = append(parts, v)
		}
	}
	return strings.Join(parts, " / ")
}

// deployed renders a deploy: versions, author and time.
func (t Renderer) deployed(d watch.Deploy, now time.Time) string {
	w := t.texts()
	parts := []string{fill(w.deployVersion, "version", d.Version)}
	if d.PreviousVersion != "" {
		parts = []string{fill(w.deployInstead, "version", d.Version, "previous", d.PreviousVersion)}
	}
	if d.Author != "" {
		parts = append(parts, fill(w.deployBy, "author", d.Author))
	}
	if d.Ticket != "" {
		parts = append(parts, d.Ticket)
	}
	if !d.At.IsZero() {
		parts = append(parts, fill(w.deployAt, "at", t.clock(d.At, now), "ago", t.span(now.Sub(d.At))))
	}
	return strings.Join(parts, w.comma)
}

// inEnvironment names an environment that is not production, in front of a service.
func inEnvironment(service, environment string) string {
	if environment == "" || environment == "production" {
		return service
	}
	return service + " (" + environment + ")"
}
