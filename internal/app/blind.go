package app

import (
	"fmt"
	"sync"
	"time"

	"guardian/internal/announce"
	"guardian/internal/store"
	"guardian/notifiers"
)

// blinds remembers of which checks it was told that they are blind.
type blinds struct {
	mu   sync.Mutex
	told map[string]time.Time // by check: since when it was blind
	met  map[string]bool      // by check: whether what was told before this term is known
	all  time.Time            // since when no check at all can look, as people were told; zero: they were not
	at   time.Time            // of the last tick
}

func newBlinds() *blinds { return &blinds{told: map[string]time.Time{}, met: map[string]bool{}} }

const blindEvery = time.Second

// tickBlind tells, once each, that a check is blind for long and that it sees again. When no
// check at all can look, that is one notice and not one for each.
func (a *App) tickBlind(t *term, now time.Time) {
	b := t.blinds
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.at) < blindEvery {
		return
	}
	b.at = now
	s := a.setup.Load()
	blind := map[string]view{}
	long := 0 // blind for longer than the check allows
	var first view
	for _, c := range s.checks {
		v := a.observed.view(c.Name, now)
		if !v.blind {
			continue
		}
		blind[c.Name] = v
		if now.Sub(v.blindSince) >= c.blindAfter {
			long++
			if first.blindSince.IsZero() || v.blindSince.Before(first.blindSince) {
				first = v
			}
		}
	}
	if n := len(s.checks); n > 1 && long == n {
		word := func(w announce.Teller) notifiers.Notice { return w.SightLost(n, first.blindSince, first.why, now) }
		if _, told := a.toldBefore(t, word(s.teller("")).Key); b.all.IsZero() && !told {
			a.say(t, word)
		}
		b.all = first.blindSince
		return
	}
	if !b.all.IsZero() && len(blind) < len(s.checks) {
		since := b.all
		b.all = time.Time{}
		a.say(t, func(w announce.Teller) notifiers.Notice { return w.SightRegained(len(s.checks), since, now) })
	}
	for _, c := range s.checks {
		v, isBlind := blind[c.Name]
		since, told := b.told[c.Name]
		fact := announce.Blind{Check: c.Name, Service: c.Service, Labels: c.Labels, Since: v.blindSince, Reason: v.why}
		if !b.met[c.Name] && v.last != nil {
			// What another guardian told, or this one before it was started again, goes on.
			b.met[c.Name] = true
			if at, ok := a.toldBefore(t, s.teller("").BlindBegan(fact, now).Key); ok {
				b.told[c.Name], since, told = at, at, true
			}
		}
		switch {
		case isBlind && !told && now.Sub(v.blindSince) >= c.blindAfter:
			b.told[c.Name] = v.blindSince
			a.say(t, func(w announce.Teller) notifiers.Notice { return w.BlindBegan(fact, now) })
		case !isBlind && told:
			delete(b.told, c.Name)
			fact.Since = since
			a.say(t, func(w announce.Teller) notifiers.Notice { return w.BlindEnded(fact, now) })
		}
	}
}

// toldBefore tells whether the last notice of a key said that something is wrong, and when: a
// guardian that takes over or starts again does not tell it a second time.
func (a *App) toldBefore(t *term, key string) (time.Time, bool) {
	last, err := a.store.Deliveries(t.ctx, store.DeliveryFilter{Key: key, Limit: 1})
	if err != nil {
		a.log.Warn("what was told before could not be read", "key", key, "error", fmt.Sprint(err))
		return time.Time{}, false
	}
	if len(last) == 0 || last[0].Notice.Tone == notifiers.Good {
		return time.Time{}, false
	}
	return last[0].Notice.Created, true
}
