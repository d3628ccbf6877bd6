package series

import (
	"github.com/VictoriaMetrics/fastcache"
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	appended  prometheus.Counter
	rejected  *prometheus.CounterVec
	restamped prometheus.Counter
	slow      prometheus.Counter
}

// newMetrics registers at once what is counted here and what the cache counts itself.
func newMetrics(reg prometheus.Registerer, db *DB) *metrics {
	m := &metrics{
		appended: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guardian_series_samples_appended_total",
			Help: "Samples appended to the series, restamped ones and stale markers included.",
		}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_series_samples_rejected_total",
			Help: "Samples that were not appended, by reason.",
		}, []string{"reason"}),
		restamped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guardian_series_samples_restamped_total",
			Help: "Last values of slow checks that were stamped again.",
		}),
		slow: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guardian_series_reference_misses_total",
			Help: "Samples whose series had to be found by its labels, because no reference was cached or it was outdated.",
		}),
	}
	for _, r := range reasons() {
		m.rejected.WithLabelValues(r.name)
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
	reg.MustRegister(m.appended, m.rejected, m.restamped, m.slow, cacheBytes, count)
	return m
}
