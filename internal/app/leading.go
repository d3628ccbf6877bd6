package app

import (
	"context"
	"sync"
	"time"

	"guardian/actions"
	"guardian/internal/alerting"
	"guardian/internal/leadership"
	"guardian/internal/receivers"
	"guardian/internal/recording"
	"guardian/internal/runs"
	"guardian/internal/store"
	"guardian/internal/watching"
	"guardian/probes/sample"
)

// leading is what acts and tells during one leadership.
type leading struct {
	*leadership.Leadership
	app   *App
	since time.Time // when it began
	loops sync.WaitGroup

	writer  *recording.Writer
	watches *watching.Watches
	runs    *runs.Driver
	alerts  *alerting.Alerts
}

// leases is the journal with its lease; it notes whether the journal takes writes.
type leases struct {
	*store.Store
	app *App
}

// Commit implements leadership.Leases.
func (l leases) Commit(ctx context.Context, token store.Fence, b store.Batch) error {
	err := l.Store.Commit(ctx, token, b)
	l.app.noteCommit(err)
	return err
}

// Acquire implements leadership.Leases: who cannot ask for the lease cannot write, and must say so.
func (l leases) Acquire(ctx context.Context, holder, address string, ttl time.Duration) (store.Lease, bool, error) {
	lease, ok, err := l.Store.Acquire(ctx, holder, address, ttl)
	if ctx.Err() == nil {
		l.app.noteCommit(err)
	}
	return lease, ok, err
}

func (a *App) electorOptions(ttl time.Duration, lead func(*leadership.Leadership) (leadership.Rooms, error)) leadership.Options {
	return leadership.Options{
		Leases: leases{a.store, a}, TTL: ttl, Holder: a.holder, Address: a.advertised,
		Lead: lead, ErrLost: actions.ErrLostLease, Now: a.now, Log: a.log, Registerer: a.registry,
	}
}

// lead goes on with what is open in the journal and starts everything that acts and tells.
func (a *App) lead(l *leadership.Leadership) (leadership.Rooms, error) {
	t := &leading{Leadership: l, app: a, since: a.now()}
	logged, err := t.begin()
	if err != nil {
		l.Lost(err)
		t.Stop()
		return nil, err
	}
	a.dispatcher.Start(l.Context())
	t.watches.ObserveAll(logged)
	t.watches.ObserveAll(a.record.Recent("")) // seen here while the lease of another guardian ran out
	a.acting.Store(t)
	a.runner.SetActive(true)
	t.loops.Go(func() { t.writer.Run(l.Context()) })
	t.loops.Go(func() { a.countLoop(t) })
	t.loops.Go(func() { a.tickLoop(t) })
	t.loops.Go(func() { a.quotas.Run(l.Context()) })
	t.alerts.Start()
	t.loops.Go(func() { a.forwarder.Run(l.Context()) })
	t.loops.Go(func() {
		receivers.Connect(l.Context(), func() *receivers.Receivers { return a.setup.Load().receivers }, a.server)
	})
	t.runs.Start()
	if before, lost := l.Predecessor(); lost {
		a.notifyTakeover(t, before)
	}
	return t, nil
}

// begin reads what is open, without doing anything about it. It gives the looks of the last
// minutes.
func (t *leading) begin() ([]sample.Sample, error) {
	a := t.app
	t.writer = a.newWriter(t)
	a.held.Store(t)
	logged, err := a.resumeRecord(t.Context())
	if err != nil {
		return nil, err
	}
	return logged, a.resume(t.Context(), t)
}

// Drain implements leadership.Rooms: no new run begins, and those under way come to the end of
// their step.
func (t *leading) Drain() {
	a := t.app
	a.acting.Store(nil)
	a.runner.SetActive(false)
	t.runs.Drain(a.drain)
	stop, cancel := context.WithTimeout(context.Background(), a.drain)
	defer cancel()
	if err := a.dispatcher.Stop(stop); err != nil {
		a.log.Warn("notices are left in the outbox; they go out after the next start", "error", err)
	}
	t.writer.Save(true)
}

// Stop implements leadership.Rooms.
func (t *leading) Stop() {
	a := t.app
	a.acting.Store(nil)
	a.runner.SetActive(false)
	if t.runs != nil {
		t.runs.Wait() // what they come to now must not be recorded in a later leadership either
	}
	stop, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = a.dispatcher.Stop(stop) // its writes are refused: nothing is lost, and nothing is sent twice
	t.loops.Wait()
	if t.alerts != nil {
		t.alerts.Wait()
	}
	a.record.Standby()
	a.held.Store(nil)
}
