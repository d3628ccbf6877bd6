package store

import (
	"context"
	"errors"
	"fmt"
)

// What a caller may have to decide upon. Everything else is the database's trouble, in
// words that say what to do, with secrets taken out.
var (
	// ErrFenced says that this guardian does not hold the lease (any more): nothing was
	// written, and it must stop acting.
	ErrFenced = errors.New("this guardian does not hold the lease")
	// ErrNotFound says that there is no such run or watch.
	ErrNotFound = errors.New("not in the journal")
	// ErrIdempotent says that the idempotency key was used before; nothing was written.
	ErrIdempotent = errors.New("the idempotency key was used before")
	// ErrAlreadyRun says that the deploy or the alert's episode has had its run; nothing was
	// written.
	ErrAlreadyRun = errors.New("there is a run for this already")
	// ErrIntent says that this attempt of this step has its intent already; nothing was
	// written.
	ErrIntent = errors.New("this attempt has its intent in the ledger already")
	// ErrNewer says that the journal was written by a newer guardian.
	ErrNewer = errors.New("the journal is newer than this guardian")
	// ErrDiskFull says that the disk of the journal is full; nothing of the batch was written.
	ErrDiskFull = errors.New("the disk of the journal is full")
	// ErrUnreachable says that the database does not answer: it is down, starting, or cut off.
	ErrUnreachable = errors.New("the journal cannot be reached")
	// ErrLocked says that another program kept the journal locked for too long.
	ErrLocked = errors.New("the journal is locked by another program")
)

// newerError is ErrNewer with both versions.
type newerError struct {
	place      string
	have, know int64
}

func (e *newerError) Error() string {
	return fmt.Sprintf("%s was written by a newer guardian (schema %d, this one knows up to %d): upgrade this guardian, or give it a journal of its own", e.place, e.have, e.know)
}

func (e *newerError) Is(target error) bool { return target == ErrNewer }

// explain says what was being done, what is wrong and what to do, without secrets. What is
// not the database's trouble keeps its text.
func (s *Store) explain(doing string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if t, ok := s.db.trouble(err); ok {
		return &troubleError{text: s.redactor.Redact(doing + ": " + t.text), kind: t.kind, cause: err}
	}
	return s.redactor.Error(fmt.Errorf("%s: %w", doing, err))
}

// troubleError has a text of its own and is still what it came from.
type troubleError struct {
	text        string
	kind, cause error
}

func (e *troubleError) Error() string { return e.text }

func (e *troubleError) Unwrap() []error {
	if e.kind == nil {
		return []error{e.cause}
	}
	return []error{e.kind, e.cause}
}
