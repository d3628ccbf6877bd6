package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"guardian/actions"
	"guardian/internal/alerting"
	"guardian/internal/announce"
	"guardian/internal/drilling"
	"guardian/internal/drills"
	"guardian/internal/leadership"
	"guardian/internal/notify"
	"guardian/internal/receivers"
	"guardian/internal/recording"
	"guardian/internal/runs"
	"guardian/internal/store"
	"guardian/internal/watching"
	"guardian/notifiers"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/sla"
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
	drills  *drilling.Drilling
}

func (a *App) electorOptions(ttl time.Duration, lead func(*leadership.Leadership) (leadership.Rooms, error)) leadership.Options {
	return leadership.Options{
		Leases: a.store, TTL: ttl, Holder: a.holder, Address: a.advertised,
		Lead: lead, ErrLost: actions.ErrLostLease, Now: a.o.Now, Log: a.o.Log, Registerer: a.registry,
	}
}

// lead goes on with what is open in the journal and starts everything that acts and tells.
func (a *App) lead(l *leadership.Leadership) (leadership.Rooms, error) {
	t := &leading{Leadership: l, app: a, since: a.o.Now()}
	looks, err := t.resume()
	if err != nil {
		l.Lost(err)
		t.Stop()
		return nil, err
	}
	ctx := l.Context()
	a.dispatcher.Start(ctx)
	t.watches.ObserveAll(looks)
	t.watches.ObserveAll(a.record.Recent("")) // seen here while the lease of another guardian ran out
	a.acting.Store(t)
	a.runner.SetActive(true)
	t.loops.Go(func() { t.writer.Run(ctx) })
	t.loops.Go(func() { t.watches.Run(ctx) })
	t.loops.Go(func() { t.alerts.Run(ctx) })
	t.loops.Go(func() { t.drills.Run(ctx) })
	t.loops.Go(func() { a.quotas.Run(ctx) })
	t.loops.Go(func() { a.forwarder.Run(ctx) })
	t.loops.Go(func() {
		receivers.Connect(ctx, func() *receivers.Receivers { return a.setup.Load().receivers }, a.server)
	})
	t.alerts.Start()
	t.runs.Start()
	if before, lost := l.Predecessor(); lost {
		_, _ = a.notifier.Send(t, func(w announce.Renderer) notifiers.Notice {
			return w.TookOver(a.holder, before.Holder, before.Until, a.o.Now())
		})
	}
	return t, nil
}

