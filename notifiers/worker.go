package notifiers

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxKeys          = 500              // how many notice keys one step reads
	lookAhead        = 24 * time.Hour   // deliveries due within it are read too, to know when the next step is due
	outboxRetryDelay = 5 * time.Second  // pause after an error of the outbox
	maxSaveDelay     = 30 * time.Second // longest pause between attempts to save an outcome
)

// worker delivers to one receiver. Only its goroutine calls the receiver's channel.
type worker struct {
	d       *Dispatcher
	name    string
	wake    chan struct{}
	removed atomic.Bool

	// stop and done are set under the dispatcher's lock when the goroutine is started.
	stop context.CancelFunc
	done chan struct{}

	mu           sync.Mutex
	receiver     Receiver
	configuredAt time.Time // when the configuration last changed
	recoveredAt  time.Time // when a call last showed that the messenger is up again; see outage
	lanes        []*lane   // at least one
	month        month
	waiting      int
	oldest       time.Time
	lastErr      string
	lastSent     time.Time
	latencies    latencies
}

func newWorker(d *Dispatcher, name string, r Receiver) *worker {
	return &worker{d: d, name: name, receiver: r, lanes: lanesOf(r.Channel), wake: make(chan struct{}, 1)}
}

func (w *worker) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// reconfigure takes a new configuration. With an unchanged fingerprint the recent calls,
// pauses and the channel are kept.
func (w *worker) reconfigure(r Receiver) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Fingerprint != "" && r.Fingerprint == w.receiver.Fingerprint {
		r.Channel = w.receiver.Channel
		w.receiver = r
		return
	}
	w.receiver, w.configuredAt = r, w.d.o.Now().UTC()
	w.lanes, w.lastErr = lanesOf(r.Channel), ""
	w.signal()
}

func (w *worker) fallbackName() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.receiver.Fallback
}

func (w *worker) penalized(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.penalizedUntil(now).IsZero()
}

// penalizedUntil returns when the first lane may be used again if all are penalized, else zero.
// The caller holds the lock.
func (w *worker) penalizedUntil(now time.Time) (until time.Time) {
	for _, l := range w.lanes {
		if !l.penalty || !now.Before(l.paused) {
			return time.Time{}
		}
		until = earlier(until, l.paused)
	}
	return until
}

func (w *worker) status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := Status{Receiver: w.name, Waiting: w.waiting, Oldest: w.oldest, LastError: w.lastErr, LastSent: w.lastSent}
	now := w.d.o.Now()
	s.Latency = w.latencies.summary(now)
	s.MonthCalls, s.MonthlyQuota = w.month.in(now).calls, w.receiver.MonthlyQuota
	s.Penalty = w.penalizedUntil(now)
	if len(w.lanes) > 1 {
		for _, l := range w.lanes {
			robot := RobotStatus{Name: l.name, LastError: l.lastErr}
			if l.penalty && now.Before(l.paused) {
				robot.Penalty = l.paused
			}
			s.Robots = append(s.Robots, robot)
		}
	}
	return s
}

