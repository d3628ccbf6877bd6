package notifiers

import (
	"errors"
	"slices"
	"time"
)

// Results of an attempt, as the metric counts them.
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

// limits say how long a delivery is tried.
type limits struct {
	giveUp, failOver time.Duration
}

// settled is what an attempt led to.
type settled struct {
	deliveries []Delivery
	results    []string      // of each
	pause      time.Duration // the receiver makes no call for so long
	penalty    bool          // the pause is a punishment
}

// settle decides what becomes of a batch after one call, at now: err is the channel's
// answer, redact takes secrets out of what is kept of it, failures counts the receiver's
// failed calls in a row with this one, and fallback gives who takes over a delivery, or "".
func settle(batch []Delivery, err error, now time.Time, l limits, failures int, redact func(string) string, fallback func(Delivery) string) settled {
	out := settled{deliveries: slices.Clone(batch), results: make([]string, len(batch))}
	var retry *Retry
	var permanent *Permanent
	switch {
	case err == nil:
	case errors.As(err, &permanent):
	case errors.As(err, &retry):
		out.pause, out.penalty = retry.After, retry.Penalty
	default:
		retry = &Retry{Err: err}
	}
	if retry != nil && out.pause <= 0 {
		out.pause = backoff(failures, batch[0].Receiver)
	}
	for i := range out.deliveries {
		d := &out.deliveries[i]
		d.Updated = now
		if err == nil {
			d.State, d.Error, out.results[i] = Delivered, "", resultDelivered
			continue
		}
		d.Error = Shorten(redact(err.Error()), 1000, "…")
		d.State, out.results[i] = Queued, resultRetried
		switch {
		case permanent != nil && len(batch) > 1:
			// One of them may be what the messenger does not like: each by itself now.
			d.Alone, d.NextAt = true, now
		case permanent != nil:
			d.State, out.results[i] = GivenUp, resultGivenUp
		default:
			d.NextAt = now.Add(max(out.pause, backoff(d.Attempts, d.ID)))
			if retry.After > 0 {
				d.NextAt = now.Add(retry.After)
			}
			tried := now.Sub(d.Tried)
			if to := fallback(*d); to != "" && (retry.Penalty || tried >= l.failOver) {
				d.move(to, now)
				out.results[i] = resultMoved
			} else if tried >= l.giveUp {
				d.State, out.results[i] = GivenUp, resultGivenUp
			}
		}
	}
	return out
}

// move hands a delivery to another receiver.
func (d *Delivery) move(to string, now time.Time) {
	d.MovedFrom = append(slices.Clone(d.MovedFrom), d.Receiver)
	d.Receiver, d.State, d.NextAt, d.Updated = to, Queued, now, now
}
