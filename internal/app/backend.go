package app

import (
	"context"
	"time"

	"guardian/internal/api"
	"guardian/internal/leadership"
	"guardian/internal/orders"
	"guardian/internal/server"
	"guardian/notifiers"
)

// backend gives what the pages and the API ask.
func (a *App) backend() server.Backend {
	return api.New(api.Options{
		Rooms: api.Rooms{
			Journal: a.store, Series: a.series, Record: a.record, Notifier: a.notifier, Quotas: a.quotas, Flags: a.flags, Windows: a.windows, Ingest: a.ingest,
		},
		Process: api.Process{
			Version: a.o.Version, Started: a.started, Holder: a.holder, Reload: a.reload, RereadOverrides: a.readOverrides,
			Receivers:    func() []notifiers.Status { return a.dispatcher.Status() },
			Leadership:   func() leadership.Status { return a.elector.Status() },
			ReloadError:  func() string { return textOf(a.loadError.Load()) },
			JournalError: func() string { return textOf(a.storeError.Load()) },
			Gone:         a.data.Gone,
		},
		Running: a.running, Decider: a.decider, Leading: a.leads, LookSoon: a.lookSoon, Changes: &a.changes,
		Redactor: a.redactor, Now: a.now, Log: a.log,
	})
}

func textOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// running is the configuration that runs, as the API needs it.
func (a *App) running() api.Running {
	s := a.setup.Load()
	return api.Running{
		Config: s.config, Loaded: s.loaded, LinkKey: a.linkKey(s.config), Clicks: s.receivers.Clicks, Roster: a.roster.Load(), Calendar: a.calendars.Problem,
		Passive: func(kind string) bool { return a.o.Probes[kind].Passive }, Book: s.book,
	}
}

// leads gives what acts, once it has taken over everything that is open.
func (a *App) leads() (api.Leading, bool) {
	t := a.acting.Load()
	if t == nil {
		return api.Leading{}, false
	}
	return api.Leading{Leadership: t, Watches: t.watches, Runs: t.runs, Alerts: t.alerts, Present: a.present}, true
}

// lookSoon looks at a check that got a report.
func (a *App) lookSoon(check string) {
	a.loops.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, _ = a.runner.LookNow(ctx, check)
	})
}

// newOrders makes the journal of synthetic orders.
func (a *App) newOrders() *orders.Journal {
	return orders.New(orders.Options{
		Store: a.store, Token: a.token, Notifier: a.notifier, Now: a.now,
		Check: func(name string) (string, map[string]string) {
			c, _ := a.setup.Load().check(name)
			return c.Service, c.Labels
		},
	})
}
