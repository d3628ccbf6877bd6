package app

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"

	"guardian/internal/config"
	"guardian/internal/series"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/probes"
	"guardian/probes/marketplace"
	"guardian/probes/sample"
)

// budget keeps account of the marketplaces' quotas: what checks may use of them, and what is
// used of them by all.
type budget struct {
	now     func() time.Time
	log     *slog.Logger
	limiter *marketplace.Limiter
	meter   *marketplace.Meter

	mu       sync.Mutex
	uses     map[string][]marketplace.Use             // by check
	trends   map[string]map[string]*marketplace.Trend // by check and the labels of the used share
	counters map[string]float64                       // by series, as they were read last
	counted  map[marketplace.Bucket]float64           // Unix seconds of the newest of them
	shown    map[string]labels.Labels                 // inferred series that have a value now
	reports  map[string]string                        // by idempotency key: the body's hash
	keys     []string                                 // of reports, oldest first
}

// mostKeys is how many reports are known again.
const mostKeys = 10_000

func newBudget(now func() time.Time, log *slog.Logger) *budget {
	return &budget{
		now: now, log: log, limiter: marketplace.NewLimiter(), meter: marketplace.NewMeter(), trends: map[string]map[string]*marketplace.Trend{},
		counters: map[string]float64{}, counted: map[marketplace.Bucket]float64{}, shown: map[string]labels.Labels{}, reports: map[string]string{},
	}
}

// apply takes a configuration over. Buckets that stay keep what was used of them.
func (b *budget) apply(s *setup, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.uses = map[string][]marketplace.Use{}
	var all []marketplace.Use
	for _, c := range s.checks {
		if len(c.uses) > 0 {
			b.uses[c.Name] = c.uses
			all = append(all, c.uses...)
		}
	}
	maps.DeleteFunc(b.trends, func(check string, _ map[string]*marketplace.Trend) bool {
		_, stays := s.check(check)
		return !stays
	})
	budgets := s.config.Marketplaces.Budgets()
	b.limiter.Apply(budgets, all, now)
	b.meter.Apply(budgets)
}

// resume takes over what another process used: after each check's last look its bucket is
// taken to be empty, because what was left of it is nowhere written down.
func (b *budget) resume(states map[string]store.CheckState, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for check, uses := range b.uses {
		if st, looked := states[check]; looked {
			b.limiter.Spent(uses, st.At, now)
		}
	}
}

func (b *budget) usesOf(check string) []marketplace.Use {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.uses[check]
}

// MayLook implements probes.Budget.
func (b *budget) MayLook(check string, at time.Time) (later time.Time, why string) {
	if uses := b.usesOf(check); len(uses) > 0 {
		return b.limiter.Take(uses, at)
	}
	return time.Time{}, ""
}

// answered hears what a marketplace answered to a check: a throttle rests all checks of the
// bucket.
func (b *budget) answered(c *config.Check, a probes.Answer) {
	bucket, ok := marketplace.Asked{Method: a.Method, URL: a.URL, Labels: c.Labels}.Bucket()
	// Of kinds with one request it is known whose answer this is. The others ask the seller's
	// own system too, whose answers are no marketplace's.
	if uses := b.usesOf(c.Name); len(uses) == 1 && (c.Kind == "http" || c.Kind == "quota") {
		bucket, ok = uses[0].Bucket, true
	}
	platform, err := marketplace.Find(bucket.Marketplace)
	if !ok || err != nil {
		return
	}
	path := ""
	if u, err := url.Parse(a.URL); err == nil {
		path = u.Path
	}
	now := b.now()
	m := platform.Read(marketplace.Answer{
		Operation: bucket.Operation, Method: a.Method, Path: path, Status: a.Status, Header: a.Header, Body: a.Body,
	}, now)
	throttled := m.Class == marketplace.Throttled
	b.meter.Called(bucket, throttled, now)
	if !throttled {
		b.limiter.Answered(bucket)
		return
	}
	until := b.limiter.Throttled(bucket, m.RetryAfter, now)
	b.log.Warn("a marketplace throttled the guardian; every check of this quota rests", "check", c.Name, "marketplace", bucket.Marketplace,
		"shop", bucket.Shop, "app", bucket.App, "operation", bucket.Operation, "until", until, "told", m.RetryAfter != nil)
}

// forecast adds to a sample when the quotas that it tells of are exhausted at their present
// pace. What is left of a leaky bucket goes up and down all the time and has no forecast.
func (b *budget) forecast(s sample.Sample) sample.Sample {
	for _, v := range s.Values {
		if v.Name != "marketplace_quota_used_ratio" || v.Labels["policy"] == "bucket" {
			continue
		}
		if minutes, ok := b.trend(s.Check, fmt.Sprint(v.Labels), s.At, v.V); ok {
			s.Values = append(slices.Clip(s.Values), sample.Value{Name: "marketplace_quota_exhausted_minutes", Labels: v.Labels, V: minutes})
		}
	}
	return s
}

func (b *budget) trend(check, of string, at time.Time, used float64) (minutes float64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.trends[check] == nil {
		b.trends[check] = map[string]*marketplace.Trend{}
	}
	t := b.trends[check][of]
	if t == nil {
		const most = 100 // quotas of one check: others write their names
		if len(b.trends[check]) >= most {
			return 0, false
		}
		t = &marketplace.Trend{}
		b.trends[check][of] = t
	}
	t.Add(at, used)
	return t.Minutes()
}

// ReportCalls implements server.Calls. Keys are remembered by this process alone: whoever
// takes over begins to infer anew, so that no report is counted twice there either.
func (b backend) ReportCalls(_ context.Context, c server.CallReport, _ server.Caller) error {
	return b.budget.report(c, b.now())
}

