package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/secret"
)

// Options is where the journal is and what it may use.
type Options struct {
	// Path is the SQLite file; its folder is made when it is not there. Used when Postgres
	// is not set.
	Path string
	// Postgres is the connection string of a PostgreSQL database of the guardian's own,
	// as a URL or as key=value pairs.
	Postgres secret.Secret

	// ReadOnly opens a journal that is there, beside the guardian that writes it: nothing is
	// made, migrated or written. Commit then fails.
	ReadOnly bool

	Redactor   *secret.Redactor      // learns the database's password; nil: one of its own
	Log        *slog.Logger          // nil: nothing is logged
	Registerer prometheus.Registerer // nil: no metrics
	// Now is the machine's clock, with its monotonic reading: SQLite's leases are timed by
	// it, and Lease.ValidUntil in both. nil: time.Now.
	Now func() time.Time
}

// Store is the journal. It is safe for concurrent use.
type Store struct {
	db       *database
	redactor *secret.Redactor
	log      *slog.Logger
	now      func() time.Time
	metrics  *metrics
}

// Open opens the journal, brings its schema up to date and says what to do when it cannot.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Redactor == nil {
		o.Redactor = &secret.Redactor{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	var db *database
	var err error
	switch {
	case o.Postgres.IsSet():
		db, err = openPostgres(o.Postgres, o.Redactor, o.ReadOnly)
	case o.ReadOnly:
		db, err = readSQLite(o.Path, o.Now)
	default:
		db, err = openSQLite(o.Path, o.Now)
	}
	if err != nil {
		return nil, o.Redactor.Error(err)
	}
	s := &Store{db: db, redactor: o.Redactor, log: o.Log, now: o.Now}
	if err := db.write.PingContext(ctx); err != nil {
		return nil, errors.Join(s.explain("open journal", err), db.close())
	}
	bringUp := s.migrate
	if o.ReadOnly {
		bringUp = s.checkSchema
	}
	if err := bringUp(ctx); err != nil {
		return nil, errors.Join(s.explain("open journal", err), db.close())
	}
	s.metrics, err = newMetrics(o.Registerer, db)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open journal: register metrics: %w", err), db.close())
	}
	return s, nil
}

// Close gives the database back. Whoever uses the store must have stopped.
func (s *Store) Close() error {
	s.metrics.unregister()
	if err := s.db.close(); err != nil {
		return s.explain("close journal", err)
	}
	return nil
}

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.db.read.PingContext(ctx); err != nil {
		return s.explain("reach the journal", err)
	}
	return nil
}

// Kind is "sqlite" or "postgres".
func (s *Store) Kind() string { return s.db.kind }
