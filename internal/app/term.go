package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"guardian/actions"
	"guardian/internal/alerting"
	"guardian/internal/recording"
	"guardian/internal/runs"
	"guardian/internal/store"
	"guardian/internal/watching"
)

// term is one stretch of time in which this guardian holds the lease. Everything that acts
// or tells belongs to a term and ends with it.
type term struct {
	ctx    context.Context //nolint:containedctx // a term is a lifetime: its loops and their writes end together
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	lease store.Lease

	writer  *recording.Writer
	watches *watching.Watches
	runs    *runs.Driver
	alerts  *alerting.Alerts
}

// errStopping is why a term ends when the process does.
var errStopping = errors.New("the guardian is stopping")

func (t *term) fence() store.Fence {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lease.Token
}

// valid tells, by this process's own monotonic clock, whether it may still act.
func (t *term) valid(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ctx.Err() == nil && now.Before(t.lease.ValidUntil)
}

func (t *term) renewed(l store.Lease) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lease = l
}

// leader gives a term to a Writer of the record.
type leader struct {
	a *App
	t *term
}

func (l leader) Commit(b store.Batch) error { return l.a.commit(l.t, b) }
func (l leader) Token() store.Fence         { return l.t.fence() }

// commit writes a batch in the name of this term. A write that was fenced ends the term.
func (a *App) commit(t *term, b store.Batch) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), commitTimeout)
	defer cancel()
	err := a.store.Commit(ctx, t.fence(), b)
	a.noteCommit(err)
	if errors.Is(err, store.ErrFenced) {
		t.lost(fmt.Errorf("the lease is somebody else's: %w", err))
	}
	return err
}

// lost ends the term because another guardian may act. What is under way knows by the cause
// that it must leave everything as it is.
func (t *term) lost(why error) { t.cancel(fmt.Errorf("%w: %w", actions.ErrLostLease, why)) }

// leaseValid tells, at the last moment before something is done or told, whether this guardian
// is still the one to do it.
func (a *App) leaseValid() bool {
	t := a.term.Load()
	return t != nil && t.valid(a.now())
}

const commitTimeout = 10 * time.Second

// leaseLoop takes the lease when it is free and holds it. It is the owner of the term.
func (a *App) leaseLoop(ctx context.Context) {
	tick := time.NewTicker(a.leaseTTL / 3)
	defer tick.Stop()
	for {
		a.leaseStep(ctx)
		var over <-chan struct{}
		if t := a.term.Load(); t != nil {
			over = t.ctx.Done()
		}
		select {
		case <-ctx.Done():
			a.endTerm(errStopping)
			return
		case <-over:
			a.endTerm(nil)
		case <-tick.C:
		}
	}
}

func (a *App) leaseStep(ctx context.Context) {
	if t := a.term.Load(); t != nil {
		if err := a.renew(ctx, t); err != nil {
			a.endTerm(err)
		}
		return
	}
	ask, cancel := context.WithTimeout(ctx, a.leaseTTL/2)
	defer cancel()
	before, known, err := a.store.CurrentLease(ask)
	if err != nil {
		known = false
	}
	l, got, err := a.store.Acquire(ask, a.holder, a.advertised, a.leaseTTL)
	if err != nil {
		if ctx.Err() == nil {
			a.log.Warn("asking for the lease did not work; trying again", "error", err)
		}
		return
	}
	if !got {
		a.other.Store(&l)
		return
	}
	if !known || before.Holder == "" {
		before = store.Lease{}
	}
	if err := a.beginTerm(ctx, l, before); err != nil {
		a.log.Error("beginning to act did not work; standing by", "error", err)
		a.endTerm(err)
	}
}

// renew makes the lease of a term last. Its error says that the lease is lost; while it only
// could not be renewed yet, there is none.
func (a *App) renew(ctx context.Context, t *term) error {
	ask, cancel := context.WithTimeout(ctx, a.leaseTTL/2)
	defer cancel()
	t.mu.Lock()
	held := t.lease
	t.mu.Unlock()
	l, err := a.store.Renew(ask, held, a.leaseTTL)
	switch {
	case err == nil:
		t.renewed(l)
	case errors.Is(err, store.ErrFenced):
		return err
	case !a.now().Before(held.ValidUntil):
		// The journal is away: another guardian may have taken the lease meanwhile.
		return fmt.Errorf("the lease could not be renewed in time: %w", err)
	default:
		a.log.Warn("renewing the lease did not work; trying again", "error", err)
	}
	return nil
}

