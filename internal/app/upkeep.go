package app

import (
	"context"
	"sync"
	"time"

	"guardian/notifiers/route"
	"guardian/rules"
)

// restampLoop keeps the last values of slow checks visible. Every guardian does it for its
// own series.
func (a *App) restampLoop(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := a.series.Restamp(a.now()); err != nil {
				a.log.Warn("the last values of slow checks could not be stamped again", "error", err)
			}
		}
	}
}

// silences holds the silences that are active, read anew every few seconds: people make them
// at any guardian.
type silences struct {
	mu  sync.RWMutex
	all []route.Silence
}

func (s *silences) get() []route.Silence {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.all
}

const refreshEvery = 2 * time.Second

// refreshLoop reads anew what people may have said at another guardian: silences and
// acknowledgements.
func (a *App) refreshLoop(ctx context.Context) {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		a.refresh(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (a *App) refresh(ctx context.Context) {
	now := a.now()
	stored, err := a.store.Silences(ctx, now)
	if err != nil {
		if ctx.Err() == nil {
			a.log.Warn("silences could not be read; those known before stay", "error", err)
		}
		return
	}
	a.silences.mu.Lock()
	a.silences.all = stored
	a.silences.mu.Unlock()
	acks, err := a.store.Acks(ctx)
	if err != nil {
		return
	}
	next := make(map[string]rules.Ack, len(acks))
	for _, k := range acks {
		next[k.Alert] = k
	}
	a.acks.Store(&next)
}

// acked tells whether somebody has said that they are on it.
func (a *App) acked(alert string) bool {
	acks := a.acks.Load()
	if acks == nil {
		return false
	}
	_, ok := (*acks)[alert]
	return ok
}
