package api

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/promql"

	"guardian/internal/config"
	"guardian/internal/reason"
	"guardian/internal/recording"
	"guardian/internal/secret"
	"guardian/internal/series"
	"guardian/internal/server"
	"guardian/probes/sample"
	"guardian/watch"
)

// checks implements server.Checks.
type checks struct {
	running func() Running
	record  interface {
		statusReader
		RecheckStats(service string) map[string]watch.RecheckStats
		Results(check string) (all, failed []recording.Result)
	}
	redactor *secret.Redactor
	now      func() time.Time
}

// CheckDetail implements server.Checks.
func (cs checks) CheckDetail(_ context.Context, name string) (server.CheckDetail, error) {
	c, err := cs.running().check(name)
	if err != nil {
		return server.CheckDetail{}, err
	}
	seen := cs.record.Status(name, cs.now())
	d := server.CheckDetail{
		Check: checkOf(c, seen), Service: c.Service, Timeout: time.Duration(c.Timeout), Path: c.NetworkPath, Control: c.Control,
		Judges: c.Watch, Counts: c.CountsForSLA,
		Retries: c.Retry.Times, BurstEvery: time.Duration(c.Recheck.Interval), BurstFor: time.Duration(c.Recheck.For),
		FollowUps: cs.record.RecheckStats(c.Service)[name],
	}
	if seen.Blind {
		d.Blind, d.BlindSince = seen.BlindReason, seen.BlindSince
	}
	for _, line := range config.Shown(c.Settings) {
		d.Settings = append(d.Settings, server.Setting{Key: line.Key, Value: cs.redactor.Redact(line.Value)})
	}
	looks, failures := cs.record.Results(name)
	d.Looks, d.Failures = lookDetails(looks), lookDetails(failures)
	return d, nil
}

// checkOf is a check with what it saw last as the API shows it.
func checkOf(c *config.Check, seen recording.Status) server.Check {
	return server.Check{Name: c.Name, Kind: c.Kind, Labels: c.Labels, Every: time.Duration(c.Every), Last: seen.Last, Since: seen.Since}
}

// lookDetails gives results as pages and API show them.
func lookDetails(results []recording.Result) []server.LookDetail {
	all := make([]server.LookDetail, len(results))
	for i, r := range results {
		all[i] = server.LookDetail{
			At: r.At, Duration: r.Duration, Health: r.Health, Raised: r.Recheck, Reason: r.Reason, Version: r.Version,
			Values: make([]server.LookValue, len(r.Values)), Detail: r.Detail,
		}
		for k, v := range r.Values {
			all[i].Values[k] = server.LookValue{Name: v.Name, Of: v.Of, V: v.V}
		}
	}
	return all
}

// looks implements server.Looks by the series: each look left its duration there, and whether it
// was up, or that it was unknown. The reasons are those of the looks that are still in memory.
type looks struct {
	series interface {
		Instant(ctx context.Context, expr string, at time.Time, ask series.Ask) (series.Result, error)
	}
	record interface {
		Recent(service string) []sample.Sample
	}
}

// lookKey names a look: samples have no other ID than their time.
type lookKey struct {
	check string
	at    int64 // Unix milliseconds
}

// Looks implements server.Looks.
func (ls looks) Looks(ctx context.Context, service string, from, to time.Time, limit int) (map[string][]server.Look, error) {
	all := map[string][]server.Look{}
	length := to.Sub(from).Truncate(time.Millisecond)
	if length <= 0 {
		return all, nil
	}
	selector := fmt.Sprintf("{service=%q}[%dms]", service, length.Milliseconds())
	up, took := map[lookKey]float64{}, map[lookKey]float64{}
	if err := ls.read(ctx, "probe_success"+selector, to, func(k lookKey, v float64) { up[k] = v }); err != nil {
		return nil, err
	}
	if err := ls.read(ctx, "probe_duration_seconds"+selector, to, func(k lookKey, v float64) { took[k] = v }); err != nil {
		return nil, err
	}
	reasons := map[lookKey]reason.Reason{}
	for _, s := range ls.record.Recent(service) {
		reasons[lookKey{s.Check, s.At.UnixMilli()}] = s.Reason
	}
	if err := ls.read(ctx, "probe_unknown"+selector, to, func(k lookKey, unknown float64) {
		l := server.Look{At: timestamp.Time(k.at).UTC(), Reason: reasons[k]}
		if d := took[k]; !math.IsNaN(d) {
			l.Duration = time.Duration(d * float64(time.Second))
		}
		switch u, known := up[k]; {
		case unknown == 1 || !known:
			l.Health = sample.Unknown
		case u == 1:
			l.Health = sample.Up
		default:
			l.Health = sample.Down
		}
		all[k.check] = append(all[k.check], l)
	}); err != nil {
		return nil, err
	}
	for check, of := range all {
		all[check] = thin(of, limit)
	}
	return all, nil
}

// read hands on every sample of a range of series.
func (ls looks) read(ctx context.Context, expr string, to time.Time, each func(lookKey, float64)) error {
	r, err := ls.series.Instant(ctx, expr, to, series.Ask{})
	if err != nil {
		return err
	}
	matrix, ok := r.Value.(promql.Matrix)
	if !ok {
		return fmt.Errorf("read %s: got %T, want a matrix", expr, r.Value)
	}
	for _, s := range matrix {
		check := s.Metric.Get("check")
		for _, f := range s.Floats {
			each(lookKey{check, f.T}, f.F)
		}
	}
	return nil
}

// thin leaves out looks that were Up until about limit are left; the others all stay.
func thin(all []server.Look, limit int) []server.Look {
	if limit <= 0 || len(all) <= limit {
		return all
	}
	every := (len(all) + limit - 1) / limit
	var out []server.Look
	for i, l := range all {
		if l.Health != sample.Up || i%every == 0 {
			out = append(out, l)
		}
	}
	return out
}
