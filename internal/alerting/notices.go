package alerting

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/rules"
)

// notified is when people were notified of an alert last that fires, by alert ID.
type notified struct {
	mu sync.Mutex
	at map[string]time.Time
}

// resume reads from the outbox when people were notified of the alerts that fire: a guardian
// that takes over, or starts again, neither repeats a notice early nor forgets one.
func (n *notified) resume(ctx context.Context, journal Journal, alerts []rules.Alert) error {
	n.at = map[string]time.Time{}
	for _, al := range alerts {
		if al.State != rules.Firing {
			continue
		}
		last, err := journal.Deliveries(ctx, store.DeliveryFilter{Key: announce.AlertKey(al), Since: al.FiredAt})
		if err != nil {
			return fmt.Errorf("read when people were notified of alert %s: %w", al.Rule, err)
		}
		// The runs that it started have the same key.
		if i := slices.IndexFunc(last, func(d notifiers.Delivery) bool { return d.Notice.Labels["kind"] == "alert" }); i >= 0 {
			n.at[al.ID] = last[i].Notice.Created
		}
	}
	return nil
}

func (n *notified) set(id string, at time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at[id] = at
}

func (n *notified) forget(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.at, id)
}

func (n *notified) last(id string) time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.at[id]
}

// tickRepeats notifies again of what still fires, and of what began to fire while it was
// suppressed.
func (as *Alerts) tickRepeats(now time.Time) {
	if now.Sub(as.lastRepeat) < decide.RepeatEvery {
		return
	}
	as.lastRepeat = now
	settings := as.o.Decider().Settings
	for _, al := range as.Open() {
		if al.State != rules.Firing {
			continue
		}
		if _, acked := as.o.Notifier.Ack(al.ID); acked || !settings.RepeatDue(announce.AlertLabels(al), as.notified.last(al.ID), now) {
			continue
		}
		sent, _ := as.o.Notifier.Send(as.o.Leadership, func(t announce.Renderer) notifiers.Notice {
			return t.AlertRepeat(al, as.lastDeploy(al), now)
		})
		if sent {
			as.notified.set(al.ID, now)
		}
	}
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
