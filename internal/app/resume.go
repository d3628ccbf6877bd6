package app

import (
	"context"
	"fmt"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/alerting"
	"guardian/internal/announce"
	"guardian/internal/history"
	"guardian/internal/notify"
	"guardian/internal/rulesource"
	"guardian/internal/runs"
	"guardian/internal/store"
	"guardian/internal/watching"
	"guardian/notifiers"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/sla"
	"guardian/watch"
)

// resume goes on with what is open in the journal, in the name of a leadership.
func (a *App) resume(ctx context.Context, t *leading) (err error) {
	if err := a.windows.Refresh(ctx); err != nil {
		return fmt.Errorf("read the announced windows: %w", err)
	}
	if err := a.flags.Refresh(ctx); err != nil {
		return err
	}
	a.notifier.Refresh(ctx) // before anything is repeated that somebody acknowledged or silenced
	a.readOverrides(ctx)    // before anybody is notified who is not on call
	a.warnOfWhatIsDropped(a.setup.Load().config)
	t.runs, err = runs.Resume(ctx, runs.Options{
		Engine: a.engine, Leadership: t, Journal: a.store, Decider: a.decider, Present: a.present, ActsFrom: t.ActsFrom(),
		Notifier: a.notifier, Changed: a.changes.Notify, Now: a.now, Log: a.log,
	})
	if err != nil {
		return err
	}
	t.watches, err = watching.Resume(ctx, watching.Options{
		Leadership: t, Journal: a.store, Decider: a.decider, Present: a.present, Runs: t.runs, Looks: looks{a}, RunsSince: a.runsSince,
		Notifier: a.notifier, Metrics: a.metrics.watches, Changed: a.changes.Notify, Now: a.now, Log: a.log,
	})
	if err != nil {
		return err
	}
	t.alerts, err = alerting.Resume(ctx, alerting.Options{
		Leadership: t, Journal: a.store, Series: a.series, Source: a.ruleSource, Sight: sight{a},
		Decider: a.decider, Present: a.present, Watches: t.watches, Runs: t.runs,
		Notifier: a.notifier, Roster: a.roster.Load, Metrics: a.metrics.alerts, Changed: a.changes.Notify, Now: a.now, Log: a.log,
	}, a.setup.Load().config.Groups)
	return err
}

// decider decides by the running configuration over the journal.
func (a *App) decider() decide.Decider {
	return decide.Decider{Settings: a.decisions(), Past: a.history}
}

func (a *App) newHistory() history.History {
	return history.New(history.Options{
		Journal: a.store, Series: a.series,
		Current: func(check string, written []sla.Rollup) []sla.Rollup { return a.record.LatestRollups(check, written) },
		Counters: func(source string) (history.Counters, error) {
			if source == "" {
				return a.series, nil
			}
			return a.source(source)
		},
	})
}

// source gives the rule source of a name.
func (a *App) source(name string) (*rulesource.Source, error) {
	src, ok := a.setup.Load().sources[name]
	if !ok {
		return nil, fmt.Errorf("rule source %s: %w", name, history.ErrNoSource)
	}
	return src, nil
}

func (a *App) ruleSource(name string) (rules.QueryFunc, error) {
	src, err := a.source(name)
	if err != nil {
		return nil, err
	}
	return src.Query, nil
}

// present is how the checks of a service, the controls and all alerts are now.
func (a *App) present(service string) decide.Present {
	now := a.now()
	p := decide.Present{Health: map[string]sample.Health{}, Rechecks: a.record.RecheckStats(service), Answered: a.record.Answered(service)}
	s := a.setup.Load().decisions
	for _, c := range s.ChecksOf(service) {
		p.Health[c.Check] = a.record.Health(c.Check, now)
	}
	for _, c := range s.Controls() {
		p.Health[c.Check] = a.record.Health(c.Check, now)
	}
	if t := a.held.Load(); t != nil && t.alerts != nil {
		p.Alerts = t.alerts.Open()
	}
	return p
}

// runsSince asks since when a deployed version runs at what its service's rollback changes.
func (a *App) runsSince(ctx context.Context, d watch.Deploy) time.Time {
	s := a.setup.Load()
	svc, ok := s.decisions.Service(d.Service)
	if !ok || svc.Rollback == "" {
		return time.Time{}
	}
	book, ok := s.book(svc.Rollback)
	if !ok {
		return time.Time{}
	}
	return book.RunsSince(ctx, actions.Run{Service: d.Service, Environment: d.Environment, Runbook: svc.Rollback, To: d.Version})
}

