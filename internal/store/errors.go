package store

import "errors"

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
	// ErrLocked says that another program kept the journal locked for too long.
	ErrLocked = errors.New("the journal is locked by another program")
)
