package notifiers

import (
	"context"
	"slices"
	"strconv"
	"time"
)

// Robots is a Channel that consists of several, each with its own rate limit, such as several
// robots of one group. Each of its notices goes to one of them: while one is penalized or refuses
// a notice, the others take its place.
type Robots interface {
	Channel
	// Robots returns the channels, always in the same order.
	Robots() []Channel
}

// Call is a call that was made before.
type Call struct {
	At  time.Time // when it ended
	Via string    // the lane; see Delivery.Via
}

// lane is a receiver's channel, or one of its robots, with its share of the state.
type lane struct {
	name    string // "": the receiver has only this one; else 1, 2, …
	channel Channel

	calls    []time.Time // end times of the calls within the budget's history, oldest first
	failures int         // failed calls in a row
	failing  time.Time   // when the first of them ended; zero: the last call succeeded
	down     bool        // calls have failed for so long that the fallback takes over
	paused   time.Time   // no call is made before
	penalty  bool        // the pause was imposed by the messenger
	lastErr  string
}

func lanesOf(c Channel) []*lane {
	robots, ok := c.(Robots)
	if !ok {
		return []*lane{{channel: c}}
	}
	var lanes []*lane
	for i, r := range robots.Robots() {
		lanes = append(lanes, &lane{name: strconv.Itoa(i + 1), channel: r})
	}
	if len(lanes) == 1 {
		lanes[0].name = ""
	}
	return lanes
}

// plan is what a receiver does next.
type plan struct {
	lane  *lane
	due   []Delivery // in the order in which they are sent
	batch []Delivery
	again time.Time // without a batch: when to look again; zero: nothing is waiting
	// penalized is set when no lane may be used because of a penalty, and down when none may because of
	// one or because it is down.
	penalized, down bool
}

// next chooses the deliveries of the next call and the lane that makes it: one that works and was
// used least.
func next(lanes []*lane, nextPerKey []Delivery, b Budget, now time.Time) plan {
	due, again := dueNow(nextPerKey, now)
	out := plan{due: due, penalized: true, down: true}
	idle := false
	for _, l := range lanes {
		if now.Before(l.paused) {
			out.penalized = out.penalized && l.penalty
			out.down = out.down && (l.penalty || l.down)
			out.again = earlier(out.again, l.paused)
			continue
		}
		idle = true
		batch, at := nextBatch(l.open(due), l.calls, b, now)
		if len(batch) == 0 {
			out.again = earlier(earlier(out.again, again), at)
			continue
		}
		if out.lane == nil || l.before(out.lane) {
			out.lane, out.batch = l, batch
		}
	}
	out.penalized, out.down = out.penalized && !idle, out.down && !idle
	return out
}

// calls are the calls that may be made now, each with its deliveries: after a failure one, which
// shows whether the others can succeed.
func (p plan) calls(b Budget, now time.Time) (all [][]Delivery) {
	if p.lane == nil {
		return nil
	}
	open := slices.Clone(p.lane.open(p.due))
	for batch := p.batch; len(batch) > 0; {
		batch = slices.Clone(batch) // of open, which moves
		all = append(all, batch)
		if len(all) >= b.Parallel || b.Limit > 0 || b.Spacing > 0 || p.lane.failures > 0 {
			break
		}
		open = slices.DeleteFunc(open, func(d Delivery) bool {
			return slices.ContainsFunc(batch, func(c Delivery) bool { return c.ID == d.ID })
		})
		batch, _ = nextBatch(open, p.lane.calls, b, now)
	}
	return all
}

// restsUntil returns when the first lane may make a call by its budget; now if one is paused, which
// may be a reason to move what is waiting.
func (w *worker) restsUntil(now time.Time) (at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.lanes {
		if now.Before(l.paused) {
			return now
		}
		at = earlier(at, w.receiver.Budget.nextCallAt(l.calls, true, now))
	}
	return at
}

// open returns the deliveries that the lane has not refused.
func (l *lane) open(deliveries []Delivery) []Delivery {
	refused := func(d Delivery) bool { return slices.Contains(d.Refused, l.name) }
	if !slices.ContainsFunc(deliveries, refused) {
		return deliveries
	}
	return slices.DeleteFunc(slices.Clone(deliveries), refused)
}

// before reports whether the lane is preferred to another one.
func (l *lane) before(other *lane) bool {
	if (l.failures > 0) != (other.failures > 0) {
		return l.failures == 0
	}
	return len(l.calls) < len(other.calls)
}

