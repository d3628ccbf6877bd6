package notifiers

import (
	"cmp"
	"slices"
	"time"
)

// Tone is whether a notice is good or bad news; it gives the notice its colour.
type Tone string

// The tones.
const (
	Bad     Tone = "bad"
	Warn    Tone = "warn"
	Good    Tone = "good"
	Neutral Tone = "neutral"
)

// Fact is one "name: value" line of a notice.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Link is a button or a link of a notice.
type Link struct {
	Text string `json:"text"`
	URL  string `json:"url"`
	// Button makes it a button, which has no URL. It is never stored.
	Button *Button `json:"-"`
}

// Notice is one message for people: finished text in one language.
type Notice struct {
	ID  string `json:"id"`
	Key string `json:"key"` // the subject (a group of alerts, a watch, a run): notices with the same key are delivered in order
	// StateOf names the one thing whose present state it tells, such as a flag or a run; "": it tells what
	// happened. Of what waits about the same thing for the same receiver only the newest is sent.
	StateOf string `json:"state_of,omitempty"`
	// Outdates are other things whose state need not be told any more once this is: what waits about them
	// under the same key is not sent either.
	Outdates []string `json:"outdates,omitempty"`
	// Thread is the conversation: that of a service in an environment, else Key.
	Thread string `json:"thread,omitempty"`
	Tier   string `json:"tier"` // critical, warning, info
	Tone   Tone   `json:"tone"`
	// Kind is what it is about: alert, watch, run, blind, guardian, delivery, order or test; Event what
	// happened to it: firing, failed, cured, …
	Kind  string `json:"kind,omitempty"`
	Event string `json:"event,omitempty"`
	// Alerts are the IDs of the alerts that it is about.
	Alerts []string `json:"alerts,omitempty"`
	// Labels are what routes match: tier, service, environment, marketplace, shop, alertname, …
	Labels map[string]string `json:"labels"`
	Lang   string            `json:"lang"` // zh or en

	Title   string   `json:"title"`             // one line, plain text
	Text    string   `json:"text"`              // what is wrong since when, and what is being done: plain text, a few lines
	Facts   []Fact   `json:"facts,omitempty"`   // value and threshold, deploy, who
	Steps   []string `json:"steps,omitempty"`   // what the reader can do
	Links   []Link   `json:"links,omitempty"`   // the first is the main one
	Mention bool     `json:"mention,omitempty"` // ping those on call
	// People are those whom it is for: they are mentioned in place of those of the receiver's settings.
	People []Contact `json:"people,omitempty"`

	Created time.Time `json:"created"`

	// Group is what the notice is about if that are alerts, for receivers that are programs.
	Group *Group `json:"group,omitempty"`

	// Merged are the IDs of the notices that this one holds, each a line of Text or more; none:
	// it is a notice itself.
	Merged []string `json:"merged,omitempty"`
}

// Group is a group of alerts as the routing tree made it.
type Group struct {
	Key    string            `json:"key"`    // names the route and the labels, the same for every notice of the group
	Labels map[string]string `json:"labels"` // those by which it is grouped
	Alerts []Alert           `json:"alerts"`
	// Truncated is how many more there are than are listed.
	Truncated int `json:"truncated,omitempty"`
}

// Alert is one alert of a group.
type Alert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt,omitzero"` // zero: it fires
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// thread names the conversation to which a notice belongs.
func (n Notice) thread() string { return cmp.Or(n.Thread, n.Key) }

// InThread reports whether the notice belongs to a conversation.
func (n Notice) InThread(thread string) bool { return n.thread() == thread }

// DeliveryState is the state of the delivery of one notice to one receiver.
type DeliveryState string

// The states of a delivery.
const (
	Queued    DeliveryState = "queued"
	Sending   DeliveryState = "sending" // saved before the call; after a crash it is sent again
	Delivered DeliveryState = "delivered"
	GivenUp   DeliveryState = "given_up"
	Dropped   DeliveryState = "dropped" // silenced before it was sent, or its receiver was removed
	// Superseded: before it was sent, a newer notice of its key took its place; see Delivery.TakePlaceOf.
	Superseded DeliveryState = "superseded"
)

