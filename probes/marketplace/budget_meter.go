package marketplace

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	mostBuckets = 1000
	// reportTimeout is how long after the last report usage becomes unknown.
	reportTimeout = 10 * time.Minute
	// maxInferred is the highest usage that is inferred without a throttle.
	maxInferred = 0.99
)

// Meter infers how much of each bucket's quota is used, for platforms that do not tell it: from
// reports of the seller's applications, the guardian's own calls, and throttles. It models the
// platform's token bucket twice, with the reported calls at the best and at the worst moment since
// the report before. The truth is between, if the limit is right and all applications report. It
// reads no clock and is safe for concurrent use.
type Meter struct {
	mu      sync.Mutex
	budgets Budgets
	buckets map[Bucket]*metered
}

// metered is one bucket. lo and hi bound the used calls in the bucket at a time.
type metered struct {
	limit    Limit
	lo, hi   float64
	at       time.Time
	reported time.Time // of the seller's last report; zero: none
	exact    time.Time // when a throttle of the guardian's own calls showed that it is full
	full     bool      // throttled since the last report without throttles
	trend    Trend
}

// Estimate is the inferred usage of one bucket.
type Estimate struct {
	Bucket      Bucket
	Limit       Limit
	Used        float64  // share of the burst, 0 to 1; 1 only after a throttle
	Uncertainty float64  // how much more or less it may be, 0 to 0.5
	Minutes     *float64 // until it is exhausted at the present pace; nil: not known
}

// InferredSeries are the series of inferred usage, all with source="inferred".
func InferredSeries() []string {
	return []string{
		"marketplace_quota_limit", "marketplace_quota_used_ratio", "marketplace_quota_used_uncertainty", "marketplace_quota_exhausted_minutes",
	}
}

// NewMeter makes a Meter without buckets.
func NewMeter() *Meter { return &Meter{buckets: map[Bucket]*metered{}} }

// Apply sets the limits; buckets whose limit has changed start again.
func (m *Meter) Apply(b Budgets) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.budgets = b
	for a, x := range m.buckets {
		if limit, known := b.Limit(a); !known || limit != x.limit {
			delete(m.buckets, a)
		}
	}
}

// Report adds the calls of the seller's applications since their last report. After the first report
// of a bucket its usage is still unknown. It fails if the limit of the operation is unknown, or if
// there are too many buckets.
func (m *Meter) Report(a Bucket, calls, throttled float64, at, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.buckets[a]
	if x == nil {
		limit, known := m.budgets.Limit(a)
		if !known {
			return fmt.Errorf("the limit of %s is not known; give rate and burst under marketplaces.operations", a)
		}
		if m.forget(now); len(m.buckets) >= mostBuckets {
			return fmt.Errorf("usage of %d operations and shops is inferred already, which is the most", mostBuckets)
		}
		// What was used before is unknown: from nothing to all.
		x = &metered{limit: limit, hi: limit.Burst, at: at}
		m.buckets[a] = x
	}
	if at.After(now) {
		at = now
	}
	since := x.reported
	if since.IsZero() || at.Before(since) {
		since = at
	}
	x.take(calls, since, at)
	if x.full = throttled > 0; x.full {
		// It was full at some moment since the last report.
		x.lo = max(x.lo, x.limit.Burst-x.limit.Rate*at.Sub(since).Seconds())
		x.hi = x.limit.Burst
	}
	if at.After(x.reported) {
		x.reported = at
	}
	return nil
}

// Called adds one call of the guardian's own. Nothing is inferred for buckets without reports, because
// the guardian's own calls are only a part.
func (m *Meter) Called(a Bucket, throttled bool, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.buckets[a]
	if x == nil {
		return
	}
	if throttled {
		x.lo, x.hi, x.full = x.limit.Burst, x.limit.Burst, true
		x.at, x.exact = at, at
		return
	}
	x.take(1, at, at)
}

// take advances the model to a time, with n calls somewhere between since and then.
func (x *metered) take(n float64, since, at time.Time) {
	drained := max(at.Sub(x.at).Seconds(), 0) * x.limit.Rate
	whole := x.limit.Burst
	// At worst, all were made just now.
	x.hi = min(max(x.hi-drained, 0)+n, whole)
	// At best, they were made right after since, and have drained from then on.
	lo := x.lo
	x.lo = max(lo-drained, 0)
	if since.After(x.exact) || x.exact.IsZero() {
		x.lo += max(n-max(at.Sub(since).Seconds(), 0)*x.limit.Rate, 0)
		if !since.Before(x.at) {
			x.lo = max(x.lo, lo+n-drained)
		}
	} // else a throttle said meanwhile how full it is: that has them in it
	x.lo = min(x.lo, x.hi)
	if at.After(x.at) {
		x.at = at
	}
}

// Read returns the estimates for now, sorted. Buckets without a report for ten minutes are left out.
func (m *Meter) Read(now time.Time) []Estimate {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(now)
	all := make([]Estimate, 0, len(m.buckets))
	for a, x := range m.buckets {
		// Since the last report there may have been any number of calls.
		lo := max(x.lo-max(now.Sub(x.at).Seconds(), 0)*x.limit.Rate, 0) / x.limit.Burst
		hi := x.hi / x.limit.Burst
		i := Estimate{Bucket: a, Limit: x.limit, Used: (lo + hi) / 2, Uncertainty: (hi - lo) / 2}
		if !x.full {
			i.Used = min(i.Used, maxInferred)
		}
		x.trend.Add(now, i.Used)
		if minutes, ok := x.trend.Minutes(); ok {
			i.Minutes = &minutes
		}
		all = append(all, i)
	}
	slices.SortFunc(all, func(x, y Estimate) int {
		a, b := x.Bucket, y.Bucket
		return cmp.Or(strings.Compare(a.Operation, b.Operation), strings.Compare(a.Marketplace, b.Marketplace),
			strings.Compare(a.Shop, b.Shop), strings.Compare(a.App, b.App))
	})
	return all
}

func (m *Meter) forget(now time.Time) {
	for a, x := range m.buckets {
		if now.Sub(x.reported) > reportTimeout {
			delete(m.buckets, a)
		}
	}
}
