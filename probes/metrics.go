package probes

import (
	"maps"
	"math"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/probes/sample"
)

// metrics are the runner's own series; those of a check end with it. A thousand checks have some
// six thousand series, which are scraped a few times a minute: only the numbers are kept, and
// the series are made of them at each scrape.
type metrics struct {
	series []series

	mu     sync.Mutex
	checks map[string]*counts
}

// series describes one series of a check.
type series struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	label string // value of its label beside check; "" if it has none
	of    func(*counts) float64
	only  func(*counts) bool // whether a check has it; nil: each does
}

// counts are the numbers of one check.
type counts struct {
	looks                                      [sample.Down + 1]counter
	panics, skipped, retries, rechecks, denied counter
	// Looks that the budget of a marketplace's quota did not allow, by what became of them.
	putOff, leftOut, refused counter

	lag atomic.Uint64 // bits of a float64, seconds

	hasRetry, hasRecheck, budgeted atomic.Bool // which series the check has
}

// counter counts up.
type counter struct{ n atomic.Uint64 }

func (c *counter) add(n int) { c.n.Add(uint64(max(n, 0))) } //nolint:gosec // not negative

func (c *counter) get() float64 { return float64(c.n.Load()) }

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{checks: map[string]*counts{}}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, append([]string{"check"}, labels...), nil)
	}
	count := func(d *prometheus.Desc, label string, of func(*counts) *counter, only func(*counts) bool) {
		m.series = append(m.series, series{d, prometheus.CounterValue, label, func(c *counts) float64 { return of(c).get() }, only})
	}
	retry := func(c *counts) bool { return c.hasRetry.Load() }
	recheck := func(c *counts) bool { return c.hasRecheck.Load() }
	budgeted := func(c *counts) bool { return c.budgeted.Load() }

	looks := desc("guardian_probe_looks_total", "Looks that ended, by what they saw.", "health")
	for _, h := range []sample.Health{sample.Unknown, sample.Up, sample.Down} {
		count(looks, h.String(), func(c *counts) *counter { return &c.looks[h] }, nil)
	}
	count(desc("guardian_probe_panics_total", "Looks that ended in a panic of the probe's code."), "",
		func(c *counts) *counter { return &c.panics }, nil)
	count(desc("guardian_probe_skipped_total", "Scheduled looks that were skipped because an earlier one took too long."), "",
		func(c *counts) *counter { return &c.skipped }, nil)
	count(desc("guardian_probe_retries_total", "Further tries within looks; of checks with retry."), "",
		func(c *counts) *counter { return &c.retries }, retry)
	count(desc("guardian_probe_rechecks_total", "Looks between scheduled ones because the check had failed; of checks with recheck."), "",
		func(c *counts) *counter { return &c.rechecks }, recheck)
	count(desc("guardian_probe_rechecks_denied_total", "Rechecks that the budget of a marketplace's quota denied; of checks with recheck."), "",
		func(c *counts) *counter { return &c.denied }, recheck)
	overBudget := desc("guardian_probe_over_budget_total", "Looks that the guardian's share of a marketplace's quota did not allow, by what became of them: put_off (made later), left_out (reported as unknown) or refused (requested by somebody).", "became")
	count(overBudget, "put_off", func(c *counts) *counter { return &c.putOff }, budgeted)
	count(overBudget, "left_out", func(c *counts) *counter { return &c.leftOut }, budgeted)
	count(overBudget, "refused", func(c *counts) *counter { return &c.refused }, budgeted)
	m.series = append(m.series, series{
		desc: desc("guardian_probe_schedule_lag_seconds", "How much later than scheduled the last look began."), kind: prometheus.GaugeValue,
		of: func(c *counts) float64 { return math.Float64frombits(c.lag.Load()) },
	})
	if reg != nil {
		reg.MustRegister(m)
	}
	return m
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	for _, s := range m.series {
		out <- s.desc
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	m.mu.Lock()
	checks := maps.Clone(m.checks)
	m.mu.Unlock()
	for name, c := range checks {
		for _, s := range m.series {
			if s.only != nil && !s.only(c) {
				continue
			}
			labels := []string{name}
			if s.label != "" {
				labels = append(labels, s.label)
			}
			out <- prometheus.MustNewConstMetric(s.desc, s.kind, s.of(c), labels...)
		}
	}
}

// add returns the numbers of a check, which continue if it had some.
func (m *metrics) add(c Check) *counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	own := m.checks[c.Name]
	if own == nil {
		own = &counts{}
		m.checks[c.Name] = own
	}
	own.hasRetry.Store(c.Retry.Times > 0)
	own.hasRecheck.Store(c.Recheck.Interval > 0)
	own.budgeted.Store(c.Budgeted)
	return own
}

func (m *metrics) remove(check string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.checks, check)
}
