package store

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/actions"
	"guardian/internal/secret"
	"guardian/watch"
)

// Options is where the journal is and what it may use.
type Options struct {
	// Path is the SQLite file; its folder is made when it is not there. Used when Postgres
	// is not set.
	Path string
	// Postgres is the connection string of a PostgreSQL database of the guardian's own,
	// as a URL or as key=value pairs.
	Postgres secret.Secret

	Redactor   *secret.Redactor      // learns the database's password; nil: one of its own
	Log        *slog.Logger          // nil: nothing is logged
	Registerer prometheus.Registerer // nil: no metrics
	// Now is the machine's clock, with its monotonic reading: SQLite's leases are timed by
	// it, and Lease.ValidUntil in both. nil: time.Now.
	Now func() time.Time
}

// Store is the journal. It is safe for concurrent use.
type Store struct{}

// Open opens the journal, brings its schema up to date and says what to do when it cannot.
func Open(ctx context.Context, o Options) (*Store, error) { return nil, errors.ErrUnsupported }

// Close gives the database back. Commits under way are waited for.
func (s *Store) Close() error { return nil }

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return nil }

// Kind is "sqlite" or "postgres".
func (s *Store) Kind() string { return "" }

// Commit writes the batch in one transaction, on disk when it returns. With a fence that is
// not the lease's it writes nothing and gives ErrFenced; Unfenced may write only what Batch
// says. After ErrIdempotent, ErrAlreadyRun and ErrIntent nothing was written either. After
// any other error nothing was written, unless the database's answer was lost on the way.
func (s *Store) Commit(ctx context.Context, fence Fence, b Batch) error {
	return errors.ErrUnsupported
}

// UpdateRun changes one run and writes extra with it, in one transaction that no other
// change of the run can come between. change sees the run as it is and may be called again
// when the database asks for a retry; its error is given back, and nothing is written.
// ErrNotFound when there is no such run. It gives the run as written.
func (s *Store) UpdateRun(ctx context.Context, fence Fence, id string, change func(*actions.Run) error, extra Batch) (actions.Run, error) {
	return actions.Run{}, errors.ErrUnsupported
}

// UpdateWatch changes one watch and writes extra with it, like UpdateRun.
func (s *Store) UpdateWatch(ctx context.Context, fence Fence, id string, change func(*watch.Watch) error, extra Batch) (watch.Watch, error) {
	return watch.Watch{}, errors.ErrUnsupported
}
