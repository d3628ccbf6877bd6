package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"guardian/internal/store"
	"guardian/notifiers/route"
	"guardian/rules"
	"guardian/sla"
)

// upkeepLoop does what the acting guardian does now and then.
func (a *App) upkeepLoop(t *term) {
	a.upkeep(t)
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-tick.C:
			a.upkeep(t)
		}
	}
}

func (a *App) upkeep(t *term) {
	now := a.now()
	s := a.setup.Load()
	a.keepMaintenance(t, s, now)
	keep := time.Duration(s.config.Storage.Retention.Journal)
	n, err := a.store.Prune(t.ctx, t.fence(), store.Keep{
		Journal: now.Add(-keep), Heartbeats: now.Add(-min(keep, 30*24*time.Hour)), Idempotent: now.Add(-min(keep, 7*24*time.Hour)),
	})
	if err != nil && t.ctx.Err() == nil {
		a.log.Warn("the journal could not be pruned", "error", err)
	}
	if n > 0 {
		a.log.Info("the journal was pruned", "rows", n)
	}
}

// announcedAhead is how far ahead windows that come again and again are written down.
const announcedAhead = 32 * 24 * time.Hour

// keepMaintenance writes announced windows down, with the time at which they were: the
// report believes the journal and not a configuration that may be changed afterwards.
func (a *App) keepMaintenance(t *term, s *setup, now time.Time) {
	known := map[string]bool{}
	written, err := a.store.Maintenance(t.ctx, now.Add(-24*time.Hour), now.Add(announcedAhead+7*24*time.Hour))
	if err != nil {
		a.log.Warn("announced maintenance could not be read", "error", err)
		return
	}
	for _, m := range written {
		known[m.ID] = true
	}
	var b store.Batch
	for _, m := range s.maintenance {
		services := []string{m.Service}
		if m.Service == "" {
			services = nil
			for _, svc := range s.services {
				services = append(services, svc.Name)
			}
		}
		for _, w := range m.Windows(now, now.Add(announcedAhead), s.location) {
			for _, svc := range services {
				sum := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%d|%d", m.Name, svc, w.From.Unix(), w.To.Unix()))
				id := "m_" + hex.EncodeToString(sum[:12])
				if !known[id] {
					b.Maintenance = append(b.Maintenance, store.Maintenance{ID: id, Maintenance: sla.Maintenance{
						Name: m.Name, Service: svc, From: w.From, To: w.To, Announced: now,
					}})
				}
			}
		}
	}
	if len(b.Maintenance) == 0 {
		return
	}
	if err := a.commit(t, b); err != nil {
		a.log.Warn("announced maintenance could not be written down", "error", err)
	}
}

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
