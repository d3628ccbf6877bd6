package app

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/chatops"
	"guardian/internal/config"
	"guardian/internal/drills"
	"guardian/internal/history"
	"guardian/internal/notify"
	"guardian/internal/reason"
	"guardian/internal/receivers"
	"guardian/internal/rulesource"
	"guardian/probes"
)

// setup is everything that is built of a configuration. It is immutable and swapped whole.
type setup struct {
	config    *config.Config
	loaded    time.Time
	external  string      // where people reach the pages: links in notices begin with it
	key       chatops.Key // signs links, buttons and sessions
	checks    []builtCheck
	sources   map[string]*rulesource.Source // by name
	decisions *decide.Settings
	receivers *receivers.Receivers
	notices   notify.Settings // without Decisions
	books     map[string]*actions.Runbook
	plans     []drills.Plan
	// production is what no drill may touch.
	production actions.Production
}

// builtCheck is a check with its probe.
type builtCheck struct {
	probes.Check
	config *config.Check
	hidden map[string]bool // its series of which nothing is known while it is blind
}

func (s *setup) book(name string) (*actions.Runbook, bool) {
	b, ok := s.books[name]
	return b, ok
}

// forbids says why a run of a drill must not do a step: it would touch production. Zero: it may, and every
// other run may.
func (s *setup) forbids(run actions.Run, step actions.RunbookStep) reason.Reason {
	if !run.Trigger.Rehearses() {
		return reason.Reason{}
	}
	if svc, ok := s.config.Service(run.Service); !ok || svc.Production {
		return reason.New("drill_in_production", "service", run.Service)
	}
	return s.production.Forbids(step.Kind, step.Settings, actions.Call{Run: run, Step: actions.StepRun{Shop: step.Shop}})
}

// source gives the rule source of a name.
func (s *setup) source(name string) (*rulesource.Source, error) {
	src, ok := s.sources[name]
	if !ok {
		return nil, fmt.Errorf("rule source %s: %w", name, history.ErrNoSource)
	}
	return src, nil
}

// close closes what a setup that does not run any more holds open; the runner closes its probes.
func (s *setup) close() {
	for _, src := range s.sources {
		src.Close()
	}
}

// build makes a setup of a configuration: nothing is dialled, started or written.
func (a *App) build(c *config.Config) (*setup, error) {
	s := &setup{
		config: c, loaded: a.o.Now(), external: a.port.URL(c.Server.ExternalURL, c.Server.Listen),
		key:   chatops.NewKey(cmp.Or(c.Server.ActionLinks.Key.Reveal(), a.ownKey.Reveal())),
		books: map[string]*actions.Runbook{}, sources: map[string]*rulesource.Source{},
		plans: c.Plans(), production: c.Production(),
	}
	var errs []error
	for i := range c.Checks {
		b, err := a.buildCheck(c, &c.Checks[i])
		if err != nil {
			errs = append(errs, fmt.Errorf("check %s: %w", c.Checks[i].Name, err))
			continue
		}
		s.checks = append(s.checks, b)
	}
	for _, m := range c.Alertmanagers {
		a.o.Redactor.Learn(m.URL, m.Token)
	}
	for i := range c.RuleSources {
		src := &c.RuleSources[i]
		client, err := src.Connect(probes.Env{Log: a.o.Log, Redactor: a.o.Redactor, Now: a.o.Now, UserAgent: a.o.userAgent()})
		if err != nil {
			errs = append(errs, fmt.Errorf("rule source %s: %w", src.Name, err))
			continue
		}
		s.sources[src.Name] = rulesource.New(src.Name, client, time.Duration(src.Timeout))
	}
	for _, b := range slices.Concat(c.Runbooks, c.DrillRunbooks()) {
		book, err := actions.NewRunbook(b, a.o.Actions, actions.Env{Log: a.o.Log, Redactor: a.o.Redactor, Now: a.o.Now, UserAgent: a.o.userAgent(), Flags: a.flags, Windows: a.windows, Sightings: a.store})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.books[b.Name] = book
	}
	var err error
	if s.receivers, err = receivers.Build(receivers.Options{
		Config: c, Kinds: a.o.Notifiers, Key: s.key, ExternalURL: s.external, UserAgent: a.o.userAgent(),
		Now: a.o.Now, Log: a.o.Log, Redactor: a.o.Redactor,
	}); err != nil {
		errs = append(errs, err)
	}
	if s.decisions, err = c.Decisions(); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s.notices = notify.Settings{
		Teller:    announce.Renderer{Language: c.Server.Language, ExternalURL: s.external, Location: c.Location()},
		Languages: s.receivers.Languages, Zones: c.PersonalZones(), Fallbacks: s.receivers.Fallbacks,
	}
	return s, nil
}

func (a *App) buildCheck(c *config.Config, ch *config.Check) (builtCheck, error) {
	kind, ok := a.o.Probes[ch.Kind]
	if !ok {
		return builtCheck{}, fmt.Errorf("no kind %q", ch.Kind)
	}
	env := probes.Env{
		Check: ch.Name, Service: ch.Service, Labels: ch.Labels, Every: time.Duration(ch.Every), Timeout: time.Duration(ch.Timeout),
		Log: a.o.Log, Redactor: a.o.Redactor, Orders: a.orders, Heartbeats: a.store.Heartbeat, Compare: a.drift.Compare, Now: a.o.Now, UserAgent: a.o.userAgent(),
		Pictures: filepath.Join(c.Storage.Path, "pictures"),
	}
	budgeted := len(ch.Uses()) > 0
	if budgeted {
		env.Answered = func(x probes.Answer) { a.quotas.Answered(ch.Name, x) }
	}
	probe, err := kind.Build(ch.Settings, env)
	if err != nil {
		return builtCheck{}, err
	}
	return builtCheck{config: ch, hidden: ch.HiddenSeries(kind), Check: probes.Check{
		Name: ch.Name, Kind: ch.Kind, Service: ch.Service, Labels: ch.Labels,
		Schedule: ch.Schedule(c.Location()), Every: time.Duration(ch.Every), Timeout: time.Duration(ch.Timeout), Probe: probe,
		// What costs quota is looked at by one guardian alone.
		Active: kind.Active || budgeted, Budgeted: budgeted,
		Retry: ch.Retry, Recheck: ch.Recheck,
		Fingerprint: probes.Fingerprint(ch.Kind, ch.Service, ch.Labels, ch.Every, ch.Cron.String(), ch.Timeout, ch.Retry, ch.Recheck, ch.Settings),
	}}, nil
}
