package probes

import (
	"github.com/prometheus/client_golang/prometheus"

	"guardian/probes/sample"
)

// metrics are the runner's own series; those of a check go away with it.
type metrics struct {
	looks   *prometheus.CounterVec
	panics  *prometheus.CounterVec
	skipped *prometheus.CounterVec
	behind  *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		looks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_probe_looks_total", Help: "Looks that ended, by what they saw.",
		}, []string{"check", "health"}),
		panics: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_probe_panics_total", Help: "Looks that ended in a panic of the probe's code.",
		}, []string{"check"}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_probe_skipped_total", Help: "Scheduled looks that were left out because an earlier one was late.",
		}, []string{"check"}),
		behind: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "guardian_probe_behind_seconds", Help: "How much later than scheduled the last look began.",
		}, []string{"check"}),
	}
	if reg != nil {
		reg.MustRegister(m.looks, m.panics, m.skipped, m.behind)
	}
	return m
}

func (m *metrics) add(check string) {
	for _, h := range []sample.Health{sample.Unknown, sample.Up, sample.Down} {
		m.looks.WithLabelValues(check, h.String())
	}
	m.panics.WithLabelValues(check)
	m.skipped.WithLabelValues(check)
	m.behind.WithLabelValues(check)
}

func (m *metrics) remove(check string) {
	labels := prometheus.Labels{"check": check}
	m.looks.DeletePartialMatch(labels)
	m.panics.DeletePartialMatch(labels)
	m.skipped.DeletePartialMatch(labels)
	m.behind.DeletePartialMatch(labels)
}
