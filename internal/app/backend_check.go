package app

import (
	"context"
	"time"

	"guardian/internal/config"
	"guardian/internal/server"
)

// CheckDetail implements server.Checks.
func (b backend) CheckDetail(_ context.Context, name string) (server.CheckDetail, error) {
	s := b.setup.Load()
	c, ok := s.check(name)
	if !ok {
		known := make([]string, len(s.checks))
		for i := range s.checks {
			known[i] = s.checks[i].Name
		}
		return server.CheckDetail{}, &server.NotFoundError{What: "check", Name: name, Known: known}
	}
	seen := b.record.Status(name, b.now())
	d := server.CheckDetail{
		Check:   server.Check{Name: c.Name, Kind: c.Kind, Labels: c.Labels, Every: c.Every, Last: seen.Last, Since: seen.Since},
		Service: c.Service, Timeout: c.Timeout, Path: c.path, Control: c.control, Judges: c.judges, Counts: c.counts,
		Retries: c.Retry.Times, BurstEvery: time.Duration(c.Recheck.Interval), BurstFor: time.Duration(c.Recheck.For),
		FollowUps: b.record.RecheckStats(c.Service)[name],
	}
	if seen.Blind {
		d.Blind, d.BlindSince = seen.BlindReason, seen.BlindSince
	}
	if conf, ok := s.config.Check(name); ok {
		for _, line := range config.Shown(conf.Settings) {
			d.Settings = append(d.Settings, server.Setting{Key: line.Key, Value: b.redactor.Redact(line.Value)})
		}
	}
	looks, failures := b.record.Results(name)
	d.Looks, d.Failures = lookDetails(looks), lookDetails(failures)
	return d, nil
}
