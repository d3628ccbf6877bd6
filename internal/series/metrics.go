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
	misses    prometheus.Counter
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

// newMetrics makes the metrics and registers them with reg unless it is nil.
func newMetrics(reg prometheus.Registerer, db *DB) *metrics {
	m := &metrics{
		appended: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guardian_series_samples_appended_total",
			Help: "Samples appended to the series, including restamped ones and stale markers.",
		}),
		checks:   RejectedSamples("checks", reasonNames()...),
		computed: RejectedSamples("computed", reasonNames()...),
		restamped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guardian_series_samples_restamped_total",
			Help: "Last values of slow checks that were appended again with a newer timestamp.",
		}),
		misses: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guardian_series_reference_misses_total",
			Help: "Samples whose series was looked up by labels, because its reference was not cached or outdated.",
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
		Help: "Series in memory (the last hours).",
	}, func() float64 { return float64(db.tsdb.Head().NumSeries()) })
	for _, by := range Sources() {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "guardian_series_of_source", Help: "Series in memory by who writes them.", ConstLabels: prometheus.Labels{"source": string(by)},
		}, func() float64 { return float64(db.limit.counted(by)) }))
	}
	reg.MustRegister(m.appended, m.checks, m.computed, m.restamped, m.misses, cacheBytes, count)
	return m
}
