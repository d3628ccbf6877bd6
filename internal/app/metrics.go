package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/alerting"
	"guardian/internal/watching"
)

type metrics struct {
	reloads    *prometheus.CounterVec
	reloadedAt prometheus.Gauge
	watches    *watching.Metrics
	alerts     *alerting.Metrics
}

func newMetrics(reg prometheus.Registerer, version string) *metrics {
	m := &metrics{
		reloads:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "guardian_reloads_total", Help: "Reloads of the configuration."}, []string{"result"}),
		reloadedAt: prometheus.NewGauge(prometheus.GaugeOpts{Name: "guardian_config_loaded_timestamp_seconds", Help: "When the running configuration was loaded."}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "guardian_build_info", Help: "1, with the version of this guardian as its label.", ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	reg.MustRegister(m.reloads, m.reloadedAt, build)
	m.watches, m.alerts = watching.NewMetrics(reg), alerting.NewMetrics(reg)
	for _, r := range []string{"done", "failed"} {
		m.reloads.WithLabelValues(r)
	}
	return m
}

func (m *metrics) reloaded(err error, now time.Time) {
	if err != nil {
		m.reloads.WithLabelValues("failed").Inc()
		return
	}
	m.reloads.WithLabelValues("done").Inc()
	m.reloadedAt.Set(float64(now.UnixMilli()) / 1000)
}