// run executes steps until ctx ends, or until drain is closed and nothing more can be sent
// immediately.
func (w *worker) run(ctx context.Context, drain <-chan struct{}) {
	w.loadRecentCalls(ctx)
	w.loadMonth(ctx)
	for ctx.Err() == nil {
		again := w.step(ctx)
		wait := again.Sub(w.d.o.Now())
		if wait <= 0 {
			continue
		}
		select {
		case <-drain:
			return
		default:
		}
		timer := time.NewTimer(min(wait, pollInterval))
		select {
		case <-ctx.Done():
		case <-drain: // one more step: something may have been queued in the meantime
		case <-w.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// step makes one call, or as many at once as the budget allows, and returns when the next is due.
func (w *worker) step(ctx context.Context) time.Time {
	now := w.d.o.Now().UTC()
	if at := w.restsUntil(now); at.After(now) {
		return at // whatever is in the outbox: in a storm it need not be read at each arrival
	}
	nextPerKey, err := w.d.o.Outbox.Due(ctx, w.name, now.Add(lookAhead), maxKeys)
	if err != nil {
		if ctx.Err() == nil {
			w.d.o.Log.Error("outbox could not be read", "receiver", w.name, "error", err)
		}
		return now.Add(outboxRetryDelay)
	}
	w.recordQueue(nextPerKey, now)

	w.mu.Lock()
	r := w.receiver
	for i := range nextPerKey {
		w.shortenDelay(&nextPerKey[i])
	}
	p := next(w.lanes, nextPerKey, r.Budget, now)
	calls := p.calls(r.Budget, now)
	w.mu.Unlock()
	switch {
	case len(calls) > 0:
		return w.send(ctx, p.lane, calls, now)
	case p.down:
		return w.moveToFallback(ctx, nextPerKey, p, now)
	case p.again.IsZero():
		return now.Add(pollInterval)
	default:
		return p.again
	}
}

// shortenDelay makes a delivery due whose delay has lost its cause: the old configuration, or a
// messenger that was down and takes calls again. The caller holds the lock.
func (w *worker) shortenDelay(d *Delivery) {
	if d.Attempts == 0 {
		return
	}
	if d.Updated.Before(w.configuredAt) {
		d.NextAt, d.Refused = earlier(d.NextAt, w.configuredAt), nil
	}
	if d.State == Queued && d.Updated.Before(w.recoveredAt) {
		d.NextAt = earlier(d.NextAt, w.recoveredAt)
	}
}

// recordQueue updates the receiver's status and metrics about its queue.
func (w *worker) recordQueue(nextPerKey []Delivery, now time.Time) {
	var oldest time.Time
	for _, d := range nextPerKey {
		oldest = earlier(oldest, d.waitsSince())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting, w.oldest = len(nextPerKey), oldest
	age, until := 0.0, 0.0
	if !oldest.IsZero() {
		age = max(now.Sub(oldest).Seconds(), 0)
	}
	if end := w.penalizedUntil(now); !end.IsZero() {
		until = float64(end.Unix())
	}
	w.d.metrics.waiting.WithLabelValues(w.name).Set(float64(len(nextPerKey)))
	w.d.metrics.oldest.WithLabelValues(w.name).Set(age)
	w.d.metrics.penalty.WithLabelValues(w.name).Set(until)
}

// moveToFallback moves the deliveries of a receiver that is rate limited or down to its fallback.
func (w *worker) moveToFallback(ctx context.Context, nextPerKey []Delivery, p plan, now time.Time) time.Time {
	why := "the messenger refuses all messages until " + p.again.UTC().Format(time.RFC3339)
	if !p.penalized {
		why = "the calls before this one failed; the next is made at " + p.again.UTC().Format(time.RFC3339)
	}
	var moved []Delivery
	for _, d := range nextPerKey {
		if to := w.d.fallback(d, now); to != "" {
			d.record(Try{At: now, Receiver: w.name, Result: resultMoved, Error: why})
			d.move(to, now)
			moved = append(moved, d)
		}
	}
	if len(moved) == 0 {
		return p.again
	}
	if err := w.d.o.Outbox.Save(ctx, moved...); errors.Is(err, ErrSuperseded) {
		return now // what took its place is moved instead
	} else if err != nil {
		w.d.o.Log.Error("notices could not be handed to the fallback", "receiver", w.name, "error", err)
		return now.Add(outboxRetryDelay)
	}
	w.count(resultMoved, len(moved))
	w.wakeAll(moved)
	return now
}

// send saves the attempts, makes the calls and saves their outcomes. Each call is about its own
// deliveries.
func (w *worker) send(ctx context.Context, l *lane, calls [][]Delivery, now time.Time) time.Time {
	var needed [][]Delivery
	var dropped []Delivery
	for _, batch := range calls {
		batch, d := w.dropUnneeded(batch, now)
		dropped = append(dropped, d...)
		if len(batch) > 0 {
			needed = append(needed, batch)
		}
	}
	if len(dropped) > 0 {
		if err := w.d.o.Outbox.Save(ctx, dropped...); err != nil {
			w.d.o.Log.Error("dropped notices could not be saved", "receiver", w.name, "error", err)
			return now.Add(outboxRetryDelay)
		}
		w.count(resultDropped, len(dropped))
	}
	if len(needed) == 0 {
		return now
	}
	for _, batch := range needed {
		for i := range batch {
			d := &batch[i]
			if d.State == Sending {
				d.record(Try{At: d.Updated, Receiver: w.name, Via: d.Via, Result: resultUnknown})
			}
			d.State, d.Updated, d.Via = Sending, now, l.name
			d.Attempts++
			if d.Tried.IsZero() {
				d.Tried = now
			}
		}
	}
	if err := w.d.o.Outbox.Save(ctx, slices.Concat(needed...)...); errors.Is(err, ErrSuperseded) {
		return now // what took its place is sent instead
	} else if err != nil {
		if ctx.Err() == nil {
			w.d.o.Log.Error("attempt could not be journalled, so it is not made", "receiver", w.name, "error", err)
		}
		return now.Add(outboxRetryDelay)
	}

	if w.d.o.MaySend != nil && !w.d.o.MaySend() {
		return now.Add(outboxRetryDelay) // it stays Sending: the process that holds the lease now sends it
	}
	w.callAll(ctx, l, needed)
	return w.d.o.Now().UTC()
}

// dropUnneeded separates the deliveries that need not be sent any more.
func (w *worker) dropUnneeded(batch []Delivery, now time.Time) (send, dropped []Delivery) {
	for _, d := range batch {
		if w.d.o.Drop != nil {
			if why := w.d.o.Drop(d); why != "" {
				d.State, d.Error, d.Updated = Dropped, why, now
				dropped = append(dropped, d)
				continue
			}
		}
		send = append(send, d)
	}
	return send, dropped
}

// saveOutcomes saves outcomes together with the notices about deliveries that were given up. It
// retries until ctx ends, and the receiver begins no other call meanwhile: otherwise the same
// notices would be sent again.
func (w *worker) saveOutcomes(ctx context.Context, all []outcome) {
	var save []Delivery
	for _, s := range all {
		save = append(append(save, s.deliveries...), s.notices...)
		for i, d := range s.deliveries {
			w.log(d, s.results[i])
			if s.results[i] == resultGivenUp || s.alarm {
				if notice, ok := w.giveUpNotice(d); ok {
					save = append(save, notice)
				}
			}
		}
	}
	for n := 1; ; n++ {
		err := w.d.o.Outbox.Save(ctx, save...)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return
		}
		w.d.o.Log.Error("outcome could not be journalled", "receiver", w.name, "error", err)
		pause := time.NewTimer(min(backoff(n, w.name), maxSaveDelay))
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
	}
	for _, s := range all {
		for _, result := range s.results {
			w.count(result, 1)
		}
	}
	w.wakeAll(save)
}

// giveUpNotice queues the notice that a delivery was given up, or refused for good and moved, for
// another receiver. There is none when the delivery was such a notice itself.
func (w *worker) giveUpNotice(d Delivery) (Delivery, bool) {
	if d.Escalated || w.d.o.OnGiveUp == nil {
		return Delivery{}, false
	}
	id := d.ID + "_given_up" // deterministic, so that a repetition after a crash writes the same delivery
	if d.Receiver != w.name {
		id = d.ID + "_refused"
		d = d.origin(w.name)
	}
	to := w.d.anotherReceiver(d, d.Updated)
	if to == "" {
		w.d.o.Log.Error("no other receiver for the notice that a notice was given up", "receiver", w.name, "notice", d.Notice.ID)
		return Delivery{}, false
	}
	n := w.d.o.OnGiveUp(d, to)
	if n.ID == "" {
		n.ID = id
	}
	if n.Key == "" {
		n.Key = id
	}
	return Delivery{ID: id, Receiver: to, Notice: n, State: Queued, NextAt: d.Updated, Updated: d.Updated, Escalated: true}, true
}

func (w *worker) log(d Delivery, result string) {
	args := []any{"receiver", w.name, "delivery", d.ID, "notice", d.Notice.ID, "key", d.Notice.Key, "attempts", d.Attempts}
	switch result {
	case resultDelivered:
		w.d.o.Log.Debug("notice delivered", args...)
	case resultGivenUp:
		w.d.o.Log.Error("notice given up", append(args, "error", d.Error)...)
	case resultMoved:
		w.d.o.Log.Warn("notice handed to the fallback", append(args, "to", d.Receiver, "error", d.Error)...)
	default:
		if d.Error != "" {
			w.d.o.Log.Warn("notice not delivered yet", append(args, "again_at", d.NextAt, "error", d.Error)...)
		}
	}
}

func (w *worker) count(result string, n int) {
	w.d.metrics.notices.WithLabelValues(w.name, result).Add(float64(n))
}

// wakeAll wakes the other receivers of these deliveries.
func (w *worker) wakeAll(deliveries []Delivery) {
	for _, d := range deliveries {
		if d.Receiver != w.name {
			w.d.Wake(d.Receiver)
		}
	}
}

// reassignAll moves or drops every delivery of a receiver that is no longer configured.
func (w *worker) reassignAll(ctx context.Context) {
	for ctx.Err() == nil {
		now := w.d.o.Now().UTC()
		nextPerKey, err := w.d.o.Outbox.Due(ctx, w.name, now.Add(lookAhead), maxKeys)
		if err == nil && len(nextPerKey) == 0 {
			return
		}
		moved := 0
		for i := range nextPerKey {
			d := &nextPerKey[i]
			if to := w.successor(*d, now); to != "" {
				d.move(to, now)
				moved++
				continue
			}
			d.State, d.Error, d.Updated = Dropped, "its receiver was removed from the configuration", now
		}
		if err == nil {
			err = w.d.o.Outbox.Save(ctx, nextPerKey...)
		}
		if errors.Is(err, ErrSuperseded) {
			continue
		}
		if err != nil {
			w.d.o.Log.Error("notices of a removed receiver stay behind", "receiver", w.name, "error", err)
			return
		}
		w.d.o.Log.Warn("receiver removed", "receiver", w.name, "moved", moved, "dropped", len(nextPerKey)-moved)
		w.wakeAll(nextPerKey)
	}
}

// successor returns the receiver that takes over a delivery of one that is no longer configured.
func (w *worker) successor(d Delivery, now time.Time) string {
	if to := w.fallbackName(); to != "" && !slices.Contains(d.MovedFrom, to) && w.d.has(to) {
		return to
	}
	return w.d.anotherReceiver(d, now)
}

func (d *Dispatcher) has(receiver string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.workers[receiver] != nil
}