// keepLease renews the lease of a term that is being begun, or ended in order, until stop is
// called.
func (a *App) keepLease(t *term) (stop func()) {
	ctx, cancel := context.WithCancel(t.ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(a.leaseTTL / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := a.renew(ctx, t); err != nil && ctx.Err() == nil {
				t.lost(err)
				return
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

// beginTerm reads from the journal what is open and goes on with it.
func (a *App) beginTerm(parent context.Context, l, before store.Lease) error {
	// The term outlives the loop's context for as long as it takes to end in order.
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	t := &term{ctx: ctx, cancel: cancel, lease: l}
	t.writer = a.newWriter(t)
	a.term.Store(t)
	a.log.Info("holding the lease; acting", "token", int64(l.Token), "before", before.Holder)
	defer a.keepLease(t)() // reading a long journal may take longer than a lease lasts

	logged, err := a.resumeRecord(ctx)
	if err != nil {
		return err
	}
	if err := a.resume(ctx, t); err != nil {
		return err
	}
	a.dispatcher.Start(ctx)
	t.watches.ObserveAll(logged)
	t.watches.ObserveAll(a.record.Recent("")) // seen here while another one's lease ran out
	a.acting.Store(t)
	a.runner.SetActive(true)
	a.spawn(t, func(t *term) { t.writer.Run(t.ctx) })
	a.spawn(t, a.countLoop)
	a.spawn(t, a.tickLoop)
	a.spawn(t, func(t *term) { a.quotas.Run(t.ctx) })
	t.alerts.Start()
	t.runs.Start()
	if before.Holder != "" && before.Holder != a.holder && a.tookOver(before) {
		a.notifyTakeover(t, before)
	}
	return nil
}

// spawn runs a loop that belongs to the term.
func (a *App) spawn(t *term, loop func(t *term)) {
	t.wg.Go(func() { loop(t) })
}

// tookOver tells a takeover from an ordinary start: a holder that ended in order has given
// its lease back, and one that is long gone was simply switched off.
func (a *App) tookOver(before store.Lease) bool {
	return !before.Until.IsZero() && a.now().Sub(before.Until) < time.Hour
}

// endTerm stops everything that acts, writes down what can still be written, and gives the
// lease back if it is still ours.
func (a *App) endTerm(cause error) {
	t := a.term.Load()
	if t == nil {
		return
	}
	a.acting.Store(nil)
	a.runner.SetActive(false)
	stopping := errors.Is(cause, errStopping)
	if stopping {
		// In order: no new run begins, those under way come to the end of their step.
		release := a.keepLease(t)
		if t.runs != nil {
			t.runs.Drain(a.drain)
		}
		stop, cancel := context.WithTimeout(context.Background(), a.drain)
		if err := a.dispatcher.Stop(stop); err != nil {
			a.log.Warn("notices are left in the outbox; they go out after the next start", "error", err)
		}
		cancel()
		if t.watches != nil {
			t.writer.Save(true)
		}
		release()
	}
	if cause == nil {
		cause = context.Cause(t.ctx)
	}
	if stopping {
		t.cancel(cause)
	} else {
		t.lost(cause)
		// Whatever they come to now is no longer ours to write down, also not in a term to come.
		if t.runs != nil {
			t.runs.Wait()
		}
		stop, cancel := context.WithTimeout(context.Background(), time.Second)
		_ = a.dispatcher.Stop(stop) // its writes are fenced: nothing is lost and nothing is told twice
		cancel()
	}
	t.wg.Wait()
	if t.alerts != nil {
		t.alerts.Wait()
	}
	a.record.Standby()
	a.term.Store(nil)
	if !stopping {
		a.log.Warn("no longer holding the lease; standing by", "cause", cause)
		return
	}
	give, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	t.mu.Lock()
	l := t.lease
	t.mu.Unlock()
	if err := a.store.Release(give, l); err != nil && !errors.Is(err, store.ErrFenced) {
		a.log.Warn("giving the lease back did not work; it runs out by itself", "error", err)
	}
}
