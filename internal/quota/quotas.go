package quota

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"guardian/internal/reason"
	"guardian/probes"
	"guardian/probes/marketplace"
	"guardian/probes/sample"
)

// Series is where counters of calls are read, and inferred usage is written.
type Series interface {
	Query(ctx context.Context, expr string, at time.Time) (promql.Vector, error)
	Append(ctx context.Context, points []promql.Sample) error
}

// Options are what Quotas needs; Series and Now must be set.
type Options struct {
	Series     Series
	Now        func() time.Time
	Log        *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // nil: no metrics
	// OnWritten gets the samples that Run wrote, to be read only; nil: nobody does.
	OnWritten func(samples []promql.Sample)
}

// Settings are what a configuration says about quotas.
type Settings struct {
	Budgets marketplace.Budgets
	Checks  []Check // all of them
	// CallsMetric is a counter of the calls of the seller's applications, ThrottledMetric of those
	// of them that were throttled; "": there is none.
	CallsMetric, ThrottledMetric string
}

// Check is what Quotas needs to know about a check.
type Check struct {
	Name   string
	Labels map[string]string
	Uses   []marketplace.Use // none: it calls no marketplace
	// SingleRequest says that each look makes one request, so that whatever answers it is the
	// marketplace. Other checks call the seller's own systems too.
	SingleRequest bool
}

// Quotas keeps account of quotas.
type Quotas struct {
	o       Options
	metrics *metrics
	limiter *marketplace.Limiter
	meter   *marketplace.Meter

	mu       sync.Mutex
	settings Settings
	checks   map[string]Check
	trends   map[string]map[string]*marketplace.Trend // by check and the labels of the used share
	reports  reports
	counters counters
	shown    map[string]labels.Labels // inferred series that have a value now
}

// New makes Quotas without any check.
func New(o Options) *Quotas {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.OnWritten == nil {
		o.OnWritten = func([]promql.Sample) {}
	}
	return &Quotas{
		o: o, metrics: newMetrics(o.Registerer), limiter: marketplace.NewLimiter(), meter: marketplace.NewMeter(),
		trends: map[string]map[string]*marketplace.Trend{}, reports: newReports(), counters: newCounters(), shown: map[string]labels.Labels{},
	}
}

// Apply takes over a configuration. Quotas that stay keep what was used of them.
func (q *Quotas) Apply(s Settings) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.settings, q.checks = s, make(map[string]Check, len(s.Checks))
	var uses []marketplace.Use
	for _, c := range s.Checks {
		q.checks[c.Name] = c
		uses = append(uses, c.Uses...)
	}
	maps.DeleteFunc(q.trends, func(check string, _ map[string]*marketplace.Trend) bool {
		_, stays := q.checks[check]
		return !stays
	})
	q.limiter.Apply(s.Budgets, uses, q.o.Now())
	q.meter.Apply(s.Budgets)
}

// Resume takes over after another process that looked last at these times, by check. How much
// it left of its budgets is not recorded, so each is taken to have been empty then.
func (q *Quotas) Resume(looked map[string]time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for name, c := range q.checks {
		if at, ok := looked[name]; ok && len(c.Uses) > 0 {
			q.limiter.Spent(c.Uses, at, q.o.Now())
		}
	}
}

func (q *Quotas) check(name string) Check {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.checks[name]
}

// MayLook implements probes.Budget.
func (q *Quotas) MayLook(check string, at time.Time) (later time.Time, why reason.Reason) {
	if uses := q.check(check).Uses; len(uses) > 0 {
		return q.limiter.Take(uses, at)
	}
	return time.Time{}, reason.Reason{}
}

// Answered takes an answer that a check got. If a marketplace throttled it, all checks of the
// quota rest.
func (q *Quotas) Answered(check string, a probes.Answer) {
	c := q.check(check)
	bucket, ok := marketplace.Asked{Method: a.Method, URL: a.URL, Labels: c.Labels}.Bucket()
	if len(c.Uses) == 1 && c.SingleRequest {
		bucket, ok = c.Uses[0].Bucket, true
	}
	platform, err := marketplace.Find(bucket.Marketplace)
	if !ok || err != nil {
		return
	}
	path := ""
	if u, err := url.Parse(a.URL); err == nil {
		path = u.Path
	}
	now := q.o.Now()
	m := platform.Read(marketplace.Answer{
		Operation: bucket.Operation, Method: a.Method, Path: path, Status: a.Status, Header: a.Header, Body: a.Body,
	}, now)
	throttled := m.Class == marketplace.Throttled
	q.meter.Called(bucket, throttled, now)
	if !throttled {
		q.limiter.Answered(bucket)
		return
	}
	q.metrics.throttled.WithLabelValues(bucket.Marketplace).Inc()
	until := q.limiter.Throttled(bucket, m.RetryAfter, now)
	q.o.Log.Warn("a marketplace throttled the guardian; every check of this quota rests", "check", check, "marketplace", bucket.Marketplace,
		"shop", bucket.Shop, "app", bucket.App, "operation", bucket.Operation, "until", until, "retry_after_given", m.RetryAfter != nil)
}

// Forecast adds to a sample in how many minutes the quotas that it measured are exhausted at
// their present pace. What is left of a leaky bucket goes up and down all the time, so that
// there is no forecast of it.
func (q *Quotas) Forecast(s sample.Sample) sample.Sample {
	for _, v := range s.Values {
		if v.Name != "marketplace_quota_used_ratio" || v.Labels["policy"] == "bucket" {
			continue
		}
		if minutes, ok := q.exhausted(s.Check, fmt.Sprint(v.Labels), s.At, v.V); ok {
			s.Values = append(slices.Clip(s.Values), sample.Value{Name: "marketplace_quota_exhausted_minutes", Labels: v.Labels, V: minutes})
		}
	}
	return s
}

// maxTrends bounds the quotas of one check whose trend is followed: their names come from
// others' answers.
const maxTrends = 100

// exhausted gives the minutes until a quota is exhausted, with the share that is used of it now.
func (q *Quotas) exhausted(check, quota string, at time.Time, used float64) (minutes float64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.trends[check] == nil {
		q.trends[check] = map[string]*marketplace.Trend{}
	}
	t := q.trends[check][quota]
	if t == nil {
		if len(q.trends[check]) >= maxTrends {
			return 0, false
		}
		t = &marketplace.Trend{}
		q.trends[check][quota] = t
	}
	t.Add(at, used)
	return t.Minutes()
}
