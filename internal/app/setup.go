package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/config"
	"guardian/internal/notify"
	"guardian/internal/receivers"
	"guardian/internal/rulesource"
	"guardian/oncall"
	"guardian/probes"
	"guardian/probes/marketplace"
)

// setup is everything that is built of a configuration. It is immutable and swapped whole.
type setup struct {
	config    *config.Config
	loaded    time.Time
	language  string
	location  *time.Location
	external  string
	checks    []builtCheck
	place     map[string]int                // of checks, by name
	sources   map[string]*rulesource.Source // by name
	decisions *decide.Settings
	receivers *receivers.Receivers
	books     map[string]*actions.Runbook
}

// notices is what the setup says about notices.
func (s *setup) notices() notify.Settings {
	return notify.Settings{Decisions: s.decisions, Teller: s.teller(""), Languages: s.receivers.Languages, Zones: s.config.PersonalZones(), Fallbacks: s.receivers.Fallbacks}
}

// services names the services.
func (s *setup) services() []string {
	names := make([]string, len(s.config.Services))
	for i, svc := range s.config.Services {
		names[i] = svc.Name
	}
	return names
}

// builtCheck is a check with what else is known of it.
type builtCheck struct {
	probes.Check
	names   map[string]bool // of the series that it produces
	path    string          // the network path on which it looks
	control bool            // whether it is a control of that path
	uses    []marketplace.Use
}

func (s *setup) book(name string) (*actions.Runbook, bool) {
	b, ok := s.books[name]
	return b, ok
}

func (s *setup) check(name string) (builtCheck, bool) {
	i, ok := s.place[name]
	if !ok {
		return builtCheck{}, false
	}
	return s.checks[i], true
}

// teller speaks a language; "" is the server's.
func (s *setup) teller(language string) announce.Renderer {
	if language == "" {
		language = s.language
	}
	return announce.Renderer{Language: language, ExternalURL: s.external, Location: s.location}
}

// build makes a setup of a configuration: nothing is dialled, started or written.
func (a *App) build(c *config.Config) (*setup, error) {
	s := &setup{
		config: c, loaded: a.now(), language: c.Server.Language, location: c.Location(), external: a.externalURL(c),
		books: map[string]*actions.Runbook{}, sources: map[string]*rulesource.Source{}, place: map[string]int{},
	}
	var errs []error
	for i := range c.Checks {
		b, err := a.buildCheck(c, &c.Checks[i])
		if err != nil {
			errs = append(errs, fmt.Errorf("check %s: %w", c.Checks[i].Name, err))
			continue
		}
		s.place[b.Name] = len(s.checks)
		s.checks = append(s.checks, b)
	}
	for _, m := range c.Alertmanagers {
		a.redactor.Learn(m.URL, m.Token)
	}
	for i := range c.RuleSources {
		src := &c.RuleSources[i]
		client, err := src.Connect(probes.Env{Log: a.log, Redactor: a.redactor, Now: a.now, UserAgent: a.userAgent()})
		if err != nil {
			errs = append(errs, fmt.Errorf("rule source %s: %w", src.Name, err))
			continue
		}
		s.sources[src.Name] = rulesource.New(src.Name, client, time.Duration(src.Timeout))
	}
	var err error
	if s.receivers, err = receivers.Build(receivers.Options{
		Config: c, Kinds: a.o.Notifiers, Key: a.linkKey(c), ExternalURL: a.externalURL(c), UserAgent: a.userAgent(),
		Now: a.now, Log: a.log, Redactor: a.redactor,
	}); err != nil {
		errs = append(errs, err)
	}
	for _, b := range c.Runbooks {
		book, err := actions.NewRunbook(b, a.o.Actions, actions.Env{Log: a.log, Redactor: a.redactor, Now: a.now, UserAgent: a.userAgent(), Flags: a.flags, Windows: a.windows})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.books[b.Name] = book
	}
	if s.decisions, err = c.Decisions(); err != nil {
		errs = append(errs, err)
	}
	return s, errors.Join(errs...)
}

func (a *App) buildCheck(c *config.Config, ch *config.Check) (builtCheck, error) {
	kind, ok := a.o.Probes[ch.Kind]
	if !ok {
		return builtCheck{}, fmt.Errorf("no kind %q", ch.Kind)
	}
	uses := ch.Uses()
	var answered func(probes.Answer)
	if len(uses) > 0 {
		answered = func(x probes.Answer) { a.quotas.Answered(ch.Name, x) }
	}
	probe, err := kind.Build(ch.Settings, probes.Env{
		Check: ch.Name, Service: ch.Service, Labels: ch.Labels, Every: time.Duration(ch.Every), Timeout: time.Duration(ch.Timeout),
		Log: a.log, Redactor: a.redactor, Orders: a.orders, Heartbeats: a.store.Heartbeat, Answered: answered, Now: a.now, UserAgent: a.userAgent(),
		Pictures: filepath.Join(c.Storage.Path, "pictures"),
	})
	if err != nil {
		return builtCheck{}, err
	}
	b := builtCheck{
		Check: probes.Check{
			Name: ch.Name, Kind: ch.Kind, Service: ch.Service, Labels: ch.Labels,
			Every: time.Duration(ch.Every), Timeout: time.Duration(ch.Timeout), Probe: probe,
			// What costs quota is looked at by one guardian alone.
			Active: kind.Active || len(uses) > 0, Budgeted: len(uses) > 0,
			Retry: ch.Retry, Recheck: ch.Recheck,
			Fingerprint: probes.Fingerprint(ch.Kind, ch.Service, ch.Labels, ch.Every, ch.Cron.String(), ch.Timeout, ch.Retry, ch.Recheck, ch.Settings),
		},
		names: map[string]bool{}, path: ch.NetworkPath, control: ch.Control, uses: uses,
	}
	if ch.Cron.IsSet() {
		b.Schedule = ch.Cron.In(c.Location())
	}
	for _, n := range probes.CommonSeries() {
		b.names[n] = true
	}
	// A blind check still says that it is blind.
	delete(b.names, "probe_unknown")
	if ch.Retry.Times > 0 {
		b.names[probes.RetriesSeries] = true
	}
	if kind.Produces != nil {
		for _, n := range kind.Produces(ch.Settings) {
			b.names[n] = true
		}
	}
	if len(uses) > 0 {
		for _, n := range probes.BudgetSeries() {
			b.names[n] = true
		}
	}
	return b, nil
}

