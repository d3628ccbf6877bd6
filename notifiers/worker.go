package notifiers

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxHeads = 500              // keys that are looked at in one step
	horizon  = 24 * time.Hour   // what is due later is asked for as well, to know when to look again
	stumble  = 5 * time.Second  // the pause after the outbox failed
	crawl    = 30 * time.Second // the longest pause between two tries to save an outcome
)

// worker is the one goroutine that calls a receiver's channel.
type worker struct {
	d       *Dispatcher
	name    string
	wake    chan struct{}
	removed atomic.Bool

	// Set when the goroutine is started, under the dispatcher's lock.
	stop context.CancelFunc
	done chan struct{}

	mu       sync.Mutex
	receiver Receiver
	changed  time.Time   // when the receiver got another configuration
	calls    []time.Time // when calls ended, oldest first, within the budget's window
	failures int         // failed calls in a row
	paused   time.Time   // no call before
	penalty  bool        // the pause is a punishment
	waiting  int
	oldest   time.Time
	lastErr  string
	lastSent time.Time
}

func newWorker(d *Dispatcher, name string, r Receiver) *worker {
	return &worker{d: d, name: name, receiver: r, wake: make(chan struct{}, 1)}
}

func (w *worker) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// swap takes a new configuration; what was learned of a messenger is kept for the same one.
func (w *worker) swap(r Receiver) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Fingerprint != "" && r.Fingerprint == w.receiver.Fingerprint {
		r.Channel = w.receiver.Channel
		w.receiver = r
		return
	}
	w.receiver, w.changed = r, w.d.o.Now().UTC()
	w.calls, w.failures, w.paused, w.penalty, w.lastErr = nil, 0, time.Time{}, false, ""
	w.poke()
}

func (w *worker) fallbackName() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.receiver.Fallback
}

func (w *worker) penalized(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.penalty && now.Before(w.paused)
}

func (w *worker) report() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := Status{Receiver: w.name, Waiting: w.waiting, Oldest: w.oldest, LastError: w.lastErr, LastSent: w.lastSent}
	if w.penalty && w.d.o.Now().Before(w.paused) {
		s.Penalty = w.paused
	}
	return s
}

