package app

import (
	"context"
	"path/filepath"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/calendars"
	"guardian/internal/changing"
	"guardian/internal/config"
	"guardian/internal/drift"
	"guardian/internal/drilling"
	"guardian/internal/flags"
	"guardian/internal/forward"
	"guardian/internal/history"
	"guardian/internal/ingest"
	"guardian/internal/leadership"
	"guardian/internal/netpath"
	"guardian/internal/notify"
	"guardian/internal/orders"
	"guardian/internal/present"
	"guardian/internal/quota"
	"guardian/internal/reason"
	"guardian/internal/recording"
	"guardian/internal/roster"
	"guardian/internal/series"
	"guardian/internal/store"
	"guardian/internal/windows"
	"guardian/notifiers"
	"guardian/probes"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/sla"
)

// buildRooms builds what looks, knows, acts, tells and answers, and the setup that they work by.
func (a *App) buildRooms(c *config.Config) (*setup, error) {
	a.buildInputs()
	a.notifier = notify.New(notify.Options{
		Settings: a.notices, Journal: a.store,
		Wake: func(receiver string) { a.dispatcher.Wake(receiver) }, Now: a.o.Now, Log: a.o.Log, Registerer: a.registry,
	})
	a.buildFacts(c)
	a.orders = orders.New(orders.Options{
		Store: a.store, Token: a.token, Notifier: a.notifier, Now: a.o.Now,
		Check: func(name string) (string, map[string]string) {
			if ch, ok := a.setup.Load().config.Check(name); ok {
				return ch.Service, ch.Labels
			}
			return "", nil
		},
	})
	s, err := a.build(c)
	if err != nil {
		return nil, err
	}
	if err := a.buildEffects(s); err != nil {
		return nil, err
	}
	if a.server, err = a.newServer(s); err != nil {
		return nil, err
	}
	a.undo.add("pages", func(context.Context) error { return a.server.Close() })
	a.checker = a.newChecker()
	return s, nil
}

func (a *App) buildInputs() {
	a.record = recording.New(recording.Options{Journal: a.store, Now: a.o.Now, Log: a.o.Log, Registerer: a.registry})
	a.quotas = quota.New(quota.Options{Series: a.series, OnWritten: a.arrived, Now: a.o.Now, Log: a.o.Log, Registerer: a.registry})
	a.paths = netpath.New(netpath.Options{
		Now: a.o.Now, Registerer: a.registry,
		Look: func(ctx context.Context, check string) (sample.Sample, error) { return a.runner.LookNow(ctx, check) },
	})
	a.runner = probes.NewRunner(probes.RunnerOptions{
		Log: a.o.Log, Registerer: a.registry, Now: a.o.Now, OnSample: a.sink, Redactor: a.o.Redactor, Budget: a.quotas, Drain: a.o.Drain,
		Correct: func(ctx context.Context, s sample.Sample) sample.Sample {
			return a.quotas.Forecast(a.paths.Correct(ctx, s))
		},
	})
	// Every guardian keeps what is written to it, whether it acts or stands by: each has series of its own.
	a.ingest = ingest.New(ingest.Options{
		Storage: a.series, Names: func() ingest.Names { return a.setup.Load().config.Ingested },
		Wrote: a.arrived, Now: a.o.Now, Log: a.o.Log, Registerer: a.registry,
	})
}

func (a *App) buildFacts(c *config.Config) {
	a.calendars = calendars.New(calendars.Options{
		Dir: filepath.Join(c.Storage.Path, "calendars"), UserAgent: a.o.userAgent(), Changed: func() { a.roster.CalendarsChanged() },
		Now: a.o.Now, Log: a.o.Log, Redactor: a.o.Redactor, Registerer: a.registry,
	})
	a.roster = roster.New(roster.Options{Calendars: a.calendars, Journal: a.store, Now: a.o.Now, Log: a.o.Log})
	services := func() []string { return a.setup.Load().config.ServiceNames() }
	changes := changing.New(changing.Options{Leader: a.leader, Notifier: a.notifier, Services: services, Now: a.o.Now})
	a.flags = flags.NewBoard(flags.Options{
		Journal: a.store, Flags: func() []flags.Flag { return a.setup.Load().config.Switches },
		Commit: changes.Flag, Leads: a.active, Now: a.o.Now, Log: a.o.Log, Registerer: a.registry,
	})
	a.windows = windows.NewBoard(windows.Options{
		Journal: a.store, Services: services, Commit: changes.Window,
		NewID: func() string { return store.NewID("win_") }, Now: a.o.Now, Log: a.o.Log,
	})
	a.drift = drift.New(drift.Options{Decider: a.decider, Runbook: a.runbook, Known: a.store, Leader: a.leader, Now: a.o.Now})
	a.history = history.New(history.Options{
		Journal: a.store, Series: a.series,
		Current: func(check string, written []sla.Rollup) []sla.Rollup { return a.record.LatestRollups(check, written) },
		Counters: func(source string) (history.Counters, error) {
			if source == "" {
				return a.series, nil
			}
			return a.setup.Load().source(source)
		},
	})
	a.present = present.New(present.Options{
		Settings: func() *decide.Settings { return a.setup.Load().decisions },
		Runbook:  a.runbook, Record: a.record, Paths: a.paths, Counters: a.history, Alerts: a.openAlerts, Look: a.runner.LookNow, Now: a.o.Now,
	})
}

