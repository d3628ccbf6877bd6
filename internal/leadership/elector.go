package leadership

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/store"
)

// Leases is the journal with its lease.
type Leases interface {
	// Acquire gives the lease, or the one that another process holds and false.
	Acquire(ctx context.Context, holder, address string, ttl time.Duration) (store.Lease, bool, error)
	Renew(ctx context.Context, l store.Lease, ttl time.Duration) (store.Lease, error)
	Release(ctx context.Context, l store.Lease) error
	Commit(ctx context.Context, token store.Fence, b store.Batch) error
}

// Rooms are what acts and tells during one leadership.
type Rooms interface {
	// Drain lets what is under way come to its end and begins nothing new. The lease is held
	// meanwhile. It is called only when the process stops.
	Drain()
	// Stop returns when everything has stopped. The leadership's context is over when it is called.
	Stop()
}

// Options are what an Elector needs; all but Log, Registerer and ErrLost must be set.
type Options struct {
	Leases  Leases
	TTL     time.Duration // how long a lease lasts without being renewed
	Holder  string        // names this process among those that share the journal
	Address string        // of this guardian's API
	// Lead starts what acts and tells. It may take longer than a lease lasts. When it fails it has
	// stopped what it started.
	Lead       func(l *Leadership) (Rooms, error)
	ErrLost    error // cause of the end of a leadership that was lost; nil: the package's ErrLost
	Now        func() time.Time
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Elector asks for the lease, holds it, and gives it back. Its methods but Run may be called from
// everywhere at once.
type Elector struct {
	o       Options
	metrics *metrics
	held    atomic.Pointer[Leadership]  // while this guardian holds the lease
	leading atomic.Bool                 // Lead has started everything
	other   atomic.Pointer[store.Lease] // as it was seen last, of another process
	refused atomic.Pointer[error]       // see WriteError
}

// New makes an Elector without the lease.
func New(o Options) *Elector {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.ErrLost == nil {
		o.ErrLost = ErrLost
	}
	return &Elector{o: o, metrics: newMetrics(o.Registerer)}
}

// interval is the time between two requests for the lease, and between two renewals: two may fail
// before the lease expires.
func (e *Elector) interval() time.Duration { return e.o.TTL / 3 }

// Run asks for the lease and leads while it has it. When ctx ends it stops in order, gives the
// lease back and returns.
func (e *Elector) Run(ctx context.Context) {
	tick := time.NewTicker(e.interval())
	defer tick.Stop()
	for {
		e.step(ctx)
		var over <-chan struct{}
		if l := e.held.Load(); l != nil {
			over = l.ctx.Done()
		}
		select {
		case <-ctx.Done():
			e.end(ErrStopping)
			return
		case <-over:
			e.end(nil)
		case <-tick.C:
		}
	}
}

func (e *Elector) step(ctx context.Context) {
	if l := e.held.Load(); l != nil {
		if err := l.renew(ctx); err != nil && ctx.Err() == nil {
			e.end(err)
		}
		return
	}
	ask, cancel := context.WithTimeout(ctx, e.o.TTL/2)
	defer cancel()
	lease, got, err := e.o.Leases.Acquire(ask, e.o.Holder, e.o.Address, e.o.TTL)
	if ctx.Err() == nil {
		e.noteWrite(err) // who cannot ask for the lease cannot write, and must say so
	}
	switch {
	case err != nil:
		if ctx.Err() == nil {
			e.o.Log.Warn("the lease could not be requested; trying again", "error", err)
		}
	case !got:
		e.other.Store(&lease)
	default:
		if err := e.lead(ctx, lease); err != nil {
			e.o.Log.Error("this guardian could not begin to act; standing by", "error", err)
			e.end(err)
		}
	}
}

// lead begins a leadership.
func (e *Elector) lead(parent context.Context, lease store.Lease) error {
	// The leadership outlives Run's context for as long as it takes to end in order.
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	l := &Leadership{e: e, ctx: ctx, cancel: cancel, lease: lease, predecessor: e.predecessor(lease)}
	e.held.Store(l)
	e.o.Log.Info("this guardian has the lease and acts", "token", int64(lease.Token), "predecessor", l.predecessor.Holder)
	defer l.keepAlive()()
	rooms, err := e.o.Lead(l)
	if err != nil {
		return err
	}
	l.rooms = rooms
	e.leading.Store(true)
	e.metrics.leader.Set(1)
	return nil
}

// predecessor is the lease that was seen last, if it was another guardian's and expired. A lease
// that was given back is gone before its time.
func (e *Elector) predecessor(mine store.Lease) store.Lease {
	other := e.other.Swap(nil)
	if dead := mine.Dead; dead != nil && dead.Addr != e.o.Address {
		return *dead
	}
	if other == nil || other.Addr == e.o.Address || e.o.Now().Before(other.Until) {
		return store.Lease{}
	}
	return *other
}

// end stops everything that acts. When the process stops, it does so in order and gives the lease
// back.
func (e *Elector) end(cause error) {
	l := e.held.Load()
	if l == nil {
		return
	}
	e.leading.Store(false)
	e.metrics.leader.Set(0)
	inOrder := errors.Is(cause, ErrStopping) && l.ctx.Err() == nil
	if inOrder {
		stop := l.keepAlive()
		l.rooms.Drain()
		stop()
		l.cancel(ErrStopping)
	} else {
		if cause == nil {
			cause = context.Cause(l.ctx)
		}
		l.Lost(cause)
		e.metrics.lost.Inc()
	}
	if l.rooms != nil {
		l.rooms.Stop()
	}
	e.held.Store(nil)
	if !inOrder {
		e.o.Log.Warn("this guardian no longer has the lease; standing by", "cause", cause)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	if err := e.o.Leases.Release(ctx, l.held()); err != nil && !errors.Is(err, store.ErrFenced) {
		e.o.Log.Warn("the lease could not be given back; it expires by itself", "error", err)
	}
}

const releaseTimeout = 2 * time.Second
