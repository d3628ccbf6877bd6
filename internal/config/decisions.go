package config

import (
	"fmt"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/notifiers/route"
	"guardian/watch"
)

// Decisions gives what the configuration says about decisions.
func (c *Config) Decisions() (*decide.Settings, error) {
	s := decide.Settings{
		Runbooks: map[string]decide.Runbook{}, Escalations: c.Policies,
		Brake: actions.BrakeLimit{MaxFailingServices: c.Brake.MaxFailingServices, Within: time.Duration(c.Brake.Within)},
	}
	for _, svc := range c.Services {
		s.Services = append(s.Services, decide.Service{
			Name: svc.Name, Environment: svc.Environment, Watch: svc.Watch, Rollback: svc.Rollback, KnownGood: svc.KnownGood,
			Undo: svc.Undo, RollbackUnasked: !svc.RollbackAsks, Backup: svc.Gate.Backup, Rehearses: !svc.Production,
		})
	}
	for i := range c.Checks {
		ch := &c.Checks[i]
		s.Checks = append(s.Checks, decide.Check{
			CheckPolicy: ch.Policy(), Service: ch.Service, Judges: ch.Watch, Control: ch.Control, BlindAfter: time.Duration(ch.BlindAfter),
		})
	}
	for i := range c.Runbooks {
		b := &c.Runbooks[i]
		s.Runbooks[b.Name] = decide.Runbook{
			Cooldown: time.Duration(b.Cooldown), MaxRunsPerDay: b.MaxRunsPerDay, ApprovalWithin: time.Duration(b.Approval.Timeout), Misfit: b.Misfit,
			StopsHarm: b.OnlyStopsHarm(), Applies: b.Applies,
		}
	}
	for _, o := range c.OnAlert {
		s.OnAlert = append(s.OnAlert, decide.OnAlert{Match: o.Match, Runbook: o.Runbook, Mode: o.Mode})
	}
	s.People = c.People
	for _, t := range c.Tokens {
		if t.Role == "approver" || t.Role == "admin" {
			s.Approvers = append(s.Approvers, t.Name)
		}
	}
	for _, f := range c.Freezes {
		s.Freezes = append(s.Freezes, watch.Freeze{Name: f.Name, From: f.From.UTC(), To: f.To.UTC(), Services: f.Services, Allow: f.Allow})
	}
	for _, m := range c.Maintenance {
		s.Maintenance = append(s.Maintenance, decide.Maintenance{Name: m.Name, Service: m.Service, Spans: func(from, to time.Time) []decide.Span {
			return m.Windows(from, to, c.Location())
		}})
	}
	var err error
	if s.Inhibitions, err = route.NewInhibitions(c.InhibitRules); err != nil {
		return nil, err
	}
	var names []string
	for _, r := range c.Receivers {
		names = append(names, r.Name)
	}
	if len(names) > 0 {
		if s.Routes, err = route.New(c.Routes, names, c.TimeIntervals); err != nil {
			return nil, fmt.Errorf("routes: %w", err)
		}
	}
	return decide.NewSettings(s), nil
}
