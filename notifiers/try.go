package notifiers

import (
	"cmp"
	"slices"
	"strings"
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

// unknownCall is how long after its start a call is taken to have ended of which no end is known: the
// messenger counts it when it arrives.
const unknownCall = time.Second

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

// calls returns the attempts of a delivery at a receiver that are known.
func (d Delivery) calls(receiver string) []Call {
	var out []Call
	for _, t := range d.Tries {
		if t.Receiver != receiver {
			continue
		}
		at := t.At
		if t.Result == resultUnknown {
			at = at.Add(unknownCall)
		}
		out = append(out, Call{At: at, Via: t.Via})
		if t.Times > 1 {
			out = append(out, Call{At: t.Last, Via: t.Via})
		}
	}
	ended := d.State == Delivered || d.State == GivenUp
	if d.Receiver == receiver && ended && len(d.Tries) == 0 {
		out = append(out, Call{At: d.Updated, Via: d.Via})
	}
	if d.Receiver == receiver && d.State == Sending {
		out = append(out, Call{At: d.Updated.Add(unknownCall), Via: d.Via})
	}
	return out
}

// CallsOf returns the calls to a receiver since a time, oldest first, as far as deliveries tell. A
// call with several deliveries is returned once.
func CallsOf(deliveries []Delivery, receiver string, since time.Time) []Call {
	calls := []Call{}
	for _, d := range deliveries {
		for _, c := range d.calls(receiver) {
			if !c.At.Before(since) {
				calls = append(calls, c)
			}
		}
	}
	slices.SortFunc(calls, func(a, b Call) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Via, b.Via))
	})
	same := func(a, b Call) bool { return a.At.Equal(b.At) && a.Via == b.Via }
	return slices.CompactFunc(calls, same)
}
