package api

import (
	"context"
	"time"

	"guardian/decide"
	"guardian/internal/config"
	"guardian/internal/recording"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/sla"
	"guardian/watch"
)

// services implements server.Services.
type services struct {
	journal interface {
		alertReader
		Watches(ctx context.Context, f store.WatchFilter) ([]watch.Watch, error)
		Audit(ctx context.Context, f store.AuditFilter) (store.AuditPage, error)
		sequels
	}
	leader  leader
	running func() Running
	record  statusReader
	decider func() decide.Decider
	gate    func(ctx context.Context, service, environment string, now time.Time) (server.Gate, error)
	month   func(ctx context.Context, now time.Time) (map[string]sla.ServiceReport, error)
	now     func() time.Time
}

type statusReader interface {
	Status(check string, now time.Time) recording.Status
	RecentHealth(check string, since time.Time) []sample.Health
}

// KnownService implements server.Services. What happened to a service that is configured no more can
// still be asked for.
func (ss services) KnownService(ctx context.Context, name string) error {
	_, unknown := ss.running().service(name)
	if unknown == nil {
		return nil
	}
	past, err := ss.journal.Audit(ctx, store.AuditFilter{Service: name, Limit: 1})
	if err == nil && len(past.Lines) == 0 {
		err = unknown
	}
	return err
}

// ServiceList implements server.Services.
func (ss services) ServiceList(ctx context.Context) ([]server.Service, error) {
	now, running := ss.now(), ss.running()
	month, err := ss.month(ctx, now)
	if err != nil {
		return nil, err
	}
	alerts, err := ss.leader.alerts(ctx, ss.journal)
	if err != nil {
		return nil, err
	}
	checks := running.checksByService()
	all := make([]server.Service, len(running.Config.Services))
	for i := range running.Config.Services {
		svc := &running.Config.Services[i]
		v, states := serviceOf(svc, checks[svc.Name], ss.record, now)
		facts := decide.ServiceFacts{Service: svc.Name, Environment: svc.Environment, Checks: states, Alerts: alerts}
		if facts.Watches, err = ss.lastWatches(ctx, svc, now); err != nil {
			return nil, err
		}
		h := decide.ServiceHealth(facts, now)
		v.Health, v.Since, v.Reason, v.Degraded = h.Health, h.Since, h.Reason, h.Degraded
		v.Availability, v.BudgetLeft = availabilityOf(month[svc.Name])
		if v.Version, err = ss.decider().CurrentVersion(ctx, svc.Name, svc.Environment); err != nil {
			return nil, err
		}
		if v.KnownGood, err = ss.decider().KnownGoods(ctx, svc.Name, svc.Environment, now); err != nil {
			return nil, err
		}
		if v.Gate, err = ss.gate(ctx, svc.Name, svc.Environment, now); err != nil {
			return nil, err
		}
		all[i] = v
	}
	return all, nil
}

// lastWatches gives the newest watches of a service, with the rollbacks of those that failed.
func (ss services) lastWatches(ctx context.Context, svc *config.Service, now time.Time) ([]decide.Watched, error) {
	const most = 5
	found, err := ss.journal.Watches(ctx, store.WatchFilter{Service: svc.Name, Environment: svc.Environment, Since: now.Add(-2 * decide.FailedFor), Limit: most})
	if err != nil {
		return nil, err
	}
	all := make([]decide.Watched, 0, len(found))
	for i := range found {
		w := decide.Watched{Watch: *ss.leader.live(&found[i])}
		if w.State == watch.Failed {
			if w.Rollback, err = rollbackOf(ctx, ss.journal, &w.Watch); err != nil {
				return nil, err
			}
			if w.Mark, err = markOf(ctx, ss.journal, &w.Watch); err != nil {
				return nil, err
			}
		}
		all = append(all, w)
	}
	return all, nil
}

// serviceOf is a service with its checks as the API shows it, and as its state is decided by.
func serviceOf(svc *config.Service, checks []*config.Check, record statusReader, now time.Time) (server.Service, []decide.CheckState) {
	v := server.Service{Name: svc.Name, Environment: svc.Environment, Mode: svc.Watch.Mode}
	if svc.Objective != nil {
		v.Objective = float64(svc.Objective.Availability)
	}
	states := make([]decide.CheckState, len(checks))
	for i, c := range checks {
		seen := record.Status(c.Name, now)
		v.Checks = append(v.Checks, checkOf(c, seen))
		states[i] = decide.CheckState{
			Check: c.Name, Counts: c.CountsForSLA, Last: seen.Last, Since: seen.Since, Blind: seen.Blind, Why: seen.BlindReason,
			FailureRate: float64(c.FailureRate), Recent: record.RecentHealth(c.Name, now.Add(-decide.RecentLooks)),
		}
	}
	return v, states
}

// availabilityOf gives a service's availability, negative when it is not known, and the share of
// its error budget that is left.
func availabilityOf(r sla.ServiceReport) (availability, budgetLeft float64) {
	if !r.Availability.Known {
		return -1, 0
	}
	if r.Budget.Known && r.Budget.Allowed > 0 {
		budgetLeft = float64(r.Budget.Left) / float64(r.Budget.Allowed)
	}
	return r.Availability.Value, budgetLeft
}

// gates implements server.Gates.
type gates struct {
	journal alertReader
	running func() Running
	decider func() decide.Decider
	leader  leader
	health  func(check string, now time.Time) sample.Health
	now     func() time.Time
}

// Gate implements server.Gates.
func (gs gates) Gate(ctx context.Context, service, environment string) (server.Gate, error) {
	environment, err := gs.running().environmentOf(gs.decider().Settings, service, environment)
	if err != nil {
		return server.Gate{}, err
	}
	return gs.gate(ctx, service, environment, gs.now())
}

// alertReader reads alerts in the journal.
type alertReader interface {
	Alerts(ctx context.Context, f store.AlertFilter) ([]rules.Alert, error)
}

// alerts gives the alerts that are pending or firing. They are those of the leader: a standby reads
// them in the journal.
func (l leader) alerts(ctx context.Context, journal alertReader) ([]rules.Alert, error) {
	if leading, ok := l(); ok {
		return leading.Alerts.Open(), nil
	}
	return journal.Alerts(ctx, store.AlertFilter{Open: true, Limit: store.MaxLimit}) // those of no service close every gate
}

// gate asks the decider.
func (gs gates) gate(ctx context.Context, service, environment string, now time.Time) (server.Gate, error) {
	open, err := gs.leader.alerts(ctx, gs.journal)
	if err != nil {
		return server.Gate{}, err
	}
	d := gs.decider()
	present := decide.Present{Alerts: open, Health: map[string]sample.Health{}}
	if svc, ok := d.Settings.Service(service); ok && svc.Backup != "" {
		present.Health[svc.Backup] = gs.health(svc.Backup, now)
	}
	closed, err := d.Gate(ctx, service, environment, present, now)
	return server.Gate{Open: len(closed) == 0, Reasons: closed}, err
}
