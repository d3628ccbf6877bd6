package api

import (
	"context"

	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/probes"
)

// heartbeats implements server.Heartbeats. Every guardian takes them.
type heartbeats struct {
	journal  committer
	running  func() Running
	lookSoon func(check string)
}

// Beat implements server.Heartbeats.
func (hs heartbeats) Beat(ctx context.Context, h probes.Heartbeat, _ server.Caller) error {
	if _, err := hs.running().heartbeat(h.Check); err != nil {
		return err
	}
	if err := hs.journal.Commit(ctx, store.Unfenced, store.Batch{Heartbeats: []probes.Heartbeat{h}}); err != nil {
		return apiError(err)
	}
	hs.lookSoon(h.Check)
	return nil
}
