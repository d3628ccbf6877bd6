package recording

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"guardian/internal/store"
)

// announcedAhead is how far ahead recurring windows are saved.
const announcedAhead = 32 * 24 * time.Hour

// AnnounceMaintenance saves the planned maintenance windows that the journal does not have yet,
// with the time of their announcement: the report counts what was announced, and not what a
// configuration says that may be changed afterwards.
func (w *Writer) AnnounceMaintenance(ctx context.Context) {
	now := w.o.Now()
	saved, err := w.o.Facts.Maintenance(ctx, now.Add(-24*time.Hour), now.Add(announcedAhead+7*24*time.Hour))
	if err != nil {
		w.o.Log.Warn("the announced maintenance could not be read", "error", err)
		return
	}
	known := map[string]bool{}
	for _, m := range saved {
		known[m.ID] = true
	}
	var b store.Batch
	for _, m := range w.o.Plan(now, now.Add(announcedAhead)) {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%d|%d", m.Name, m.Service, m.From.Unix(), m.To.Unix()))
		id := "m_" + hex.EncodeToString(sum[:12])
		if known[id] {
			continue
		}
		m.Announced = now
		b.Maintenance = append(b.Maintenance, store.Maintenance{ID: id, Maintenance: m})
	}
	if len(b.Maintenance) == 0 {
		return
	}
	if err := w.o.Leader.Commit(b); err != nil {
		w.o.Log.Warn("announced maintenance could not be saved", "error", err)
	}
}
