package notifiers

import (
	"slices"
	"time"
)

// Try is an attempt to deliver a notice, or several in a row that ended in the same way.
type Try struct {
	At       time.Time `json:"at"`              // when it ended
	Last     time.Time `json:"last,omitzero"`   // when the last of several ended
	Times    int       `json:"times"`           // how many
	Receiver string    `json:"receiver"`        // to whom
	Via      string    `json:"via,omitempty"`   // the robot; see Delivery.Via
	Result   string    `json:"result"`          // delivered, retried, moved, given_up or unknown
	Error    string    `json:"error,omitempty"` // the messenger's answer, or why there was none; redacted
	// Digest is how many notices the message held, if it was a digest.
	Digest int `json:"digest,omitempty"`
}

// resultUnknown is the result of an attempt whose outcome was not saved: the guardian ended
// before.
const resultUnknown = "unknown"

// maxTries bounds Delivery.Tries; keptFirst of them are the first ones.
const (
	maxTries  = 20
	keptFirst = 5
)

// record adds an attempt to the delivery's history.
func (d *Delivery) record(t Try) {
	t.Times = 1
	tries := slices.Clone(d.Tries) // other copies of the delivery share it
	if n := len(tries); n > 0 {
		last := &tries[n-1]
		same := Try{At: last.At, Last: last.Last, Times: last.Times, Receiver: t.Receiver, Via: t.Via, Result: t.Result, Error: t.Error, Digest: t.Digest}
		if *last == same {
			last.Last = t.At
			last.Times++
			d.Tries = tries
			return
		}
	}
	if tries = append(tries, t); len(tries) > maxTries {
		tries = slices.Delete(tries, keptFirst, keptFirst+1)
	}
	d.Tries = tries
}
