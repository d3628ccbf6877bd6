package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

// database holds the differences between SQLite and PostgreSQL. Both use $1 placeholders.
type database struct {
	kind  string // "sqlite" or "postgres"
	place string // for errors: the file, or host and database; no secret
	// write is for statements that change something, read for all others. SQLite has a single
	// writing connection; with PostgreSQL both are the same pool.
	write, read *sql.DB
	// clock returns an SQL expression for the current time in Unix nanoseconds.
	clock func() string
	// forUpdate is the clause that locks the rows of a SELECT until the end of the transaction.
	forUpdate string
	// dialect and migrating are for goose.
	dialect   goose.Dialect
	migrating []goose.ProviderOption
	// size returns the size of the journal in bytes.
	size func(ctx context.Context) (int64, error)
	// trouble explains an error of the driver; false if it has no explanation.
	trouble func(err error) (trouble, bool)
	// unique reports whether the error is a violated primary key or unique constraint.
	unique func(err error) bool
	// again reports whether the transaction may succeed when it is tried again at once.
	again func(err error) bool
}

// trouble is the explanation of a database error for the operator.
type trouble struct {
	kind error  // one of this package's errors, or nil
	text string // what is wrong and what to do
}

func (d *database) close() error {
	if d.read == d.write {
		return d.write.Close()
	}
	return errors.Join(d.read.Close(), d.write.Close())
}

// nanos converts a time to the stored form: Unix nanoseconds, 0 for the zero time.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// instant is the inverse of nanos.
func instant(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// truth converts a bool to the stored form.
func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// text replaces NUL and invalid UTF-8, which PostgreSQL rejects in text columns.
func text[S ~string](s S) string {
	return strings.ReplaceAll(strings.ToValidUTF8(string(s), "\uFFFD"), "\x00", "\uFFFD")
}
