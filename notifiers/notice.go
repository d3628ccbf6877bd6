package notifiers

import "time"

// Tone is the colour of a notice.
type Tone string

// The tones.
const (
	Bad     Tone = "bad"
	Warn    Tone = "warn"
	Good    Tone = "good"
	Neutral Tone = "neutral"
)

// Fact is one line "name: value" of a notice.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Link is a button or a link of a notice.
type Link struct {
	Text string `json:"text"`
	URL  string `json:"url"`
}

// Notice is what is told to people, already in words of one language.
type Notice struct {
	ID   string `json:"id"`
	Key  string `json:"key"`  // what it is about (an alert, a watch, a run): notices of one key arrive in order
	Tier string `json:"tier"` // critical, warning, info
	Tone Tone   `json:"tone"`
	// Labels are what routes match: tier, service, environment, kind, marketplace, shop, alertname, …
	Labels map[string]string `json:"labels"`
	Lang   string            `json:"lang"` // zh or en

	Title   string   `json:"title"`             // one line, plain text
	Text    string   `json:"text"`              // what is wrong since when, and what is done: plain text, a few lines
	Facts   []Fact   `json:"facts,omitempty"`   // value and threshold, deploy, who
	Steps   []string `json:"steps,omitempty"`   // what the reader can do
	Links   []Link   `json:"links,omitempty"`   // the first is the main one
	Mention bool     `json:"mention,omitempty"` // ping those on call

	Created time.Time `json:"created"`
}

// DeliveryState is where one notice for one receiver stands.
type DeliveryState string

// The states of a delivery.
const (
	Queued    DeliveryState = "queued"
	Sending   DeliveryState = "sending" // journalled before the call: found after a crash, it is sent again
	Delivered DeliveryState = "delivered"
	GivenUp   DeliveryState = "given_up"
	Dropped   DeliveryState = "dropped" // silenced or superseded before it was sent; counted
)

// Delivery is one notice for one receiver in the outbox.
type Delivery struct {
	ID       string        `json:"id"`
	Receiver string        `json:"receiver"`
	Notice   Notice        `json:"notice"`
	State    DeliveryState `json:"state"`
	Attempts int           `json:"attempts"`
	NextAt   time.Time     `json:"next_at"`
	// Tried is when it was attempted first: how long it is tried counts from then on, so that
	// what waited while the guardian was down is not given up at once.
	Tried   time.Time `json:"tried,omitzero"`
	Error   string    `json:"error,omitempty"` // of the last attempt, redacted
	Updated time.Time `json:"updated"`
	// MovedFrom are the receivers that could not deliver it and handed it to their fallback:
	// it is never moved back to one of them.
	MovedFrom []string `json:"moved_from,omitempty"`
	// Alone is set when a digest that held it was refused: it is not merged again.
	Alone bool `json:"alone,omitempty"`
	// Escalated marks the news that another delivery was given up: it is not told about again.
	Escalated bool `json:"escalated,omitempty"`
}