// looks is what watches ask about the checks.
type looks struct{ app *App }

// Recent implements watching.Looks.
func (l looks) Recent(service string) []sample.Sample { return l.app.record.Recent(service) }

// Reading implements watching.Looks.
func (l looks) Reading(ctx context.Context, m watch.CounterSettings, at time.Time) (watch.Reading, error) {
	return l.app.history.Reading(ctx, m, at)
}

// Failed implements watching.Looks: the judge has decided, and more looks tell nothing new.
func (l looks) Failed(service string) {
	l.app.runner.StopRechecks(l.app.record.ExcludeFailures(service)...)
}

// sight is what the checks can see.
type sight struct{ app *App }

// Visibility implements alerting.Sight.
func (s sight) Visibility(now time.Time) rules.Visibility { return s.app.record.Visibility(now) }

// View implements alerting.Sight.
func (s sight) View(now time.Time) decide.View {
	a := s.app
	v := decide.View{Checks: map[string]decide.Sight{}, Cuts: map[string]decide.Cut{}}
	for path, o := range a.paths.Outages() {
		v.Cuts[path] = decide.Cut{Since: o.Since, Why: o.Reason}
	}
	for _, c := range a.setup.Load().checks {
		seen := a.record.Status(c.Name, now)
		v.Checks[c.Name] = decide.Sight{Looked: seen.Last != nil, Blind: seen.Blind, Since: seen.BlindSince, Why: seen.BlindReason}
	}
	return v
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

// verifier looks at checks for the proof of a cure.
type verifier struct{ app *App }

// Ask implements actions.Verifier.
func (v verifier) Ask(ctx context.Context, run actions.Run, s actions.Symptom, since time.Time) (actions.CheckResult, error) {
	a := v.app
	if s.Kind == actions.SymptomAlert {
		t := a.held.Load()
		if t == nil || t.alerts == nil {
			return actions.CheckResult{}, actions.ErrLostLease
		}
		return decide.AlertProof(run, s, t.alerts.Open()), nil
	}
	m, ok := a.setup.Load().decisions.Counter(run.Service, s.Name)
	if !ok {
		return actions.CheckResult{}, fmt.Errorf("counter %s of %s is not configured any more", s.Name, run.Service)
	}
	before, err := a.history.Reading(ctx, m, since)
	if err != nil {
		return actions.CheckResult{}, err
	}
	now, err := a.history.Reading(ctx, m, a.now())
	if err != nil {
		return actions.CheckResult{}, err
	}
	return decide.CountedProof(s, before, now), nil
}

// Look implements actions.Verifier.
func (v verifier) Look(ctx context.Context, check string) (actions.CheckResult, error) {
	s, err := v.app.runner.LookNow(ctx, check)
	if err != nil {
		return actions.CheckResult{}, fmt.Errorf("look at %s: %w", check, err)
	}
	return actions.CheckResult{Check: check, Health: s.Health.String(), Reason: s.Reason, At: s.At, Took: s.Duration}, nil
}

// tickEvery is how often it is looked what waits for a time.
const tickEvery = 250 * time.Millisecond

// tickLoop is the clock of everything that waits for a time.
func (a *App) tickLoop(t *leading) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-t.Context().Done():
			return
		case <-tick.C:
			now := a.now()
			t.watches.Tick(now)
			t.alerts.Tick(now)
		}
	}
}

// countEvery is how often it is looked which counters are due to be read.
const countEvery = time.Second

// countLoop reads the counters that open watches are judged on, and ends the flags whose time is over.
func (a *App) countLoop(t *leading) {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		select {
		case <-t.Context().Done():
			return
		case <-tick.C:
			t.watches.ReadCounters(t.Context())
			a.flags.Expire(t.Context())
		}
	}
}

// notifyTakeover tells people that this guardian acts from now on instead of another one.
func (a *App) notifyTakeover(t *leading, before store.Lease) {
	_, _ = a.notifier.Send(t, func(w announce.Renderer) notifiers.Notice {
		return w.TookOver(a.holder, before.Holder, before.Until, a.now())
	})
}

func (a *App) newNotifier() *notify.Notifier {
	return notify.New(notify.Options{
		Settings: a.notices, Journal: a.store,
		Wake: func(receiver string) { a.dispatcher.Wake(receiver) }, Now: a.now, Log: a.log, Registerer: a.registry,
	})
}
