package present

import (
	"context"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/netpath"
	"guardian/internal/recording"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

// Record is what checks saw; recording.Record is one.
type Record interface {
	Health(check string, now time.Time) sample.Health
	Status(check string, now time.Time) recording.Status
	Visibility(now time.Time) rules.Visibility
	RecheckStats(service string) map[string]watch.RecheckStats // by check
	Answered(service string) map[string][]watch.Answered       // by check
}

// Paths knows which network paths work; netpath.Paths does.
type Paths interface {
	Outages() map[string]netpath.Outage // by path
}

// Counters reads counters; history.History does.
type Counters interface {
	Reading(ctx context.Context, m watch.CounterSettings, at time.Time) (watch.Reading, error)
}

// Options is what a Present is made of. All fields are needed.
type Options struct {
	Settings func() *decide.Settings                    // of the running configuration
	Runbook  func(name string) (*actions.Runbook, bool) // of the same
	Record   Record
	Paths    Paths
	Counters Counters
	// Alerts are those that are pending and firing; false: this guardian does not know them, because
	// it does not lead.
	Alerts func() ([]rules.Alert, bool)
	Look   func(ctx context.Context, check string) (sample.Sample, error) // out of its schedule
	Now    func() time.Time
}

// Present is how things are now. It implements alerting.Sight and actions.Verifier.
type Present struct{ o Options }

var _ actions.Verifier = Present{}

// New makes a Present.
func New(o Options) Present { return Present{o} }

// Of gives how the checks of a service, the controls and all alerts are.
func (p Present) Of(service string) decide.Present {
	now, s := p.o.Now(), p.o.Settings()
	known := decide.Present{Health: map[string]sample.Health{}, Rechecks: p.o.Record.RecheckStats(service), Answered: p.o.Record.Answered(service)}
	for _, c := range s.ChecksOf(service) {
		known.Health[c.Check] = p.o.Record.Health(c.Check, now)
	}
	for _, c := range s.Controls() {
		known.Health[c.Check] = p.o.Record.Health(c.Check, now)
	}
	known.Alerts, _ = p.o.Alerts()
	return known
}

// RunsSince tells since when a deployed version runs at what its service's rollback changes; zero: nothing
// tells.
func (p Present) RunsSince(ctx context.Context, d watch.Deploy) time.Time {
	svc, ok := p.o.Settings().Service(d.Service)
	if !ok || svc.Rollback == "" {
		return time.Time{}
	}
	book, ok := p.o.Runbook(svc.Rollback)
	if !ok {
		return time.Time{}
	}
	return book.RunsSince(ctx, actions.Run{Service: d.Service, Environment: d.Environment, Runbook: svc.Rollback, To: d.Version})
}

// Visibility implements alerting.Sight: which series are not known now.
func (p Present) Visibility(now time.Time) rules.Visibility { return p.o.Record.Visibility(now) }

// View implements alerting.Sight: which checks are blind, and which network paths are cut off.
func (p Present) View(now time.Time) decide.View {
	v := decide.View{Checks: map[string]decide.Sight{}, Cuts: map[string]decide.Cut{}}
	for path, o := range p.o.Paths.Outages() {
		v.Cuts[path] = decide.Cut{Since: o.Since, Why: o.Reason}
	}
	for _, c := range p.o.Settings().Checks {
		seen := p.o.Record.Status(c.Check, now)
		v.Checks[c.Check] = decide.Sight{Looked: seen.Last != nil, Blind: seen.Blind, Since: seen.BlindSince, Why: seen.BlindReason}
	}
	return v
}
