package app

import (
	"context"
	"fmt"

	"guardian/internal/api"
	"guardian/internal/config"
	"guardian/internal/leadership"
	"guardian/internal/server"
	"guardian/notifiers"
)

// listen binds the port.
func (a *App) listen(ctx context.Context, c *config.Config) error {
	var err error
	if a.port, err = server.Listen(ctx, c.Server.Listen); err != nil {
		return fmt.Errorf("server.listen: %w", err)
	}
	a.undo.add("port", a.port.Close)
	a.advertised = a.port.URL(c.Server.AdvertiseURL, c.Server.Listen)
	return nil
}

// serve begins to answer requests.
func (a *App) serve() {
	a.undo.add("pages and API", func(ctx context.Context) error {
		a.changes.Close() // answers that are held end now
		return a.port.Close(ctx)
	})
	var certificate *server.Certificate
	if tls := a.setup.Load().config.Server.TLS; tls != nil {
		certificate = &server.Certificate{Cert: tls.Cert, Key: tls.Key}
	}
	a.port.Serve(a.server, certificate, a.o.Log)
}

// Addr is the address that the guardian listens on, as host:port.
func (a *App) Addr() string { return a.port.Addr() }

// URL is where people reach the pages.
func (a *App) URL() string { return a.setup.Load().external }

// newServer makes the pages and the API.
func (a *App) newServer(s *setup) (*server.Server, error) {
	return server.New(server.Options{
		Backend: a.backend(), ExternalURL: s.external, Language: s.config.Server.Language, Location: s.config.Location(),
		Now: a.o.Now, Log: a.o.Log, Redactor: a.o.Redactor, Registerer: a.registry, Gatherer: a.registry,
		RemoteWrite: a.ingest.From, Active: func() (bool, string) { return a.elector.LeaderAddress() },
		TrustedProxies: s.config.Server.Proxies(), SessionKey: s.key.For("sessions"),
	})
}

// backend gives what the pages and the API ask.
func (a *App) backend() server.Backend {
	return api.New(api.Options{
		Rooms: api.Rooms{
			Journal: a.store, Series: a.series, Record: a.record, Notifier: a.notifier, Quotas: a.quotas, Flags: a.flags, Windows: a.windows, Ingest: a.ingest,
		},
		Process: api.Process{
			Version: a.o.Version, Started: a.started, Holder: a.holder, Reload: a.reload, RereadOverrides: a.roster.Reread,
			Receivers:   func() []notifiers.Status { return a.dispatcher.Status() },
			Leadership:  func() leadership.Status { return a.elector.Status() },
			ReloadError: a.reloadError, JournalError: a.journalError, Gone: a.files.Gone,
		},
		Running: a.running, Decider: a.decider, Leading: a.leads, LookSoon: a.runner.LookSoon, Changes: &a.changes,
		Redactor: a.o.Redactor, Now: a.o.Now, Log: a.o.Log,
	})
}

// running is the configuration that runs, as the API needs it.
func (a *App) running() api.Running {
	s := a.setup.Load()
	return api.Running{
		Config: s.config, Loaded: s.loaded, LinkKey: s.key, Clicks: s.receivers.Clicks, Roster: a.roster.Now(), Calendar: a.calendars.Problem,
		Passive: func(kind string) bool { return a.o.Probes[kind].Passive }, Book: s.book, Teller: s.notices.For,
	}
}

// leads gives what acts, once it has taken over everything that is open.
func (a *App) leads() (api.Leading, bool) {
	t := a.acting.Load()
	if t == nil {
		return api.Leading{}, false
	}
	return api.Leading{Leadership: t, Watches: t.watches, Runs: t.runs, Alerts: t.alerts, Drills: t.drills, Present: a.present.Of}, true
}

// reloadError is why the last reload failed; "": it did not.
func (a *App) reloadError() string {
	if text := a.loadError.Load(); text != nil {
		return *text
	}
	return ""
}

// journalError is why the journal takes no writes, redacted; "": it does.
func (a *App) journalError() string {
	if err := a.elector.WriteError(); err != nil {
		return a.o.Redactor.Redact(err.Error())
	}
	return ""
}
