package mirror

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Options is what a Mirror is made of. All fields but Changed are needed.
type Options[Row any] struct {
	// Read gives all rows that the journal has.
	Read func(ctx context.Context) ([]Row, error)
	Key  func(Row) string
	// Every is the time between two readings.
	Every time.Duration
	// Away is logged when the journal cannot be read any more: what counts until it can.
	Away string
	Log  *slog.Logger
	// Changed is called when the rows in memory were replaced.
	Changed func()
}

// patience bounds one reading.
const patience = 5 * time.Second

// Mirror is a table of the journal in memory. It is safe for concurrent use.
type Mirror[Row any] struct {
	o Options[Row]

	// journal lets one reading or writing of the journal follow another, so that what was read before a
	// change never takes the place of what was read after.
	journal sync.Mutex
	rows    atomic.Pointer[map[string]Row]
}

// New makes a mirror, which knows nothing until it was refreshed.
func New[Row any](o Options[Row]) *Mirror[Row] { return &Mirror[Row]{o: o} }

// Rows gives the rows by key as they were read last, for reading only; nil: they were not read yet.
func (m *Mirror[Row]) Rows() map[string]Row {
	if rows := m.rows.Load(); rows != nil {
		return *rows
	}
	return nil
}

// Run follows the journal until ctx ends, and calls then after each reading.
func (m *Mirror[Row]) Run(ctx context.Context, then func(context.Context)) {
	tick := time.NewTicker(m.o.Every)
	defer tick.Stop()
	for away := false; ; {
		reading, cancel := context.WithTimeout(ctx, patience)
		err := m.Refresh(reading)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil && !away {
			m.o.Log.Warn("the journal cannot be read", "meanwhile", m.o.Away, "error", err)
		}
		away = err != nil
		then(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Refresh reads the journal. After an error what was read last counts.
func (m *Mirror[Row]) Refresh(ctx context.Context) error {
	end, err := m.Begin(ctx)
	if err != nil {
		return err
	}
	end()
	return nil
}

// Begin reads the journal for a change, and lets nobody else here read or write it until end is called.
func (m *Mirror[Row]) Begin(ctx context.Context) (end func(), err error) {
	m.journal.Lock()
	list, err := m.o.Read(ctx)
	if err != nil {
		m.journal.Unlock()
		return nil, err
	}
	rows := make(map[string]Row, len(list))
	for _, r := range list {
		rows[m.o.Key(r)] = r
	}
	m.replace(rows)
	return m.journal.Unlock, nil
}

// Keep takes over a row that was written to the journal, between Begin and its end.
func (m *Mirror[Row]) Keep(r Row) {
	rows := maps.Clone(m.Rows())
	rows[m.o.Key(r)] = r
	m.replace(rows)
}

func (m *Mirror[Row]) replace(rows map[string]Row) {
	m.rows.Store(&rows)
	if m.o.Changed != nil {
		m.o.Changed()
	}
}
