package notifiers

import (
	"context"
	"fmt"
	"time"
)

// answered is a call that has ended.
type answered struct {
	batch []Delivery
	ref   string
	err   error
}

// callAll makes calls at once. Outcomes are saved as they come, those that are there at the same
// time together: what was accepted is known soon, however long another call takes.
func (w *worker) callAll(ctx context.Context, l *lane, calls [][]Delivery) {
	answers := make(chan answered, len(calls))
	for _, batch := range calls {
		go func() {
			ref, err := w.call(ctx, l.channel, batch)
			answers <- answered{batch, ref, err}
		}()
	}
	failed := l.failures // before: calls that fail together count as one
	for left := len(calls); left > 0; {
		together := []answered{<-answers}
		for len(answers) > 0 {
			together = append(together, <-answers)
		}
		left -= len(together)
		w.ended(ctx, l, together, failed)
	}
}

// ended saves the outcomes of calls that have ended.
func (w *worker) ended(ctx context.Context, l *lane, calls []answered, failed int) {
	var all []outcome
	for _, a := range calls {
		if a.err != nil && ctx.Err() != nil {
			continue // it may or may not have arrived: it stays Sending and is sent again
		}
		now := w.d.o.Now().UTC()
		s, usage := w.applyResult(l, a, failed, now)
		if a.err == nil && len(a.batch) == 1 {
			s.deliveries[0].Ref = a.ref
		}
		if usage.Quota > 0 {
			if notice, ok := w.quotaNotice(usage, now); ok {
				s.notices = append(s.notices, notice)
			}
		}
		all = append(all, s)
	}
	if len(all) > 0 {
		w.saveOutcomes(ctx, all)
	}
	for _, a := range calls {
		if a.err == nil {
			w.updateAfter(ctx, l.channel, a.batch)
		}
	}
}

// call makes one call with a timeout, and returns the conversation of which the message is part. A
// panic of the channel counts as a failed attempt.
func (w *worker) call(ctx context.Context, c Channel, batch []Delivery) (ref string, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.d.o.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = &Retry{Err: fmt.Errorf("the channel panicked: %v", p)}
		}
	}()
	if t, ok := c.(Threaded); ok {
		return w.converse(ctx, t, batch)
	}
	return "", c.Send(ctx, w.message(batch))
}

// outage is after how many failed calls in a row a success means that the messenger was down and is up
// again. After one it may be the notice that the messenger does not take: that one keeps its delay,
// lest it slow down all others. What failed before this worker began is not known: its first success
// means it too.
const outage = 2

// applyResult updates the receiver's state after a call and returns the outcome of the batch, and
// the usage of the monthly quota if people are to be warned of it. failed is how many calls in a row
// had failed before those that were made at once.
func (w *worker) applyResult(l *lane, a answered, failed int, now time.Time) (outcome, Usage) {
	w.mu.Lock()
	usage, _ := w.countCall(now)
	again := a.err != nil && l.failures > failed
	if a.err == nil && (l.failures >= outage || w.lastSent.IsZero()) {
		w.recoveredAt = now
	}
	l.ended(now, w.receiver.Budget, a.err != nil, failOverAfter)
	if again {
		l.failures = failed + 1
	}
	failures, others := l.failures, l.usable(w.lanes, now)
	w.mu.Unlock()

	s := attempt{
		batch: a.batch, err: a.err, now: now, failures: failures, again: again, lane: l.name, others: others,
		giveUpAfter: w.d.o.GiveUpAfter,
		redact:      w.d.o.Redactor.Redact, fallback: func(d Delivery) string { return w.d.fallback(d, now) },
	}.outcome()

	w.mu.Lock()
	defer w.mu.Unlock()
	if until := now.Add(s.pause); until.After(l.paused) { // a call that was made at once may pause it for longer
		l.paused, l.penalty = until, s.penalty
	}
	l.lastErr = s.deliveries[0].Error
	w.lastErr = l.lastErr
	if a.err == nil {
		w.lastSent = now
		for _, d := range a.batch {
			length := now.Sub(d.Notice.Created)
			w.latencies = w.latencies.add(now, length)
			w.d.metrics.took.WithLabelValues(w.name).Observe(max(length, 0).Seconds())
		}
	}
	return s, usage
}
