package app

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"guardian/internal/announce"
	"guardian/internal/netpath"
	"guardian/internal/recording"
	"guardian/internal/store"
	"guardian/notifiers"
)

// blinds remembers of which checks it was told that they are blind.
type blinds struct {
	mu   sync.Mutex
	told map[string]time.Time // by check: since when it was blind
	met  map[string]bool      // by check: whether what was told before this term is known
	all  time.Time            // since when no check at all can look, as people were told; zero: they were not
	cuts map[string]time.Time // by path: since when it was cut off, as people were told
	cut  map[string]bool      // by path: whether it was cut off at the last tick
	back map[string]time.Time // by path: when it was back
	at   time.Time            // of the last tick
}

func newBlinds() *blinds {
	return &blinds{
		told: map[string]time.Time{}, met: map[string]bool{},
		cuts: map[string]time.Time{}, cut: map[string]bool{}, back: map[string]time.Time{},
	}
}

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
	said := func(word func(announce.Teller) notifiers.Notice) bool {
		_, err := a.say(t, word)
		return err == nil // or the next tick says it
	}
	cuts := a.paths.Outages()
	blind := map[string]recording.Status{}
	long := 0 // blind for longer than the check allows
	var first recording.Status
	for _, c := range s.checks {
		v := a.record.Status(c.Name, now)
		if !v.Blind {
			continue
		}
		blind[c.Name] = v
		if now.Sub(v.BlindSince) >= c.blindAfter {
			long++
			if first.BlindSince.IsZero() || v.BlindSince.Before(first.BlindSince) {
				first = v
			}
		}
	}
	if n := len(s.checks); n > 1 && long == n && !s.allCut(cuts) {
		word := func(w announce.Teller) notifiers.Notice {
			return w.SightLost(n, first.BlindSince, first.BlindReason, now)
		}
		if _, told := a.toldBefore(t, word(s.teller("")).Key); b.all.IsZero() && !told && !said(word) {
			return
		}
		b.all = first.BlindSince
		return
	}
	if !b.all.IsZero() && len(blind) < len(s.checks) {
		since := b.all
		if said(func(w announce.Teller) notifiers.Notice { return w.SightRegained(len(s.checks), since, now) }) {
			b.all = time.Time{}
		}
		for _, c := range s.checks {
			b.back[c.path] = now
		}
	}
	a.tickCuts(t, s, cuts, now, said)
	for _, c := range s.checks {
		v, isBlind := blind[c.Name]
		since, told := b.told[c.Name]
		fact := announce.Blind{Check: c.Name, Service: c.Service, Labels: c.Labels, Since: v.BlindSince, Reason: v.BlindReason}
		if !b.met[c.Name] && v.Last != nil {
			// What another guardian told, or this one before it was started again, goes on.
			b.met[c.Name] = true
			if at, ok := a.toldBefore(t, s.teller("").BlindBegan(fact, now).Key); ok {
				b.told[c.Name], since, told = at, at, true
			}
		}
		// What the cut of a path explains is told with the path, and until a check was looked at
		// again its blindness is the path's.
		from := v.BlindSince
		if back := b.back[c.path]; back.After(from) {
			from = back
		}
		_, isCut := cuts[c.path]
		switch {
		case isBlind && !told && !isCut && now.Sub(from) >= c.blindAfter:
			if said(func(w announce.Teller) notifiers.Notice { return w.BlindBegan(fact, now) }) {
				b.told[c.Name] = v.BlindSince
			}
		case !isBlind && told:
			fact.Since = since
			if said(func(w announce.Teller) notifiers.Notice { return w.BlindEnded(fact, now) }) {
				delete(b.told, c.Name)
			}
		}
	}
}

// tickCuts tells, once each, that a network path is cut off for long and that it is back.
// b.mu is held.
func (a *App) tickCuts(t *term, s *setup, cuts map[string]netpath.Outage, now time.Time, said func(func(announce.Teller) notifiers.Notice) bool) {
	b := t.blinds
	for _, p := range s.pathsWithControls() {
		since, told := b.cuts[p]
		c, isCut := cuts[p]
		fact := announce.Cut{Path: p, Checks: s.checksOn(p), Since: c.Since, Reason: c.Reason}
		word := func(w announce.Teller) notifiers.Notice { return w.PathCut(fact, now) }
		if _, met := b.met["path/"+p]; !met {
			b.met["path/"+p] = true
			if at, ok := a.toldBefore(t, word(s.teller("")).Key); ok {
				b.cuts[p], since, told = at, at, true
			}
		}
		switch {
		case isCut && !told && s.cutForLong(p, cuts, now):
			if said(word) {
				b.cuts[p] = c.Since
			}
		case !isCut && told:
			b.back[p] = now
			fact.Since = since
			if said(func(w announce.Teller) notifiers.Notice { return w.PathBack(fact, now) }) {
				delete(b.cuts, p)
			}
		case !isCut && b.cut[p]:
			b.back[p] = now
		}
		b.cut[p] = isCut
	}
}

// cutForLong tells whether a path is cut off for longer than one of its controls may be unknown.
func (s *setup) cutForLong(path string, cuts map[string]netpath.Outage, now time.Time) bool {
	c, ok := cuts[path]
	return ok && slices.ContainsFunc(s.checks, func(k builtCheck) bool {
		return k.control && k.path == path && now.Sub(c.Since) >= k.blindAfter
	})
}

// allCut tells whether cuts explain the blindness of every check.
func (s *setup) allCut(cuts map[string]netpath.Outage) bool {
	return !slices.ContainsFunc(s.checks, func(c builtCheck) bool { _, isCut := cuts[c.path]; return !isCut })
}

// pathsWithControls gives the paths that may be found cut off, in order.
func (s *setup) pathsWithControls() []string {
	var names []string
	for _, c := range s.checks {
		if c.control && !slices.Contains(names, c.path) {
			names = append(names, c.path)
		}
	}
	return names
}

// checksOn counts the checks of a path.
func (s *setup) checksOn(path string) (n int) {
	for _, c := range s.checks {
		if c.path == path {
			n++
		}
	}
	return n
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
