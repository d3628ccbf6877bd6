package store

import (
	"context"
	"errors"
	"fmt"
)

// Errors that callers handle. All other errors are those of the database, with an explanation
// for the operator and without secrets.
var (
	// ErrFenced: this guardian does not hold the lease, or lost it. Nothing was written, and it
	// must stop acting.
	ErrFenced = errors.New("this guardian does not hold the lease")
	// ErrNotFound: there is no fact with this ID.
	ErrNotFound = errors.New("not in the journal")
	// ErrIdempotent: the idempotency key was used before. Nothing was written.
	ErrIdempotent = errors.New("the idempotency key was used before")
	// ErrAlreadyRun: there is a run for this deploy or this episode of the alert. Nothing was
	// written.
	ErrAlreadyRun = errors.New("there is a run for this already")
	// ErrIntent: there is an intent for this attempt of the step. Nothing was written.
	ErrIntent = errors.New("this attempt has its intent in the ledger already")
	// ErrSending: a notice that was to be superseded was attempted since it was read. Nothing was
	// written.
	ErrSending = errors.New("a notice that was to be superseded is being sent")
	// ErrNewer: the journal was written by a newer guardian.
	ErrNewer = errors.New("the journal is newer than this guardian")
	// ErrDiskFull: the disk of the journal is full. Nothing was written.
	ErrDiskFull = errors.New("the disk of the journal is full")
	// ErrUnreachable: the database does not answer.
	ErrUnreachable = errors.New("the journal cannot be reached")
	// ErrLocked: another program held a lock on the journal for too long.
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

// explain adds to an error what was being done and, if it is known, what the operator can do,
// and redacts it.
func (s *Store) explain(doing string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if t, ok := s.db.trouble(err); ok {
		return &troubleError{text: s.redactor.Redact(doing + ": " + t.text), kind: t.kind, cause: err}
	}
	return s.redactor.Error(fmt.Errorf("%s: %w", doing, err))
}

// troubleError is an error with an explanation as its text; it wraps kind and cause.
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
