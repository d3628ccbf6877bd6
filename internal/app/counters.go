package app

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/timestamp"

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

// reading asks the series what the counters stand at. Without a total there is nothing to
// judge; without failures there are none, as Prometheus knows no counter before its first event.
func (a *App) reading(ctx context.Context, m watch.CounterSettings, at time.Time) (watch.Reading, error) {
	r := watch.Reading{At: at}
	total, found, err := a.sum(ctx, m.Total, at)
	if err != nil {
		return r, err
	}
	r.Total, r.Empty = total, !found
	r.Failures, _, err = a.sum(ctx, m.Failures, at)
	return r, err
}

// sum adds up what a query gives.
func (a *App) sum(ctx context.Context, expr string, at time.Time) (sum float64, found bool, err error) {
	v, err := a.series.Query(ctx, expr, at)
	if err != nil {
		return 0, false, fmt.Errorf("ask %s: %w", expr, err)
	}
	for _, s := range v {
		if s.H == nil && !math.IsNaN(s.F) {
			sum += s.F
			found = true
		}
	}
	return sum, found, nil
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
	type point struct {
		v     float64
		found bool
	}
	read := func(expr string) (map[int64]point, error) {
		matrix, err := a.series.QueryRange(ctx, expr, from, to, watch.CounterEvery)
		if err != nil {
			return nil, fmt.Errorf("ask %s: %w", expr, err)
		}
		sums := map[int64]point{}
		for _, s := range matrix {
			for _, f := range s.Floats {
				if !math.IsNaN(f.F) {
					sums[f.T] = point{sums[f.T].v + f.F, true}
				}
			}
		}
		return sums, nil
	}
	totals, err := read(m.Total)
	if err != nil {
		return nil, err
	}
	failures, err := read(m.Failures)
	if err != nil {
		return nil, err
	}
	// What was before the first total that there ever was is not emptiness: nobody counted yet.
	var readings []watch.Reading
	for at := from; !at.After(to); at = at.Add(watch.CounterEvery) {
		ms := timestamp.FromTime(at)
		p := totals[ms]
		if len(readings) == 0 && !p.found {
			continue
		}
		readings = append(readings, watch.Reading{At: at, Failures: failures[ms].v, Total: p.v, Empty: !p.found})
	}
	return readings, nil
}
