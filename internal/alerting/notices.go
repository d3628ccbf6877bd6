package alerting

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/rules"
)

// telling is who is told of what: the board of alerts, which is written before it counts.
type telling struct {
	mu    sync.Mutex // held until what was decided is in the journal, so that nothing is told twice
	board *decide.Board
	saved map[string]rules.Alert // as the journal has them, of those that fire
	next  time.Time              // when something is due; of tick alone
	last  time.Time              // when it was looked last; of tick alone
	swept time.Time              // when values were saved and the log was cleaned last; of tick alone
}

const (
	// lookEvery is how often it is looked whether something is due that ends with a silence or with
	// another alert, beside the times that are known before.
	lookEvery = time.Second
	// saveEvery is how often the latest values and annotations of alerts are saved, and the log is
	// cleaned.
	saveEvery = 15 * time.Second
)

// resume reads the notification log: a guardian that takes over, or starts again, neither repeats
// a notice early nor forgets one.
func (t *telling) resume(ctx context.Context, journal Journal, s *decide.Settings, stored []rules.Alert) error {
	told, err := journal.Told(ctx)
	if err != nil {
		return fmt.Errorf("read what people were notified of: %w", err)
	}
	var alerts []rules.Alert
	have := map[string]bool{}
	t.saved = map[string]rules.Alert{}
	for _, a := range stored {
		if a.State != rules.Resolved {
			alerts, have[a.ID], t.saved[a.ID] = append(alerts, a), true, a
		}
	}
	for _, row := range told {
		if row.State != rules.Firing || have[row.Alert] {
			continue
		}
		ended, err := journal.Alerts(ctx, store.AlertFilter{ID: row.Alert})
		if err != nil {
			return fmt.Errorf("read alert %s: %w", row.Alert, err)
		}
		alerts, have[row.Alert] = append(alerts, ended...), true
	}
	t.board = decide.NewBoard(s, alerts, told)
	return nil
}

// hearing is what people said about who may hear of what.
func (as *Alerts) hearing() decide.Said {
	return decide.Said{Silences: as.o.Notifier.Silences(), Accepted: as.accepted(), Acked: func(alert string) bool {
		_, acked := as.o.Notifier.Ack(alert)
		return acked
	}}
}

// tell puts what is due about some alerts, or about all of them, into a batch, and gives what is
// told, when the next is due, and the receivers to wake once the batch is committed. The
// caller holds the lock.
func (as *Alerts) tell(b *store.Batch, now time.Time, alerts ...string) (told []decide.Telling, next time.Time, receivers []string) {
	due, next := as.telling.board.Due(as.o.Decider().Settings, as.hearing(), now, alerts...)
	for _, t := range due {
		t, waiting := as.supersede(t, now)
		var last *announce.LastDeploy
		if len(t.Firing) > 0 {
			last = as.lastDeploy(t.Firing[0])
		}
		as.o.Notifier.Queue(b, t.Receiver, now, func(r announce.Renderer) notifiers.Notice { return r.Alerts(t, last, now) })
		queued := &b.Deliveries[len(b.Deliveries)-1]
		for i := range t.Rows {
			t.Rows[i].Notice = queued.Notice.ID
		}
		b.Told = append(b.Told, t.Rows...)
		ended := queued.TakePlaceOf(waiting)
		receivers = append(receivers, queued.Receiver)
		b.Deliveries = append(b.Deliveries, ended...)
		told = append(told, t)
	}
	rows, gone := as.telling.board.Unsaved()
	b.Told = append(rows, b.Told...) // of a row that is in both, the last is written
	b.ToldGone = append(b.ToldGone, gone...)
	return told, next, receivers
}

// tickNotices tells what waited for a time or for an end, and saves how alerts are now.
func (as *Alerts) tickNotices(now time.Time) {
	t := &as.telling
	if now.Sub(t.last) < lookEvery && (t.next.IsZero() || now.Before(t.next)) {
		return
	}
	open := as.Open()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = now
	var saved []rules.Alert
	var gone []decide.ToldKey
	if now.Sub(t.swept) >= saveEvery {
		t.swept = now
		saved, gone = t.unsaved(open), t.board.Clean(now)
	}
	var told []decide.Telling
	var receivers []string
	err := as.commit(func() (b store.Batch) {
		b.Alerts, b.ToldGone = saved, slices.Clone(gone)
		told, t.next, receivers = as.tell(&b, now)
		return b
	})
	if err != nil {
		as.o.Log.Error("notices about alerts could not be queued; trying again", "error", err)
		return
	}
	as.told(told, receivers)
	for _, a := range saved {
		t.save(a)
	}
}

// told takes over what was committed.
func (as *Alerts) told(told []decide.Telling, receivers []string) {
	as.telling.board.Saved()
	for _, one := range told {
		as.telling.board.Tell(one)
	}
	as.o.Notifier.Wake(receivers)
	if len(told) > 0 {
		as.o.Changed()
	}
}

// save remembers an alert as the journal has it.
func (t *telling) save(a rules.Alert) {
	if a.State == rules.Resolved {
		delete(t.saved, a.ID)
		return
	}
	t.saved[a.ID] = a
}

// unsaved are the open alerts whose value or annotations are not those in the journal.
func (t *telling) unsaved(open []rules.Alert) []rules.Alert {
	var all []rules.Alert
	for _, a := range open {
		was, ok := t.saved[a.ID]
		if ok && was.State == a.State && (was.Value != a.Value || !maps.Equal(was.Annotations, a.Annotations)) {
			all = append(all, a)
		}
	}
	return all
}

// blindness notifies people of checks that cannot look; of Tick alone.
type blindness struct {
	known decide.Blindness
	last  time.Time // when it was looked last
}

// blindEvery is how often it is looked whether a check cannot look.
const blindEvery = time.Second

func (as *Alerts) tickBlindness(now time.Time) {
	b := &as.blindness
	if now.Sub(b.last) < blindEvery {
		return
	}
	b.last = now
	for _, n := range b.known.Step(as.o.Decider().Settings, as.o.Sight.View(now), now) {
		_, err := as.o.Notifier.Send(as.o.Leadership, func(t announce.Renderer) notifiers.Notice { return t.Blindness(n, now) })
		if err == nil { // else it is news again at the next tick
			b.known.Notified(n)
		}
	}
}

// blindBefore tells since when something is blind of which people were notified before this
// leadership, by the last notice with the same key.
func (as *Alerts) blindBefore(n decide.BlindNews) (time.Time, bool) {
	key := announce.Renderer{}.Blindness(n, as.o.Now()).Key
	last, err := as.o.Journal.Deliveries(as.ctx, store.DeliveryFilter{Key: key, Limit: 1})
	if err != nil {
		as.o.Log.Warn("earlier notices of blindness could not be read", "key", key, "error", err)
		return time.Time{}, false
	}
	if len(last) == 0 || last[0].Notice.Tone == notifiers.Good {
		return time.Time{}, false
	}
	return last[0].Notice.Created, true
}