func (a *App) userAgent() string { return "guardian/" + a.o.Version }

// swap makes a setup the running one. It cannot fail: everything that can was done by build.
func (a *App) swap(s *setup) {
	old := a.setup.Swap(s)
	now := a.now()
	a.record.Apply(recordChecks(s.checks))
	a.paths.Apply(pathChecks(s.checks))
	a.quotas.Apply(quotaSettings(s))
	a.calendars.Apply(s.config.CalendarAddresses(""))
	a.updateRoster()
	checks := make([]probes.Check, len(s.checks))
	for i, c := range s.checks {
		checks[i] = c.Check
		a.series.Track(c.Name, c.Every, graceOf(c.Every))
	}
	if old != nil {
		for _, c := range old.checks {
			if _, stays := s.check(c.Name); stays {
				continue
			}
			if err := a.series.Forget(c.Name, now); err != nil {
				a.log.Warn("the series of a removed check could not be ended", "check", c.Name, "error", err)
			}
		}
	}
	a.runner.Apply(checks)
	if t := a.acting.Load(); t != nil {
		t.alerts.Apply(s.config.Groups)
		t.writer.AnnounceMaintenance(t.Context())
	}
	if old != nil {
		for _, src := range old.sources {
			src.Close()
		}
	}
}

// graceOf is how long past its next look a slow check's last value stays visible.
func graceOf(every time.Duration) time.Duration { return max(30*time.Second, every/2) }

// Reload loads the configuration anew, builds all of it and only then swaps: a mistake
// changes nothing.
func (a *App) Reload(ctx context.Context) error {
	_, err := a.reload(ctx)
	return err
}

// reload reloads, and gives what is valid in the configuration and cannot work, and what it drops.
func (a *App) reload(ctx context.Context) (config.Mistakes, error) {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	c, err := a.o.Load()
	if err == nil {
		var s *setup
		if s, err = a.build(c); err == nil {
			if err = a.dispatcher.Apply(s.receivers.Queued); err == nil {
				if err := errors.Join(a.secure(ctx, c), a.compareLinkKey(ctx, c)); err != nil {
					a.log.Warn("that there are tokens, and the key of links, could not be written down", "error", err)
				}
				a.warnOfWhatNeedsARestart(c)
				a.warnOfWhatCannotWork(c)
				a.swap(s)
			}
		}
	}
	a.metrics.reloaded(err, a.now())
	if err != nil {
		text := err.Error()
		a.loadError.Store(&text)
		a.log.Error("the configuration was not reloaded; the running one stays", "error", err)
		return nil, err
	}
	a.loadError.Store(nil)
	a.log.Info("the configuration was reloaded", "summary", c.String())
	return slices.Concat(a.warnOfWhatIsDropped(c), c.Warnings), nil
}

// warnOfWhatIsDropped says what people set while the guardian runs and a configuration has no place for.
func (a *App) warnOfWhatIsDropped(c *config.Config) config.Mistakes {
	var made []oncall.Made
	if list := a.overrides.Load(); list != nil {
		made = *list
	}
	dropped := c.Dropped(a.flags.Changes(), made, a.now())
	for _, w := range dropped {
		a.log.Warn("the configuration has no place for what somebody set", "warning", w.Error())
	}
	return dropped
}

func (a *App) warnOfWhatCannotWork(c *config.Config) {
	for _, note := range c.Notes {
		a.log.Info("something applies that the configuration does not say", "what", note)
	}
	for _, w := range c.Warnings {
		a.log.Warn("the configuration is valid, and something in it cannot work", "warning", w.Error())
	}
}

func (a *App) warnOfWhatNeedsARestart(c *config.Config) {
	was := a.setup.Load().config
	for key, differs := range map[string]bool{
		"server.listen":    was.Server.Listen != c.Server.Listen,
		"server.tls":       (was.Server.TLS == nil) != (c.Server.TLS == nil),
		"server.language":  was.Server.Language != c.Server.Language,
		"server.timezone":  was.Location().String() != c.Location().String(),
		"storage.path":     was.Storage.Path != c.Storage.Path,
		"storage.postgres": was.Storage.Postgres.Reveal() != c.Storage.Postgres.Reveal(),
		"storage.lease":    was.Storage.Lease != c.Storage.Lease,
	} {
		if differs {
			a.log.Warn("this change takes effect with the next start", "key", key)
		}
	}
}
