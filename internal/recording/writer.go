package recording

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"guardian/internal/store"
	"guardian/sla"
)

// Leader writes in the name of one leadership.
type Leader interface {
	Commit(b store.Batch) error
	Token() store.Fence
}

// Facts is what a Writer reads and removes.
type Facts interface {
	Maintenance(ctx context.Context, from, to time.Time) ([]store.Maintenance, error)
	Prune(ctx context.Context, token store.Fence, keep store.Keep) (int64, error)
}

// WriterOptions are what a Writer needs; all but Others, Plan and Log must be set.
type WriterOptions struct {
	Record *Record
	Leader Leader
	Facts  Facts
	// Others adds to a batch what other rooms have to save in the same transaction: all that they
	// have when full, else what was not saved for FullSaveInterval. It gives a function that is
	// called once the batch is saved, or nil. nil: there are no others.
	Others func(b *store.Batch, now time.Time, full bool) (saved func())
	// Plan gives the maintenance windows that are configured and begin or go on within a time.
	Plan func(from, to time.Time) []sla.Maintenance
	// Retention is how long the journal is kept.
	Retention func() time.Duration
	Now       func() time.Time
	Log       *slog.Logger
}

// Writer saves the record while this guardian leads.
type Writer struct{ o WriterOptions }

// NewWriter makes a Writer.
func NewWriter(o WriterOptions) *Writer {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Others == nil {
		o.Others = func(*store.Batch, time.Time, bool) func() { return nil }
	}
	if o.Plan == nil {
		o.Plan = func(time.Time, time.Time) []sla.Maintenance { return nil }
	}
	return &Writer{o: o}
}

const (
	saveInterval   = 500 * time.Millisecond
	upkeepInterval = time.Hour
)

// Run saves what is new and keeps the journal small, until ctx ends. Whoever ends a leadership in
// order calls Save once more before.
func (w *Writer) Run(ctx context.Context) {
	var both sync.WaitGroup
	defer both.Wait()
	both.Go(func() { every(ctx, saveInterval, func() { w.Save(false) }) })
	both.Go(func() {
		w.upkeep(ctx)
		every(ctx, upkeepInterval, func() { w.upkeep(ctx) })
	})
}

func every(ctx context.Context, interval time.Duration, do func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}

// Save saves what is new; everything whole when full. What cannot be saved is tried again by the
// next call.
func (w *Writer) Save(full bool) {
	now := w.o.Now()
	b, full := w.o.Record.take(now, full)
	saved := w.o.Others(&b, now, full)
	if len(b.Looks)+len(b.Watches)+len(b.Intervals)+len(b.Rollups)+len(b.CheckStates)+len(b.Failures) == 0 {
		return
	}
	if err := w.o.Leader.Commit(b); err != nil {
		w.o.Record.giveBack(b)
		if !errors.Is(err, store.ErrFenced) {
			w.o.Log.Error("what the checks saw could not be saved; trying again", "error", err)
		}
		return
	}
	if saved != nil {
		saved()
	}
}

// Heartbeats and answers to requests are kept for less long than the journal.
const (
	heartbeatRetention   = 30 * 24 * time.Hour
	idempotencyRetention = 7 * 24 * time.Hour
)

func (w *Writer) upkeep(ctx context.Context) {
	w.AnnounceMaintenance(ctx)
	now, keep := w.o.Now(), w.o.Retention()
	n, err := w.o.Facts.Prune(ctx, w.o.Leader.Token(), store.Keep{
		Journal: now.Add(-keep), Heartbeats: now.Add(-min(keep, heartbeatRetention)), Idempotent: now.Add(-min(keep, idempotencyRetention)),
	})
	if err != nil && ctx.Err() == nil {
		w.o.Log.Warn("old facts could not be removed from the journal", "error", err)
	}
	if n > 0 {
		w.o.Log.Info("old facts were removed from the journal", "rows", n)
	}
}