func (a *App) buildEffects(s *setup) (err error) {
	if a.dispatcher, err = notifiers.NewDispatcher(notifiers.Options{
		Receivers: s.receivers.Queued, Outbox: store.Outbox{Store: a.store, Fence: a.token}, MaySend: a.mayAct,
		Drop: a.notifier.Drop, OnGiveUp: a.notifier.GivenUp, OnQuota: a.notifier.QuotaUsed,
		Redactor: a.o.Redactor, Now: a.o.Now, Log: a.o.Log, Registerer: a.registry,
	}); err != nil {
		return err
	}
	if a.engine, err = actions.NewEngine(actions.Options{
		Runbooks: a.runbook, Ledger: ledger{a}, Verifier: a.present, LeaseValid: a.mayAct, Observer: a.o.Recorded,
		Forbids: func(run actions.Run, step actions.RunbookStep) reason.Reason {
			return a.setup.Load().forbids(run, step)
		},
		Now: a.o.Now, Log: a.o.Log, Registerer: a.registry,
	}); err != nil {
		return err
	}
	a.drills = drilling.NewMeter(drilling.MeterOptions{Append: a.series.Append, Written: a.arrived, Now: a.o.Now, Log: a.o.Log, Registerer: a.registry})
	a.elector = leadership.New(a.electorOptions(time.Duration(s.config.Storage.Lease), a.lead))
	a.forwarder = forward.New(forward.Options{
		Surroundings: func() forward.Surroundings { return a.setup.Load().forwarding() },
		Alerts: func() []rules.Alert {
			if t := a.acting.Load(); t != nil {
				return t.alerts.Own()
			}
			return nil
		},
		Recent: func(ctx context.Context, _ time.Time) ([]rules.Alert, error) {
			return a.store.Alerts(ctx, store.AlertFilter{Limit: store.MaxLimit})
		},
		Now: a.o.Now, Log: a.o.Log, Redactor: a.o.Redactor, Registerer: a.registry, UserAgent: a.o.userAgent(),
	})
	return nil
}

// sink takes every sample, in the goroutine of its check.
func (a *App) sink(s sample.Sample) {
	at := a.o.Now()
	a.record.Add(s)
	written, err := a.series.AppendSample(s)
	if err != nil {
		a.o.Log.Debug("a sample was not taken", "check", s.Check, "error", err)
	}
	if t := a.acting.Load(); t != nil {
		t.watches.Observe(s, at)
	}
	a.arrived(written)
}

// compareSoon compares what runs of a service with what should, where a check does: what a version ran is
// best recorded before the next one comes.
func (a *App) compareSoon(service string) {
	for _, c := range a.setup.Load().checks {
		if c.Service == service && c.Kind == decide.DriftKind {
			a.runner.LookSoon(c.Name)
		}
	}
}

// arrived lets the rules see what was written to the series.
func (a *App) arrived(points []series.Point) {
	if t := a.acting.Load(); t != nil {
		t.alerts.Arrived(points)
	}
}

// decisions are those of the running configuration, with what was announced since.
func (a *App) decisions() *decide.Settings { return a.setup.Load().decisions.With(a.windows.All()) }

// notices is what the running configuration says about notices, with what was announced since.
func (a *App) notices() notify.Settings {
	n := a.setup.Load().notices
	n.Decisions = a.decisions()
	return n
}

// decider decides by the running configuration over the journal.
func (a *App) decider() decide.Decider {
	return decide.Decider{Settings: a.decisions(), Past: a.history}
}

// runbook gives a runbook of the running configuration.
func (a *App) runbook(name string) (*actions.Runbook, bool) { return a.setup.Load().book(name) }
