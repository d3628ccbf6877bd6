package app

import (
	"context"
	"errors"
	"time"

	"guardian/internal/netpath"
	"guardian/internal/quota"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/probes/marketplace"
	"guardian/watch"
)

// pathChecks gives the checks as netpath needs them.
func pathChecks(checks []builtCheck) []netpath.Check {
	all := make([]netpath.Check, len(checks))
	for i, c := range checks {
		all[i] = netpath.Check{Name: c.Name, Path: c.path, Control: c.control, Fresh: watch.BlindAfter(c.Every)}
	}
	return all
}

// quotaSettings gives what a setup says about quotas.
func quotaSettings(s *setup) quota.Settings {
	m := s.config.Marketplaces
	q := quota.Settings{Budgets: m.Budgets(), CallsMetric: m.CallsMetric, ThrottledMetric: m.ThrottledMetric}
	for _, c := range s.checks {
		q.Checks = append(q.Checks, quota.Check{
			Name: c.Name, Labels: c.Labels, Uses: c.uses, SingleRequest: c.Kind == "http" || c.Kind == "quota",
		})
	}
	return q
}

// lookedAt gives when each check looked last.
func lookedAt(states map[string]store.CheckState) map[string]time.Time {
	at := make(map[string]time.Time, len(states))
	for check, s := range states {
		at[check] = s.At
	}
	return at
}

// ReportCalls implements server.Calls.
func (b backend) ReportCalls(_ context.Context, c server.CallReport, _ server.Caller) error {
	err := b.quotas.Report(quota.CallReport{
		Bucket: marketplace.Bucket{Marketplace: c.Marketplace, App: c.App, Shop: c.Shop, Operation: c.Operation},
		Calls:  c.Calls, Throttled: c.Throttled, At: c.At, Key: c.Key, Body: c.BodyHash,
	})
	var invalid *quota.InvalidError
	switch {
	case errors.Is(err, quota.ErrKeyReused):
		return server.ErrIdempotencyMismatch
	case errors.As(err, &invalid):
		return &server.InvalidError{Fields: []server.FieldError{{Pointer: "/" + invalid.Field, Detail: invalid.Err.Error()}}}
	default:
		return err
	}
}
