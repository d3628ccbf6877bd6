package api

import (
	"context"
	"time"

	"guardian/decide"
	"guardian/internal/config"
	"guardian/internal/recording"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/rules"
	"guardian/sla"
)

// services implements server.Services.
type services struct {
	running func() Running
	record  statusReader
	decider func() decide.Decider
	gate    func(ctx context.Context, service, environment string, now time.Time) (server.Gate, error)
	month   func(ctx context.Context, now time.Time) (map[string]sla.ServiceReport, error)
	now     func() time.Time
}

type statusReader interface {
	Status(check string, now time.Time) recording.Status
}

// ServiceList implements server.Services.
func (ss services) ServiceList(ctx context.Context) ([]server.Service, error) {
	now, running := ss.now(), ss.running()
	month, err := ss.month(ctx, now)
	if err != nil {
		return nil, err
	}
	checks := running.checksByService()
	all := make([]server.Service, len(running.Config.Services))
	for i := range running.Config.Services {
		svc := &running.Config.Services[i]
		v := serviceOf(svc, checks[svc.Name], ss.record, now)
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

// serviceOf is a service with its checks as the API shows it.
func serviceOf(svc *config.Service, checks []*config.Check, record statusReader, now time.Time) server.Service {
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
		}
	}
	h := decide.ServiceHealth(states)
	v.Health, v.Since, v.Reason = h.Health, h.Since, h.Reason
	return v
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
	journal interface {
		Alerts(ctx context.Context, f store.AlertFilter) ([]rules.Alert, error)
	}
	running func() Running
	decider func() decide.Decider
	leader  leader
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

// gate asks the decider. The alerts are those of the leader: a standby reads them in the journal.
func (gs gates) gate(ctx context.Context, service, environment string, now time.Time) (server.Gate, error) {
	var present decide.Present
	if leading, ok := gs.leader(); ok {
		present.Alerts = leading.Alerts.Open()
	} else {
		saved, err := gs.journal.Alerts(ctx, store.AlertFilter{Open: true, Limit: store.MaxLimit}) // those of no service close every gate
		if err != nil {
			return server.Gate{}, err
		}
		present.Alerts = saved
	}
	closed, err := gs.decider().Gate(ctx, service, environment, present, now)
	return server.Gate{Open: len(closed) == 0, Reasons: closed}, err
}
