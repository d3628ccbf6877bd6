package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	active       prometheus.Gauge
	verdicts     *prometheus.CounterVec
	quiet        prometheus.Counter
	ruleFailures prometheus.Counter
	reloads      *prometheus.CounterVec
	reloadedAt   prometheus.Gauge
	reaction     prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, version string) *metrics {
	m := &metrics{
		active:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "guardian_active", Help: "1 while this guardian holds the lease: it acts and tells."}),
		verdicts:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "guardian_verdicts_total", Help: "Verdicts of watches."}, []string{"verdict"}),
		quiet:        prometheus.NewCounter(prometheus.CounterOpts{Name: "guardian_notices_quiet_total", Help: "Notices that were not told because of a silence, a maintenance or a route's calendar."}),
		ruleFailures: prometheus.NewCounter(prometheus.CounterOpts{Name: "guardian_rule_failures_total", Help: "Evaluations of rules that failed; their alerts stayed as they were."}),
		reloads:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "guardian_reloads_total", Help: "Reloads of the configuration."}, []string{"result"}),
		reloadedAt:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "guardian_config_loaded_timestamp_seconds", Help: "When the running configuration was loaded."}),
		reaction: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "guardian_verdict_seconds", Help: "Time from the arrival of the sample that completed the evidence until the verdict and its run were written down.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "guardian_build_info", Help: "1, with the version of this guardian as its label.", ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	reg.MustRegister(m.active, m.verdicts, m.quiet, m.ruleFailures, m.reloads, m.reloadedAt, m.reaction, build)
	for _, v := range []string{"passed", "failed", "inconclusive", "superseded", "cancelled"} {
		m.verdicts.WithLabelValues(v)
	}
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