// run steps until ctx ends, or until drain is closed and nothing can be sent at once.
func (w *worker) run(ctx context.Context, drain <-chan struct{}) {
	w.recall(ctx)
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
		timer := time.NewTimer(min(wait, poll))
		select {
		case <-ctx.Done():
		case <-drain: // one more step: something may have come since
		case <-w.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// recall reads which calls were made before, perhaps by another guardian: a messenger counts
// those of a minute whoever made them.
func (w *worker) recall(ctx context.Context) {
	w.mu.Lock()
	b := w.receiver.Budget
	w.mu.Unlock()
	calls, err := w.d.o.Outbox.Calls(ctx, w.name, w.d.o.Now().UTC().Add(-max(b.per(), b.Spacing)))
	if err != nil {
		if ctx.Err() == nil {
			w.d.o.Log.Error("outbox could not be read; calls of the last minute are not counted", "receiver", w.name, "error", err)
		}
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, at := range calls {
		if !slices.ContainsFunc(w.calls, at.Equal) {
			w.calls = append(w.calls, at)
		}
	}
	slices.SortFunc(w.calls, time.Time.Compare)
}

// step makes at most one call and gives the time of the next step.
func (w *worker) step(ctx context.Context) time.Time {
	now := w.d.o.Now().UTC()
	heads, err := w.d.o.Outbox.Due(ctx, w.name, now.Add(horizon), maxHeads)
	if err != nil {
		if ctx.Err() == nil {
			w.d.o.Log.Error("outbox could not be read", "receiver", w.name, "error", err)
		}
		return now.Add(stumble)
	}
	w.look(heads, now)

	w.mu.Lock()
	r, calls, paused, penalty, changed := w.receiver, slices.Clone(w.calls), w.paused, w.penalty, w.changed
	w.mu.Unlock()
	for i, d := range heads {
		if d.Attempts > 0 && d.Updated.Before(changed) {
			heads[i].NextAt = now // it waits for what the old configuration ran into
		}
	}
	if now.Before(paused) {
		if penalty {
			return w.handOver(ctx, heads, now, paused)
		}
		return paused
	}
	batch, again := choose(heads, calls, r.Budget, now)
	if len(batch) == 0 {
		if again.IsZero() {
			return now.Add(poll)
		}
		return again
	}
	return w.send(ctx, r, batch, now)
}

// look keeps what the receiver's status and metrics say of its queue.
func (w *worker) look(heads []Delivery, now time.Time) {
	var oldest time.Time
	for _, d := range heads {
		if oldest.IsZero() || d.Notice.Created.Before(oldest) {
			oldest = d.Notice.Created
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting, w.oldest = len(heads), oldest
	age, until := 0.0, 0.0
	if !oldest.IsZero() {
		age = max(now.Sub(oldest).Seconds(), 0)
	}
	if w.penalty && now.Before(w.paused) {
		until = float64(w.paused.Unix())
	}
	w.d.metrics.waiting.WithLabelValues(w.name).Set(float64(len(heads)))
	w.d.metrics.oldest.WithLabelValues(w.name).Set(age)
	w.d.metrics.penalty.WithLabelValues(w.name).Set(until)
}

// handOver moves what waits for a penalized receiver to its fallback.
func (w *worker) handOver(ctx context.Context, heads []Delivery, now, paused time.Time) time.Time {
	var moved []Delivery
	for _, d := range heads {
		if to := w.d.fallback(d, now); to != "" {
			d.move(to, now)
			moved = append(moved, d)
		}
	}
	if len(moved) == 0 {
		return paused
	}
	if err := w.d.o.Outbox.Save(ctx, moved...); err != nil {
		w.d.o.Log.Error("notices could not be handed to the fallback", "receiver", w.name, "error", err)
		return now.Add(stumble)
	}
	w.count(resultMoved, len(moved))
	w.wakeAll(moved)
	return now
}

// send journals, calls and journals again.
func (w *worker) send(ctx context.Context, r Receiver, batch []Delivery, now time.Time) time.Time {
	batch, dropped := w.sift(batch, now)
	if len(dropped) > 0 {
		if err := w.d.o.Outbox.Save(ctx, dropped...); err != nil {
			w.d.o.Log.Error("dropped notices could not be saved", "receiver", w.name, "error", err)
			return now.Add(stumble)
		}
		w.count(resultDropped, len(dropped))
	}
	if len(batch) == 0 {
		return now
	}
	notices := make([]Notice, len(batch))
	for i := range batch {
		d := &batch[i]
		d.State, d.Updated = Sending, now
		d.Attempts++
		if d.Tried.IsZero() {
			d.Tried = now
		}
		notices[i] = d.Notice
	}
	if err := w.d.o.Outbox.Save(ctx, batch...); err != nil {
		if ctx.Err() == nil {
			w.d.o.Log.Error("attempt could not be journalled, so it is not made", "receiver", w.name, "error", err)
		}
		return now.Add(stumble)
	}

	if w.d.o.MayTell != nil && !w.d.o.MayTell() {
		return now.Add(stumble) // whoever tells now finds it as Sending
	}
	err := w.call(ctx, r.Channel, Merge(notices))
	if err != nil && ctx.Err() != nil {
		return now // nobody knows whether it arrived: it stays Sending and is sent again
	}
	now = w.d.o.Now().UTC()
	s := w.settle(batch, err, r.Budget, now)
	w.finish(ctx, s, err)
	return now
}

// sift takes out what need not be sent any more.
func (w *worker) sift(batch []Delivery, now time.Time) (send, dropped []Delivery) {
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

// call makes one call in bounded time. A channel that panics has not delivered.
func (w *worker) call(ctx context.Context, c Channel, n Notice) (err error) {
	ctx, cancel := context.WithTimeout(ctx, w.d.o.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = &Retry{Err: fmt.Errorf("the channel panicked: %v", p)}
		}
	}()
	return c.Send(ctx, n)
}

// settle keeps what the call says about the receiver and decides about the batch.
func (w *worker) settle(batch []Delivery, err error, b Budget, now time.Time) settled {
	w.mu.Lock()
	w.calls = append(w.calls, now)
	expired := func(at time.Time) bool { return now.Sub(at) > max(b.per(), b.Spacing) }
	w.calls = slices.DeleteFunc(w.calls, expired)
	if err == nil {
		w.failures = 0
	} else {
		w.failures++
	}
	failures := w.failures
	w.mu.Unlock()

	s := settle(batch, err, now, limits{giveUp: w.d.o.GiveUpAfter, failOver: w.d.o.FailOverAfter}, failures,
		w.d.o.Redactor.Redact, func(d Delivery) string { return w.d.fallback(d, now) })

	w.mu.Lock()
	defer w.mu.Unlock()
	w.paused, w.penalty = now.Add(s.pause), s.penalty
	w.lastErr = s.deliveries[0].Error
	if err == nil {
		w.lastSent = now
	}
	return s
}

// finish saves the outcome, and with it the news of what was given up, however often it
// takes: until then this receiver does nothing else. It gives up only when ctx ends.
func (w *worker) finish(ctx context.Context, s settled, cause error) {
	save := slices.Clone(s.deliveries)
	for i, d := range s.deliveries {
		w.log(d, s.results[i], cause)
		if s.results[i] == resultGivenUp {
			if news, ok := w.news(d); ok {
				save = append(save, news)
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
		pause := time.NewTimer(min(backoff(n, w.name), crawl))
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
	}
	for _, result := range s.results {
		w.count(result, 1)
	}
	w.wakeAll(save)
}

// news tells through another receiver that a delivery was given up; news about news is not.
func (w *worker) news(d Delivery) (Delivery, bool) {
	if d.Escalated || w.d.o.OnGiveUp == nil {
		return Delivery{}, false
	}
	to := w.d.other(d, d.Updated)
	if to == "" {
		w.d.o.Log.Error("nobody else can be told that a notice was given up", "receiver", w.name, "notice", d.Notice.ID)
		return Delivery{}, false
	}
	id := d.ID + "_given_up" // the same again if this is repeated after a crash
	n := w.d.o.OnGiveUp(d)
	if n.ID == "" {
		n.ID = id
	}
	if n.Key == "" {
		n.Key = id
	}
	return Delivery{ID: id, Receiver: to, Notice: n, State: Queued, NextAt: d.Updated, Updated: d.Updated, Escalated: true}, true
}

func (w *worker) log(d Delivery, result string, cause error) {
	args := []any{"receiver", w.name, "delivery", d.ID, "notice", d.Notice.ID, "key", d.Notice.Key, "attempts", d.Attempts}
	switch result {
	case resultDelivered:
		w.d.o.Log.Debug("notice delivered", args...)
	case resultGivenUp:
		w.d.o.Log.Error("notice given up", append(args, "error", d.Error)...)
	case resultMoved:
		w.d.o.Log.Warn("notice handed to the fallback", append(args, "to", d.Receiver, "error", d.Error)...)
	default:
		if cause != nil {
			w.d.o.Log.Warn("notice not delivered yet", append(args, "again_at", d.NextAt, "error", d.Error)...)
		}
	}
}

func (w *worker) count(result string, n int) {
	w.d.metrics.notices.WithLabelValues(w.name, result).Add(float64(n))
}

// wakeAll wakes the other receivers that were given something.
func (w *worker) wakeAll(deliveries []Delivery) {
	for _, d := range deliveries {
		if d.Receiver != w.name {
			w.d.Wake(d.Receiver)
		}
	}
}

// retire empties the queue of a receiver that is no longer configured.
func (w *worker) retire(ctx context.Context) {
	for ctx.Err() == nil {
		now := w.d.o.Now().UTC()
		heads, err := w.d.o.Outbox.Due(ctx, w.name, now.Add(horizon), maxHeads)
		if err == nil && len(heads) == 0 {
			return
		}
		moved := 0
		for i := range heads {
			d := &heads[i]
			if to := w.heir(*d, now); to != "" {
				d.move(to, now)
				moved++
				continue
			}
			d.State, d.Error, d.Updated = Dropped, "its receiver was taken out of the configuration", now
		}
		if err == nil {
			err = w.d.o.Outbox.Save(ctx, heads...)
		}
		if err != nil {
			w.d.o.Log.Error("notices of a removed receiver stay behind", "receiver", w.name, "error", err)
			return
		}
		w.d.o.Log.Warn("receiver removed", "receiver", w.name, "moved", moved, "dropped", len(heads)-moved)
		w.wakeAll(heads)
	}
}

// heir gives who takes over what waits for a receiver that is no longer configured.
func (w *worker) heir(d Delivery, now time.Time) string {
	if to := w.fallbackName(); to != "" && !slices.Contains(d.MovedFrom, to) && w.d.knows(to) {
		return to
	}
	return w.d.other(d, now)
}

func (d *Dispatcher) knows(receiver string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.workers[receiver] != nil
}
