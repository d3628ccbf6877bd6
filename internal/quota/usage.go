package quota

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"

	"guardian/probes/marketplace"
)

// inferInterval is how often usage is inferred anew.
const inferInterval = 15 * time.Second

// Run infers how much of the quotas is used, again and again until ctx ends.
func (q *Quotas) Run(ctx context.Context) {
	tick := time.NewTicker(inferInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			q.Infer(ctx)
		}
	}
}

// Infer infers once how much of the quotas is used, and writes it as series.
func (q *Quotas) Infer(ctx context.Context) {
	asked, cancel := context.WithTimeout(ctx, inferInterval)
	defer cancel()
	now := q.o.Now()
	q.readCounters(asked, now)
	points := q.points(now)
	if len(points) == 0 {
		return
	}
	if err := q.o.Series.Append(asked, points); err != nil && ctx.Err() == nil {
		q.o.Log.Warn("the inferred usage of quotas could not be written", "error", err)
	}
	q.o.OnWritten(points)
}

// counters is what the seller's applications count, as it was read last.
type counters struct {
	value  map[string]float64             // by series
	newest map[marketplace.Bucket]float64 // Unix seconds of the newest sample
}

func newCounters() counters {
	return counters{value: map[string]float64{}, newest: map[marketplace.Bucket]float64{}}
}

// reading is what the counters of one quota say now.
type reading struct {
	calls, throttled []promql.Sample
	oldest, newest   float64 // times of the counters' newest samples, Unix seconds
}

// readCounters reads the counters of the seller's applications, as reports of what was added to
// them.
func (q *Quotas) readCounters(ctx context.Context, now time.Time) {
	q.mu.Lock()
	calls, throttled := q.settings.CallsMetric, q.settings.ThrottledMetric
	q.mu.Unlock()
	if calls == "" {
		return
	}
	all := map[marketplace.Bucket]*reading{}
	of := func(l labels.Labels) *reading {
		b := marketplace.Bucket{Marketplace: l.Get("marketplace"), App: l.Get("app"), Shop: l.Get("shop"), Operation: l.Get("operation")}
		if all[b] == nil {
			all[b] = &reading{oldest: math.Inf(1)}
		}
		return all[b]
	}
	queries := map[string]func(promql.Sample){
		calls: func(x promql.Sample) { r := of(x.Metric); r.calls = append(r.calls, x) },
		"timestamp(" + calls + ")": func(x promql.Sample) {
			r := of(x.Metric)
			r.oldest, r.newest = min(r.oldest, x.F), max(r.newest, x.F)
		},
	}
	if throttled != "" {
		queries[throttled] = func(x promql.Sample) { r := of(x.Metric); r.throttled = append(r.throttled, x) }
	}
	for query, add := range queries {
		v, err := q.o.Series.Query(ctx, query, now)
		if err != nil {
			q.o.Log.Warn("the counters of calls could not be read", "query", query, "error", err)
			return
		}
		for _, x := range v {
			add(x)
		}
	}
	for bucket, r := range all {
		if err := q.count(bucket, r, now); err != nil {
			q.o.Log.Debug("counted calls belong to no known quota", "bucket", bucket, "error", err)
		}
	}
}

// count reports what was added to the counters of a quota, once each of them has a sample that
// is newer than the last report: before that it is not known when the calls were made.
func (q *Quotas) count(bucket marketplace.Bucket, r *reading, now time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	last, known := q.counters.newest[bucket]
	if len(r.calls) == 0 || r.oldest <= last || !known && len(q.counters.newest) >= maxKeys {
		return nil
	}
	q.counters.newest[bucket] = r.newest
	calls, throttled := q.counters.added(r.calls), q.counters.added(r.throttled)
	// The calls include those that were throttled, which were not served.
	return q.meter.Report(bucket, max(calls-throttled, 0), throttled, time.UnixMilli(int64(r.newest*1000)), now)
}

// added gives by how much counters grew since they were read last; nothing for new ones.
func (c *counters) added(now []promql.Sample) (sum float64) {
	for _, x := range now {
		key := x.Metric.String()
		before, known := c.value[key]
		if !known && len(c.value) >= maxKeys {
			continue
		}
		c.value[key] = x.F
		switch {
		case !known, math.IsNaN(x.F):
		case x.F < before: // it was reset
			sum += x.F
		default:
			sum += x.F - before
		}
	}
	return sum
}

// points are what is inferred now, and stale markers for what was inferred before and is not now.
func (q *Quotas) points(now time.Time) []promql.Sample {
	q.mu.Lock()
	defer q.mu.Unlock()
	var points []promql.Sample
	shown := map[string]labels.Labels{}
	add := func(l labels.Labels, v float64) {
		points = append(points, promql.Sample{Metric: l, T: now.UnixMilli(), F: v})
	}
	for _, e := range q.meter.Read(now) {
		put := func(name string, v float64) {
			l := labels.FromMap(map[string]string{
				model.MetricNameLabel: name, "marketplace": e.Bucket.Marketplace, "app": e.Bucket.App, "shop": e.Bucket.Shop,
				"operation": e.Bucket.Operation, "source": string(marketplace.Inferred),
			}).WithoutEmpty()
			shown[l.String()] = l
			add(l, v)
		}
		put("marketplace_quota_limit", e.Limit.Burst)
		put("marketplace_quota_used_ratio", e.Used)
		put("marketplace_quota_used_uncertainty", e.Uncertainty)
		if e.Minutes != nil {
			put("marketplace_quota_exhausted_minutes", *e.Minutes)
		}
	}
	for name, l := range q.shown {
		if _, still := shown[name]; !still {
			add(l, math.Float64frombits(value.StaleNaN))
		}
	}
	q.shown = shown
	return points
}
