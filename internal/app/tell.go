package app

import (
	"time"

	"guardian/internal/announce"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/notifiers/route"
)

// tell puts a notice into a batch: worded in the language of each receiver that the routes
// choose, quiet where a silence, a maintenance or a route's calendar says so. It gives the
// receivers to wake once the batch is committed, and whether anybody is told.
func (a *App) tell(b *store.Batch, now time.Time, word func(announce.Teller) notifiers.Notice) []string {
	s := a.setup.Load()
	if s.tree == nil {
		return nil
	}
	first := word(s.teller(""))
	if first.Title == "" {
		return nil
	}
	if why := a.quiet(s, first.Labels, now); why != "" {
		a.metrics.quiet.Inc()
		a.log.Debug("a notice is quiet", "key", first.Key, "why", why)
		return nil
	}
	var wake []string
	for _, target := range s.tree.Match(first.Labels) {
		if target.Quiet(now) {
			a.metrics.quiet.Inc()
			continue
		}
		n := first
		if lang := s.languages[target.Receiver]; lang != "" && lang != s.language {
			n = word(s.teller(lang))
		}
		n.ID = newID("n_")
		n.Created = now
		b.Deliveries = append(b.Deliveries, notifiers.Delivery{
			ID: newID("q_"), Receiver: target.Receiver, Notice: n, State: notifiers.Queued, NextAt: now, Updated: now,
		})
		wake = append(wake, target.Receiver)
	}
	return wake
}

// quiet says why notices with these labels are not told now, or "".
func (a *App) quiet(s *setup, labels map[string]string, now time.Time) string {
	if silence, ok := route.FindSilence(a.silences.get(), labels, now); ok {
		return "silence " + silence.ID + " by " + silence.By
	}
	// What the guardian does is told also during maintenance: only what is seen is quiet.
	if labels["kind"] != "alert" && labels["kind"] != "blind" {
		return ""
	}
	for _, m := range s.maintenance {
		if m.Service != "" && m.Service != labels["service"] {
			continue
		}
		if len(m.Windows(now, now.Add(time.Nanosecond), s.location)) > 0 {
			return "maintenance " + m.Name
		}
	}
	return ""
}

func (a *App) wake(receivers []string) {
	for _, r := range receivers {
		a.dispatcher.Wake(r)
	}
}

// say commits a notice that belongs to no other fact, and tells whether anybody is told. With
// an error it is not written down: say it again.
func (a *App) say(t *term, word func(announce.Teller) notifiers.Notice) (heard bool, err error) {
	var b store.Batch
	wake := a.tell(&b, a.now(), word)
	if len(b.Deliveries) == 0 {
		return false, nil
	}
	if err := a.commit(t, b); err != nil {
		a.log.Error("a notice could not be written down", "error", err)
		return false, err
	}
	a.wake(wake)
	return true, nil
}

func (a *App) tellTakeover(t *term, before store.Lease) {
	_, _ = a.say(t, func(w announce.Teller) notifiers.Notice {
		return w.TookOver(a.holder, before.Holder, before.Until, a.now())
	})
}