func (b *budget) report(c server.CallReport, now time.Time) error {
	if _, err := marketplace.Find(c.Marketplace); err != nil {
		return &server.InvalidError{Fields: []server.FieldError{{Pointer: "/marketplace", Detail: err.Error()}}}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.Key != "" {
		if before, again := b.reports[c.Key]; again {
			if c.BodyHash != before {
				return server.ErrIdempotencyMismatch
			}
			return nil
		}
	}
	bucket := marketplace.Bucket{Marketplace: c.Marketplace, App: c.App, Shop: c.Shop, Operation: c.Operation}
	if err := b.meter.Report(bucket, float64(c.Calls), float64(c.Throttled), c.At, now); err != nil {
		return &server.InvalidError{Fields: []server.FieldError{{Pointer: "/operation", Detail: err.Error()}}}
	}
	if c.Key != "" {
		if len(b.keys) == mostKeys {
			delete(b.reports, b.keys[0])
			b.keys = b.keys[1:]
		}
		b.reports[c.Key], b.keys = c.BodyHash, append(b.keys, c.Key)
	}
	return nil
}

// usageEvery is how often usage is inferred anew.
const usageEvery = 15 * time.Second

// usageLoop infers what is used and writes it as series.
func (a *App) usageLoop(t *term) {
	tick := time.NewTicker(usageEvery)
	defer tick.Stop()
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-tick.C:
			a.inferUsage(t)
		}
	}
}

func (a *App) inferUsage(t *term) {
	ctx, cancel := context.WithTimeout(t.ctx, usageEvery)
	defer cancel()
	now := a.now()
	a.readCounters(ctx, a.setup.Load().config.Marketplaces, now)
	points := a.budget.points(now)
	if len(points) == 0 {
		return
	}
	if err := a.series.Append(ctx, points); err != nil && t.ctx.Err() == nil {
		a.log.Warn("inferred usage could not be kept", "error", err)
	}
	t.alerts.notice(marketplace.InferredSeries())
}

// counted is what the counters of one bucket say.
type counted struct {
	calls, throttled []promql.Sample
	oldest           float64 // time of the oldest of the newest samples, Unix seconds
	newest           float64
}

// readCounters reads what the sellers' applications count, as reports of what was added since.
func (a *App) readCounters(ctx context.Context, m config.Marketplaces, now time.Time) {
	if m.CallsMetric == "" {
		return
	}
	all := map[marketplace.Bucket]*counted{}
	of := func(l labels.Labels) *counted {
		bucket := marketplace.Bucket{Marketplace: l.Get("marketplace"), App: l.Get("app"), Shop: l.Get("shop"), Operation: l.Get("operation")}
		if all[bucket] == nil {
			all[bucket] = &counted{oldest: math.Inf(1)}
		}
		return all[bucket]
	}
	queries := map[string]func(promql.Sample){
		m.CallsMetric: func(x promql.Sample) { c := of(x.Metric); c.calls = append(c.calls, x) },
		"timestamp(" + m.CallsMetric + ")": func(x promql.Sample) {
			c := of(x.Metric)
			c.oldest, c.newest = min(c.oldest, x.F), max(c.newest, x.F)
		},
	}
	if m.ThrottledMetric != "" {
		queries[m.ThrottledMetric] = func(x promql.Sample) { c := of(x.Metric); c.throttled = append(c.throttled, x) }
	}
	for query, take := range queries {
		v, err := a.series.Query(ctx, query, now)
		if err != nil {
			a.log.Warn("the counters of calls could not be read", "query", query, "error", err)
			return
		}
		for _, x := range v {
			take(x)
		}
	}
	for bucket, c := range all {
		if err := a.budget.count(bucket, c, now); err != nil {
			a.log.Debug("calls that are counted say nothing of a quota", "bucket", bucket, "error", err)
		}
	}
}

// count reports what a bucket's counters added, once every one of them has told something
// newer than what was reported before: until then it is not known when the calls were.
func (b *budget) count(bucket marketplace.Bucket, c *counted, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	last, known := b.counted[bucket]
	if len(c.calls) == 0 || c.oldest <= last || !known && len(b.counted) >= mostKeys {
		return nil
	}
	b.counted[bucket] = c.newest
	calls, throttled := b.added(c.calls), b.added(c.throttled)
	// What is throttled is counted among the calls and was not served.
	return b.meter.Report(bucket, max(calls-throttled, 0), throttled, time.UnixMilli(int64(c.newest*1000)), now)
}

// added gives by how much counters grew since they were read last; nothing at first.
func (b *budget) added(counters []promql.Sample) (sum float64) {
	for _, x := range counters {
		key := x.Metric.String()
		before, known := b.counters[key]
		if !known && len(b.counters) >= mostKeys {
			continue
		}
		b.counters[key] = x.F
		switch {
		case !known, math.IsNaN(x.F):
		case x.F < before: // it began anew
			sum += x.F
		default:
			sum += x.F - before
		}
	}
	return sum
}

// points are what is inferred now, and stale markers for what is not any more.
func (b *budget) points(now time.Time) []series.Point {
	b.mu.Lock()
	defer b.mu.Unlock()
	var points []series.Point
	shown := map[string]labels.Labels{}
	add := func(l labels.Labels, v float64) {
		points = append(points, series.Point{Metric: l, T: now.UnixMilli(), F: v})
	}
	for _, e := range b.meter.Read(now) {
		put := func(name string, v float64) {
			l := labels.FromMap(map[string]string{
				labels.MetricName: name, "marketplace": e.Bucket.Marketplace, "app": e.Bucket.App, "shop": e.Bucket.Shop,
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
	for name, l := range b.shown {
		if _, still := shown[name]; !still {
			add(l, math.Float64frombits(value.StaleNaN))
		}
	}
	b.shown = shown
	return points
}