// Delivery is one notice for one receiver, as the outbox keeps it.
type Delivery struct {
	ID       string        `json:"id"`
	Receiver string        `json:"receiver"`
	Notice   Notice        `json:"notice"`
	State    DeliveryState `json:"state"`
	Attempts int           `json:"attempts"`
	NextAt   time.Time     `json:"next_at"`
	// Tried is the time of the first attempt. Options.GiveUpAfter counts from then, so that a
	// notice that waited while the guardian was down is not given up at once.
	Tried   time.Time `json:"tried,omitzero"`
	Error   string    `json:"error,omitempty"` // of the last attempt, redacted
	Updated time.Time `json:"updated"`
	// MovedFrom lists the receivers that failed to deliver it and moved it to their fallback.
	// It never moves back to one of them.
	MovedFrom []string `json:"moved_from,omitempty"`
	// Via is the robot of the last attempt, 1, 2, …, if the receiver has several.
	Via string `json:"via,omitempty"`
	// Refused lists the receiver's robots that refused it for good.
	Refused []string `json:"refused,omitempty"`
	// Ref is the conversation at the messenger to which it was added; see Threaded.
	Ref string `json:"ref,omitempty"`
	// Tries is what became of each attempt, oldest first; of very many the first and last ones.
	Tries []Try `json:"tries,omitempty"`
	// Alone is set when the messenger refused a digest with this notice: it is not merged again.
	Alone bool `json:"alone,omitempty"`
	// Escalated marks a notice about a delivery that was given up. If it is given up too, no
	// further notice is sent.
	Escalated bool `json:"escalated,omitempty"`
	// SupersededBy is the ID of the notice that took the place of a superseded one.
	SupersededBy string `json:"superseded_by,omitempty"`
	// Since is when the first of those was created of which it took the place; zero: of none.
	Since time.Time `json:"since,omitzero"`
	// Wordings are the notice as the receivers read it to which the delivery may move, where they read
	// another language or the times of another zone.
	Wordings map[string]Wording `json:"wordings,omitempty"`
}

// Wording is the text of a notice in one language.
type Wording struct {
	Lang  string   `json:"lang"`
	Title string   `json:"title"`
	Text  string   `json:"text"`
	Facts []Fact   `json:"facts,omitempty"`
	Steps []string `json:"steps,omitempty"`
	Links []Link   `json:"links,omitempty"`
}

// WordingOf is a notice's text.
func WordingOf(n Notice) Wording {
	return Wording{Lang: n.Lang, Title: n.Title, Text: n.Text, Facts: n.Facts, Steps: n.Steps, Links: n.Links}
}

// moveTo gives a delivery to a receiver, with the notice in its words.
func (d *Delivery) moveTo(receiver string) {
	d.Receiver = receiver
	if w, ok := d.Wordings[receiver]; ok {
		n := &d.Notice
		n.Lang, n.Title, n.Text, n.Facts, n.Steps, n.Links = w.Lang, w.Title, w.Text, w.Facts, w.Steps, w.Links
	}
}

// TakePlaceOf lets a delivery take the place of others that wait, oldest first, and gives those as they
// ended: it goes to the receiver that the first of them has come to, and neither its turn among other
// keys nor what is left until the fallback takes over begins anew.
func (d *Delivery) TakePlaceOf(waiting []Delivery) (ended []Delivery) {
	if len(waiting) == 0 {
		return nil
	}
	first := waiting[0]
	d.MovedFrom, d.Tried, d.Since = first.MovedFrom, first.Tried, first.waitsSince()
	d.moveTo(first.Receiver)
	for _, w := range waiting {
		w.State, w.SupersededBy, w.Error, w.Updated = Superseded, d.Notice.ID, "", d.Updated
		ended = append(ended, w)
	}
	return ended
}

// Supersedes tells whether a new delivery takes the place of one that waits: it tells the state of the same
// thing or outdates it, and both were for the same receiver.
func (d Delivery) Supersedes(waiting Delivery) bool {
	of := waiting.Notice.StateOf
	return of != "" && (of == d.Notice.StateOf || slices.Contains(d.Notice.Outdates, of)) && d.Notice.Key == waiting.Notice.Key &&
		waiting.State == Queued && d.Receiver == waiting.addressee()
}

// addressee is the receiver that the delivery was for, before any fallback took it.
func (d Delivery) addressee() string {
	if len(d.MovedFrom) > 0 {
		return d.MovedFrom[0]
	}
	return d.Receiver
}

// dueSince is since when the delivery could be sent: one that failed waits its turn behind those that were due
// before its delay was over, and goes before those that came after.
func (d Delivery) dueSince() time.Time {
	if since := d.waitsSince(); d.Attempts == 0 || d.NextAt.Before(since) {
		return since
	}
	return d.NextAt
}

// waitsSince is since when the delivery, or those of which it took the place, waits.
func (d Delivery) waitsSince() time.Time {
	if d.Since.IsZero() {
		return d.Notice.Created
	}
	return d.Since
}
