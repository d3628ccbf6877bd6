package app

import (
	"time"

	"guardian/decide"
	"guardian/internal/leadership"
	"guardian/internal/notify"
	"guardian/internal/selfcheck"
	"guardian/notifiers"
)

// newChecker makes what watches the guardian itself.
func (a *App) newChecker() *selfcheck.Checker {
	meter := selfcheck.NewMeter(selfcheck.MeterOptions{
		Files: a.files, Journal: a.store, Series: a.series, Record: a.record, Running: a.measuredNow,
		Leadership: func() leadership.Status { return a.elector.Status() }, WriteError: a.journalError,
		Calendar: a.roster.Unreadable, Guesses: a.guesses, Wall: a.o.Wall, Redactor: a.o.Redactor,
	})
	teller := selfcheck.NewTeller(selfcheck.TellerOptions{
		Outbox: a.notifier, Deliveries: a.store, Leader: a.leader, Now: a.o.Now,
		Direct: &notify.Direct{
			Settings:  a.notices,
			Receivers: func() map[string]notifiers.Receiver { return a.setup.Load().receivers.Direct },
			Now:       a.o.Now,
		},
	})
	return selfcheck.New(selfcheck.Options{
		Measure: meter.Measure, Notify: teller.Fault, NotifyGap: teller.Gap, Leads: a.active,
		Gaps:      func(now time.Time) []decide.GapNews { return decide.Gaps(a.roster.Now(), now) },
		Heartbeat: func() (selfcheck.Heartbeat, bool) { return a.setup.Load().heartbeat() },
		UserAgent: a.o.userAgent(), Now: a.o.Now, Log: a.o.Log, Registerer: a.registry,
	})
}

// measuredNow is what should look and evaluate now.
func (a *App) measuredNow() selfcheck.Running {
	s := a.setup.Load()
	running := selfcheck.Running{Checks: each(s.checks, measured), Loaded: s.loaded}
	if t := a.acting.Load(); t != nil {
		running.Rules, running.Leads = t.alerts, t.since
	}
	return running
}

func (a *App) guesses() (addresses []string, wrong int) {
	g := a.server.Guessing()
	return g.Addresses, g.Wrong
}
