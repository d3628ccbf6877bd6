package notifiers

import (
	"errors"
	"slices"
	"time"
)

// Results of an attempt: values of the label result of guardian_notices_total.
const (
	resultDelivered = "delivered"
	resultRetried   = "retried"
	resultMoved     = "moved"
	resultGivenUp   = "given_up"
	resultDropped   = "dropped"
)

func results() []string {
	return []string{resultDelivered, resultRetried, resultMoved, resultGivenUp, resultDropped}
}

// outcome is the result of one call.
type outcome struct {
	deliveries []Delivery
	results    []string      // of each delivery
	pause      time.Duration // the receiver makes no call for this long
	penalty    bool          // the pause was imposed by the messenger
	notices    []Delivery    // about the receiver itself
	alarm      bool          // the messenger refuses for good what has moved to the fallback
}

// attempt is one call that was made, with everything that decides about its deliveries.
type attempt struct {
	batch    []Delivery
	err      error // the channel's answer
	now      time.Time
	failures int  // consecutive failed calls of the lane, this one included
	again    bool // a call that was made at the same time has failed before
	lane     string
	others   []string // the receiver's other lanes that may be used now

	giveUpAfter time.Duration

	redact   func(string) string   // removes secrets from the error before it is saved
	fallback func(Delivery) string // the receiver to which a delivery fails over; "": none
}

// outcome decides what happens to each delivery of the batch.
func (a attempt) outcome() outcome {
	out := outcome{deliveries: slices.Clone(a.batch), results: make([]string, len(a.batch))}
	var retry *Retry
	var permanent *Permanent
	switch {
	case a.err == nil:
	case errors.As(a.err, &permanent):
	case errors.As(a.err, &retry):
		out.pause, out.penalty = retry.After, retry.Penalty
	default:
		retry = &Retry{Err: a.err}
	}
	if retry != nil && out.pause <= 0 {
		out.pause = backoff(a.failures, a.batch[0].Receiver)
	}
	for i := range out.deliveries {
		d := &out.deliveries[i]
		d.Updated = a.now
		d.State, d.Error, out.results[i] = Queued, "", resultRetried
		if a.err != nil {
			d.Error = Shorten(a.redact(a.err.Error()), 1000, "…")
		}
		switch {
		case a.err == nil:
			d.State, out.results[i] = Delivered, resultDelivered
		case permanent != nil && a.refusedBy(d):
			d.NextAt = a.now
		case permanent != nil && len(a.batch) > 1:
			// One of them may be what the messenger refuses: each is now sent by itself.
			d.Alone, d.NextAt, d.Refused = true, a.now, nil
		case permanent != nil:
			out.results[i] = a.refused(d)
			out.alarm = out.results[i] == resultMoved && a.failures == 1 && !a.again
		default:
			out.results[i] = a.retry(d, retry, out.pause)
		}
		d.record(a.try(i, out.results[i], d.Error))
	}
	return out
}

// try describes the attempt for the history of the ith delivery.
func (a attempt) try(i int, result, err string) Try {
	t := Try{At: a.now, Receiver: a.batch[i].Receiver, Via: a.lane, Result: result, Error: err}
	if len(a.batch) > 1 {
		t.Digest = len(a.batch)
	}
	return t
}

// refusedBy notes that the lane refused a delivery for good, and reports whether another one can
// try: it may be the robot that is wrong and not the notice.
func (a attempt) refusedBy(d *Delivery) bool {
	left := func(name string) bool { return !slices.Contains(d.Refused, name) }
	if !slices.ContainsFunc(a.others, left) {
		return false
	}
	d.Refused = append(slices.Clone(d.Refused), a.lane)
	return true
}

// refused moves a delivery that is refused for good to the fallback, which may be of another kind
// and take it, or gives it up.
func (a attempt) refused(d *Delivery) (result string) {
	if to := a.fallback(*d); to != "" {
		d.move(to, a.now)
		return resultMoved
	}
	d.State = GivenUp
	return resultGivenUp
}

// retry schedules a delivery's next attempt, moves it to the fallback, or gives it up.
func (a attempt) retry(d *Delivery, said *Retry, pause time.Duration) (result string) {
	d.NextAt = a.now.Add(max(pause, backoff(d.Attempts, d.ID)))
	if said.Penalty && len(a.others) > 0 {
		d.NextAt = a.now // another robot takes over
		return resultRetried
	}
	if said.After > 0 {
		d.NextAt = a.now.Add(said.After)
	}
	tried := a.now.Sub(d.Tried)
	if to := a.fallback(*d); to != "" && (said.Penalty || tried >= failOverAfter) {
		d.move(to, a.now)
		return resultMoved
	}
	if tried >= a.giveUpAfter {
		d.State = GivenUp
		return resultGivenUp
	}
	return resultRetried
}

// move assigns a delivery to another receiver.
func (d *Delivery) move(to string, now time.Time) {
	d.MovedFrom = append(slices.Clone(d.MovedFrom), d.Receiver)
	d.State, d.NextAt, d.Updated = Queued, now, now
	d.Via, d.Refused = "", nil
	d.moveTo(to)
}

// origin returns a delivery that was moved as its receiver had it.
func (d Delivery) origin(receiver string) Delivery {
	d.Receiver, d.MovedFrom = receiver, d.MovedFrom[:len(d.MovedFrom)-1]
	return d
}
