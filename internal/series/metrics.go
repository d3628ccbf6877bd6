package series

import (
	"github.com/VictoriaMetrics/fastcache"
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	appended  prometheus.Counter
	checks    *prometheus.CounterVec // rejected samples of checks, by reason
	computed  *prometheus.CounterVec // rejected samples of rules and forecasts, by reason
	restamped prometheus.Counter
	slow      prometheus.Counter
}

// RejectedSamples makes guardian_samples_rejected_total for one source of samples, with a
// series for each reason. Every package that rejects samples counts them there, so that one
// alert covers all sources.
func RejectedSamples(source string, reasons ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name:        "guardian_samples_rejected_total",
		Help:        "Samples that were not stored, by source (checks, computed by rules and forecasts, remote_write) and reason; for reason malformed: requests.",
		ConstLabels: prometheus.Labels{"source": source},
	}, []string{"reason"})
	for _, r := range reasons {
		c.WithLabelValues(r)
	}
	return c
}

// newMetrics registers at once what is counted here and what the cache counts itself.
func newMetrics(reg prometheus.Registerer, db *DB) *metrics {
	m := &metrics{
		appended: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guardian_series_samples_appended_total",
			Help: "Samples appended to the series, restamped ones and stale markers included.",
		}),
		checks:   RejectedSamples("checks", reasonNames()...),
		computed: RejectedSamples("computed", reasonNames()...),
		restamped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guardian_series_samples_restamped_total",
			Help: "Last values of slow checks that were stamped again.",
		}),
		slow: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guardian_series_reference_misses_total",
			Help: "Samples whose series had to be found by its labels, because no reference was cached or it was outdated.",
		}),
	}
	if reg == nil {
		return m
	}
	cacheBytes := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "guardian_series_reference_cache_bytes",
		Help: "Size of the cache of series references.",
	}, func() float64 {
		var s fastcache.Stats
		db.cache.UpdateStats(&s)
		return float64(s.BytesSize)
	})
	count := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "guardian_series_active",
		Help: "Series of the last hours, in memory.",
	}, func() float64 { return float64(db.tsdb.Head().NumSeries()) })
	reg.MustRegister(m.appended, m.checks, m.computed, m.restamped, m.slow, cacheBytes, count)
	return m
}
