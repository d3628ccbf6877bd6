package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql"

	"guardian/internal/config"
	"guardian/watch"
)

// countLoop reads the counters that open watches are judged on.
func (a *App) countLoop(t *term) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-tick.C:
			for _, e := range t.watches.of("") {
				a.count(t, e)
			}
		}
	}
}

// count reads what is due of one watch. A reading that cannot be made is no evidence.
func (a *App) count(t *term, e *watched) {
	now := a.now()
	e.mu.Lock()
	due := e.w.DueCounters(now)
	e.mu.Unlock()
	if len(due) == 0 {
		return
	}
	svc, ok := a.setup.Load().service(e.deploy.Service)
	if !ok {
		return
	}
	for _, m := range svc.Watch.Metrics {
		if !slices.Contains(due, m.Name) {
			continue
		}
		r, err := a.reading(t.ctx, m, now)
		if err != nil {
			a.log.Debug("counters could not be read", "service", svc.Name, "metric", m.Name, "error", err)
			continue
		}
		_ = a.step(t, e, func(w *watch.Watch) *watch.Verdict { return w.Measure(m.Name, r, now) })
	}
}

// counting answers queries for what counters stand at.
type counting interface {
	Query(ctx context.Context, expr string, at time.Time) (promql.Vector, error)
	QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (promql.Matrix, error)
}

// asked gives who answers for a pair of counters.
func (a *App) asked(m watch.CounterSettings) (counting, error) {
	if m.Source == "" {
		return a.series, nil
	}
	src, ok := a.setup.Load().sources[m.Source]
	if !ok {
		return nil, fmt.Errorf("rule source %s is not configured any more", m.Source)
	}
	return src, nil
}

// reading asks what the counters stand at. Without a total there is nothing to judge; without
// failures there are none, as Prometheus knows no counter before its first event.
func (a *App) reading(ctx context.Context, m watch.CounterSettings, at time.Time) (watch.Reading, error) {
	r := watch.Reading{At: at}
	from, err := a.asked(m)
	if err != nil {
		return r, err
	}
	if r.Total, err = standing(ctx, from, m.Total, at); err != nil {
		return r, err
	}
	r.Empty = len(r.Total) == 0
	r.Failures, err = standing(ctx, from, m.Failures, at)
	return r, err
}

// standing asks what a counter stands at.
func standing(ctx context.Context, from counting, expr string, at time.Time) (watch.CounterValues, error) {
	v, err := from.Query(ctx, watch.EachSeries(expr), at)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", expr, err)
	}
	return watch.CounterValuesOf(v), nil
}

// countersBefore reads what the counters of a service did before a deploy.
// What failed deploys spoilt is left out.
func (a *App) countersBefore(ctx context.Context, svc config.Service, switched time.Time) []watch.CounterBefore {
	var all []watch.CounterBefore
	if len(svc.Watch.Metrics) == 0 {
		return nil
	}
	spoilt, err := a.spoilt(ctx, svc.Name, switched)
	if err != nil {
		a.log.Warn("what failed deploys spoilt is not left out of the history of counters", "service", svc.Name, "error", err)
	}
	for _, m := range svc.Watch.Metrics {
		b := watch.CounterBefore{CounterPolicy: m.Policy()}
		readings, err := a.readingsBefore(ctx, m, switched.Add(-time.Duration(svc.Watch.Baseline.Window)), switched)
		if err != nil {
			a.log.Warn("a deploy is watched without the history of a counter", "service", svc.Name, "metric", m.Name, "error", err)
		}
		readings = slices.DeleteFunc(readings, func(r watch.Reading) bool { return during(spoilt, r.At) })
		b.History = watch.NewCounterHistory(readings)
		all = append(all, b)
	}
	return all
}

func (a *App) readingsBefore(ctx context.Context, m watch.CounterSettings, from, to time.Time) ([]watch.Reading, error) {
	source, err := a.asked(m)
	if err != nil {
		return nil, err
	}
	from = from.Truncate(time.Second) // what others answer is in milliseconds
	total, err := source.QueryRange(ctx, watch.EachSeries(m.Total), from, to, watch.CounterEvery)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", m.Total, err)
	}
	failures, err := source.QueryRange(ctx, watch.EachSeries(m.Failures), from, to, watch.CounterEvery)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", m.Failures, err)
	}
	return watch.ReadingsOf(failures, total, from, to), nil
}
