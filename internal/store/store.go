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

// Options configures a Store.
type Options struct {
	// Path is the SQLite file; a missing folder is created. Ignored if Postgres is set.
	Path string
	// Postgres is the connection string of a PostgreSQL database that only guardians use, as a
	// URL or as key=value pairs.
	Postgres secret.Secret

	// ReadOnly opens an existing journal, possibly while a guardian writes to it. Nothing is
	// created, migrated or written, and Commit fails.
	ReadOnly bool

	Redactor   *secret.Redactor      // the database's password is added to it; nil: a new one
	Log        *slog.Logger          // nil: nothing is logged
	Registerer prometheus.Registerer // nil: no metrics
	// ForLife: one holder of the lease uses this Store, and it ends with the process. Then the next
	// guardian on a SQLite file need not wait for the lease of one that was killed.
	ForLife bool

	// Now is the clock, with a monotonic reading, for leases in SQLite and for Lease.ValidUntil.
	// nil: time.Now.
	Now func() time.Time
}

// Store is the journal. It is safe for concurrent use.
type Store struct {
	db       *database
	redactor *secret.Redactor
	log      *slog.Logger
	now      func() time.Time
	metrics  *metrics
	life     *lifeLock // nil: the end of a process is not proved
}

// Open opens the journal and migrates its schema. Its errors say what the operator can do.
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
	if o.ForLife && db.kind == "sqlite" && !o.ReadOnly {
		s.life = newLifeLock(o.Path)
	}
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

// Close closes the database. No other method may be running or called after it.
func (s *Store) Close() error {
	s.metrics.unregister()
	// The lock last: whoever gets it knows that nothing is written any more.
	if err := errors.Join(s.db.close(), s.life.close()); err != nil {
		return s.explain("close journal", err)
	}
	return nil
}

// Ping checks that the database answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.db.read.PingContext(ctx); err != nil {
		return s.explain("reach the journal", err)
	}
	return nil
}

// Kind is "sqlite" or "postgres".
func (s *Store) Kind() string { return s.db.kind }
