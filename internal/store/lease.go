package store

import (
	"context"
	"errors"
	"time"
)

// Fence is a fencing token: it grows by one each time that the lease is taken. The zero
// value is never valid.
type Fence int64

// Unfenced stands for "no lease needed": heartbeats, audit, silences and tokens, which any
// guardian may write.
const Unfenced Fence = -1

// Lease says who acts.
type Lease struct {
	Holder string    // who holds it, unique per process
	Addr   string    // where the holder's API is reached
	Token  Fence     // what Commit wants to see
	Until  time.Time // by the database's clock, UTC
	// ValidUntil is Until by this process's own monotonic clock, reckoned from before the
	// question was sent: the holder may act while it is in the future. Zero for a lease of
	// somebody else.
	ValidUntil time.Time
}

// Acquire takes the lease when it is free or has run out. When another holds it, it gives
// that lease and false. A holder that is started again waits for its former lease to run out.
func (s *Store) Acquire(ctx context.Context, holder, addr string, ttl time.Duration) (Lease, bool, error) {
	return Lease{}, false, errors.ErrUnsupported
}

// Renew makes the lease last ttl from now. ErrFenced when it has run out or was taken.
func (s *Store) Renew(ctx context.Context, l Lease, ttl time.Duration) (Lease, error) {
	return Lease{}, errors.ErrUnsupported
}

// Release gives the lease back, so that another need not wait for it to run out. It is no
// error when it was lost already.
func (s *Store) Release(ctx context.Context, l Lease) error { return errors.ErrUnsupported }

// CurrentLease gives the lease that has not run out; false when there is none.
func (s *Store) CurrentLease(ctx context.Context) (Lease, bool, error) {
	return Lease{}, false, errors.ErrUnsupported
}
