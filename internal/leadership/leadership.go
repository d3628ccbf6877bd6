package leadership

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"guardian/internal/store"
)

// ErrStopping is the cause of the end of a leadership whose process stops.
var ErrStopping = errors.New("the guardian is stopping")

// ErrLost is the cause of the end of a leadership that was lost, unless Options name another one.
var ErrLost = errors.New("the lease is lost")

// commitTimeout bounds a transaction: longer, and the lease is over anyway.
const commitTimeout = 10 * time.Second

// Leadership is one period in which this guardian holds the lease. Everything that acts or tells
// belongs to one and ends with it.
type Leadership struct {
	e           *Elector
	ctx         context.Context //nolint:containedctx // a leadership is a lifetime: its loops and their writes end together
	cancel      context.CancelCauseFunc
	predecessor store.Lease
	rooms       Rooms // nil while it begins

	mu    sync.Mutex
	lease store.Lease
}

// Context ends when the leadership does. Its cause is ErrStopping, or that the lease is lost: then
// what is under way must leave everything as it is.
func (l *Leadership) Context() context.Context { return l.ctx }

// Predecessor is the lease of another guardian that expired before this leadership; false when
// there was none, or it gave its lease back.
func (l *Leadership) Predecessor() (store.Lease, bool) {
	return l.predecessor, l.predecessor.Holder != ""
}

// ActsFrom is when the lease of a predecessor that was found dead would have expired: what it began last may
// still arrive until then. Zero: there was none.
func (l *Leadership) ActsFrom() time.Time {
	if dead := l.held().Dead; dead != nil {
		return dead.Until
	}
	return time.Time{}
}

// Token is the fencing token that proves this leadership to the journal.
func (l *Leadership) Token() store.Fence { return l.held().Token }

// Valid tells, by this process's monotonic clock, whether the lease still lasts.
func (l *Leadership) Valid() bool {
	return l.ctx.Err() == nil && l.e.o.Now().Before(l.held().ValidUntil)
}

// Commit writes a batch in the name of this leadership. When the journal refuses it because the
// lease is not this guardian's any more, the leadership ends.
func (l *Leadership) Commit(b store.Batch) error {
	// It outlives the leadership's context: what was done must be recorded if that is still allowed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), commitTimeout)
	defer cancel()
	err := l.e.o.Leases.Commit(ctx, l.Token(), b)
	l.e.noteWrite(err)
	if errors.Is(err, store.ErrFenced) {
		l.Lost(fmt.Errorf("another guardian has the lease: %w", err))
	}
	return err
}

// Lost ends the leadership because another guardian may act.
func (l *Leadership) Lost(why error) { l.cancel(fmt.Errorf("%w: %w", l.e.o.ErrLost, why)) }

func (l *Leadership) held() store.Lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lease
}

// renew extends the lease. An error says that the lease is lost; there is none when it merely
// could not be renewed yet.
func (l *Leadership) renew(ctx context.Context) error {
	o, held := l.e.o, l.held()
	ask, cancel := context.WithTimeout(ctx, min(held.ValidUntil.Sub(o.Now()), o.TTL/2))
	defer cancel()
	renewed, err := o.Leases.Renew(ask, held, o.TTL)
	switch {
	case err == nil:
		l.mu.Lock()
		renewed.Dead = l.lease.Dead
		l.lease = renewed
		l.mu.Unlock()
		return nil
	case errors.Is(err, store.ErrFenced):
		return err
	case !o.Now().Before(held.ValidUntil):
		// The journal does not answer: another guardian may have taken the lease meanwhile.
		return fmt.Errorf("the lease could not be renewed in time: %w", err)
	default:
		o.Log.Warn("the lease could not be renewed; trying again", "error", err)
		return nil
	}
}

// keepAlive renews the lease until stop is called, while Lead or Drain runs.
func (l *Leadership) keepAlive() (stop func()) {
	ctx, cancel := context.WithCancel(l.ctx)
	var loop sync.WaitGroup
	loop.Go(func() {
		tick := time.NewTicker(l.e.interval())
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := l.renew(ctx); err != nil && ctx.Err() == nil {
				l.Lost(err)
				return
			}
		}
	})
	return func() { cancel(); loop.Wait() }
}
