package store

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// sizeTimeout is how long a scrape waits for the journal's size.
const sizeTimeout = time.Second

type metrics struct {
	commits  prometheus.Counter
	failures prometheus.Counter
	fenced   prometheus.Counter
	duration prometheus.Histogram

	registry prometheus.Registerer // nil: not registered
	all      []prometheus.Collector
}

// newMetrics makes the journal's metrics and registers them with reg unless it is nil.
func newMetrics(reg prometheus.Registerer, db *database) (*metrics, error) {
	m := &metrics{
		commits: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guardian_journal_commits_total",
			Help: "Transactions committed to the journal.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guardian_journal_commit_failures_total",
			Help: "Transactions that failed because of the journal's database.",
		}),
		fenced: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guardian_journal_fenced_total",
			Help: "Transactions and renewals refused because this guardian does not hold the lease.",
		}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "guardian_journal_commit_duration_seconds",
			Help:    "Duration of a journal transaction including its commit.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
	}
	size := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "guardian_journal_size_bytes",
		Help: "Size of the journal in bytes; NaN when the database does not answer.",
	}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), sizeTimeout)
		defer cancel()
		n, err := db.size(ctx)
		if err != nil {
			return math.NaN()
		}
		return float64(n)
	})
	if reg == nil {
		return m, nil
	}
	m.registry = reg
	for _, c := range []prometheus.Collector{m.commits, m.failures, m.fenced, m.duration, size} {
		if err := reg.Register(c); err != nil {
			m.unregister()
			return nil, err
		}
		m.all = append(m.all, c)
	}
	return m, nil
}

func (m *metrics) unregister() {
	for _, c := range m.all {
		m.registry.Unregister(c)
	}
	m.all = nil
}