// earlier returns the earlier of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// ended records a call's end. Calls that fail for longer than downAfter mean that the lane is down.
func (l *lane) ended(at time.Time, b Budget, failed bool, downAfter time.Duration) {
	l.calls = append(l.calls, at)
	expired := func(call time.Time) bool { return at.Sub(call) > b.history() }
	l.calls = slices.DeleteFunc(l.calls, expired)
	if !failed {
		l.failures, l.failing, l.down = 0, time.Time{}, false
		return
	}
	l.failures++
	l.failing = earlier(l.failing, at)
	l.down = l.failures >= outage && at.Sub(l.failing) >= downAfter
}

// usable lists the other lanes that may be used now.
func (l *lane) usable(lanes []*lane, now time.Time) []string {
	var names []string
	for _, other := range lanes {
		if other != l && !now.Before(other.paused) {
			names = append(names, other.name)
		}
	}
	return names
}

// loadRecentCalls reads the calls that were made before this worker started, including those of another
// guardian: the messenger's rate limit counts them all. What is not known of a lane counts for the
// first.
func (w *worker) loadRecentCalls(ctx context.Context) {
	w.mu.Lock()
	b := w.receiver.Budget
	w.mu.Unlock()
	calls, err := w.d.o.Outbox.Calls(ctx, w.name, w.d.o.Now().UTC().Add(-b.history()))
	if err != nil {
		if ctx.Err() == nil {
			w.d.o.Log.Error("outbox could not be read; calls of the last minute are not counted", "receiver", w.name, "error", err)
		}
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range calls {
		l := w.lanes[0]
		if i := slices.IndexFunc(w.lanes, func(l *lane) bool { return l.name == c.Via }); i >= 0 {
			l = w.lanes[i]
		}
		if !slices.ContainsFunc(l.calls, c.At.Equal) {
			l.calls = append(l.calls, c.At)
		}
	}
	for _, l := range w.lanes {
		slices.SortFunc(l.calls, time.Time.Compare)
	}
}

// digest returns the notices of a batch as one.
func digest(batch []Delivery) Notice {
	notices := make([]Notice, len(batch))
	for i, d := range batch {
		notices[i] = d.Notice
	}
	return Merge(notices)
}

// message returns what is sent for a batch: its notice with the links by which readers act on it, or a
// digest, which has none.
func (w *worker) message(batch []Delivery) Notice {
	w.mu.Lock()
	words, links, asWritten := w.receiver.Template, w.receiver.Actions, w.receiver.AsWritten
	w.mu.Unlock()
	n, err := words.Render(digest(batch))
	if err != nil {
		w.d.o.Log.Warn("a template could not be used; the message is in the guardian's own words", "receiver", w.name, "notice", n.ID, "error", err)
	}
	if !asWritten {
		n.Facts = append(slices.Clone(n.Facts), circumstances(batch, w.d.o.Now())...)
	}
	if len(batch) == 1 && links != nil {
		// After the main link, which stays when a long notice is shortened.
		n.Links = slices.Insert(slices.Clone(n.Links), min(1, len(n.Links)), links(batch[0])...)
	}
	return n
}

// converse sends a batch through a channel with conversations. A digest belongs to none.
func (w *worker) converse(ctx context.Context, c Threaded, batch []Delivery) (ref string, err error) {
	if len(batch) > 1 {
		return "", c.Send(ctx, w.message(batch))
	}
	return c.Follow(ctx, w.message(batch), w.sentBefore(ctx, batch[0].Notice))
}

// sentBefore returns what was sent before of a notice's conversation.
func (w *worker) sentBefore(ctx context.Context, n Notice) Sent {
	if n.thread() == "" {
		return Sent{}
	}
	sent, err := w.d.o.Outbox.LastSent(ctx, w.name, n.thread(), w.d.o.Now().UTC().Add(-newAfter))
	if err != nil && ctx.Err() == nil {
		w.d.o.Log.Warn("outbox could not be read; a notice begins a new conversation", "receiver", w.name, "error", err)
	}
	return sent
}

// updateAfter updates the messages that the notices of a digest would have updated, as far as the
// messenger allows. The digest was accepted, and its outcome is saved: nothing depends on it.
func (w *worker) updateAfter(ctx context.Context, c Channel, batch []Delivery) {
	t, ok := c.(Threaded)
	if !ok || len(batch) < 2 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, w.d.o.Timeout)
	defer cancel()
	for _, d := range batch {
		if sent := w.sentBefore(ctx, d.Notice); sent.Ref != "" {
			if err := t.Update(ctx, w.message([]Delivery{d}), sent.Ref); err != nil {
				w.d.o.Log.Debug("message not updated", "receiver", w.name, "key", d.Notice.Key, "error", err)
				return
			}
		}
	}
}
