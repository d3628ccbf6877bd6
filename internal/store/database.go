package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

// database is what SQLite and PostgreSQL do differently. Both take $1 placeholders.
type database struct {
	kind  string // "sqlite" or "postgres"
	place string // for errors: the file, or host and database; no secret
	// write takes what changes something, read everything else. SQLite has one writer;
	// with PostgreSQL they are the same pool.
	write, read *sql.DB
	// clock gives an SQL expression: the time now in Unix nanoseconds.
	clock func() string
	// forUpdate is what locks the rows of a SELECT until the transaction ends.
	forUpdate string
	// dialect and migrating are for goose.
	dialect   goose.Dialect
	migrating []goose.ProviderOption
	// size gives the bytes that the journal takes.
	size func(ctx context.Context) (int64, error)
	// trouble says of a driver's error what is wrong and what to do; false: it does not know.
	trouble func(err error) (trouble, bool)
	// unique tells whether the error is a violated primary key or unique constraint.
	unique func(err error) bool
	// again tells whether the transaction may succeed when it is tried again at once.
	again func(err error) bool
}

// trouble is an error of the database in words for who runs the guardian.
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

// nanos is how times are stored: Unix nanoseconds, 0 for the zero time.
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

// truth is how truths are stored.
func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// text makes a column of anybody's words: PostgreSQL refuses NUL and broken UTF-8, and a
// batch must not be lost for a byte.
func text[S ~string](s S) string {
	return strings.ReplaceAll(strings.ToValidUTF8(string(s), "\uFFFD"), "\x00", "\uFFFD")
}