// resume reads what is open in the journal, without doing anything about it. It gives the looks of the last
// minutes.
func (t *leading) resume() (looks []sample.Sample, err error) {
	a, ctx := t.app, t.Context()
	t.writer = recording.NewWriter(recording.WriterOptions{
		Record: a.record, Leader: t, Facts: a.store,
		Others: func(b *store.Batch, now time.Time, full bool) (saved func()) {
			b.Watches, saved = t.watches.Unsaved(now, full)
			return saved
		},
		Plan:      func(from, to time.Time) []sla.Maintenance { return a.setup.Load().config.PlannedMaintenance(from, to) },
		Retention: func() time.Duration { return time.Duration(a.setup.Load().config.Storage.Retention.Journal) },
		Now:       a.o.Now, Log: a.o.Log,
	})
	a.held.Store(t)
	resumed, err := a.record.Resume(ctx)
	if err != nil {
		return nil, err
	}
	a.quotas.Resume(resumed.LookedAt())
	a.series.Resume(resumed.Last(), a.o.Now())
	if err := a.windows.Refresh(ctx); err != nil {
		return nil, fmt.Errorf("read the announced windows: %w", err)
	}
	if err := a.flags.Refresh(ctx); err != nil {
		return nil, err
	}
	a.notifier.Refresh(ctx)              // before anything is repeated that somebody acknowledged or silenced
	a.roster.Reread(ctx)                 // before anybody is notified who is not on call
	_ = a.dropped(a.setup.Load().config) // it is in the log
	if t.runs, err = runs.Resume(ctx, runs.Options{
		Engine: a.engine, Leadership: t, Journal: a.store, Decider: a.decider, Present: a.present.Of, ActsFrom: t.ActsFrom(),
		Roster: a.roster.Now, Breach: a.present.Breach,
		Notifier: a.notifier, Changed: a.changes.Notify, Now: a.o.Now, Log: a.o.Log,
	}); err != nil {
		return nil, err
	}
	if t.watches, err = watching.Resume(ctx, watching.Options{
		Leadership: t, Journal: a.store, Decider: a.decider, Present: a.present.Of, RunsSince: a.present.RunsSince, Runs: t.runs,
		Record: a.record, Counters: a.history, StopRechecks: a.runner.StopRechecks, Ended: a.compareSoon,
		Notifier: a.notifier, Metrics: a.metrics.watches, Changed: a.changes.Notify, Now: a.o.Now, Log: a.o.Log,
	}); err != nil {
		return nil, err
	}
	t.alerts, err = alerting.Resume(ctx, alerting.Options{
		Leadership: t, Journal: a.store, Series: a.series, Source: a.ruleSource, Sight: a.present,
		Decider: a.decider, Present: a.present.Of, Watches: t.watches, Runs: t.runs,
		Notifier: a.notifier, Roster: a.roster.Now, Metrics: a.metrics.alerts, Changed: a.changes.Notify, Now: a.o.Now, Log: a.o.Log,
	}, a.setup.Load().config.Groups)
	if err != nil {
		return nil, err
	}
	t.drills, err = drilling.Resume(ctx, drilling.Options{
		Leadership: t, Journal: a.store, Plans: func() []drills.Plan { return a.setup.Load().plans }, Decider: a.decider, Present: a.present.Of,
		Watches: t.watches, Runs: t.runs, Notifier: a.notifier, Standings: a.drills.Show, Changed: a.changes.Notify, Now: a.o.Now, Log: a.o.Log,
	})
	return resumed.Looks, err
}

// Drain implements leadership.Rooms: no new run begins, and those under way come to the end of
// their step.
func (t *leading) Drain() {
	a := t.app
	a.acting.Store(nil)
	a.runner.SetActive(false)
	t.runs.Drain(a.o.Drain)
	stop, cancel := context.WithTimeout(context.Background(), a.o.Drain)
	defer cancel()
	if err := a.dispatcher.Stop(stop); err != nil {
		a.o.Log.Warn("notices are left in the outbox; they go out after the next start", "error", err)
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

// token is the fencing token of now; zero, which the journal refuses, on standby.
func (a *App) token() store.Fence { return a.elector.Token() }

// mayAct tells whether this guardian is still the one to act and tell.
func (a *App) mayAct() bool { return a.elector.MayAct() }

// active tells whether this guardian leads and has taken over everything that is open.
func (a *App) active() bool { return a.acting.Load() != nil }

// leader writes in the name of the leadership; false: this guardian does not have the lease.
func (a *App) leader() (notify.Committer, bool) {
	t := a.held.Load()
	return t, t != nil
}

// openAlerts gives the alerts that are pending and firing; false: this guardian does not lead.
func (a *App) openAlerts() ([]rules.Alert, bool) {
	t := a.held.Load()
	if t == nil || t.alerts == nil {
		return nil, false
	}
	return t.alerts.Open(), true
}

// ruleSource gives the server that answers a rule source.
func (a *App) ruleSource(name string) (rules.QueryFunc, error) {
	src, err := a.setup.Load().source(name)
	if err != nil {
		return nil, err
	}
	return src.Query, nil
}

// ledger records runs that are under way in the name of the leadership of now.
type ledger struct{ app *App }

// Record implements actions.Ledger.
func (l ledger) Record(ctx context.Context, r actions.Record) error {
	t := l.app.held.Load()
	if t == nil || t.runs == nil {
		return actions.ErrLostLease
	}
	return t.runs.Record(ctx, r)
}
