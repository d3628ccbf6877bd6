package quota

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	throttled *prometheus.CounterVec
	reports   *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		throttled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_quota_throttled_total", Help: "Calls of checks that a marketplace throttled.",
		}, []string{"marketplace"}),
		reports: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_quota_reports_total", Help: "Reports by applications of the calls that they made.",
		}, []string{"result"}),
	}
	for _, r := range []string{"accepted", "refused"} {
		m.reports.WithLabelValues(r)
	}
	if reg != nil {
		reg.MustRegister(m.throttled, m.reports)
	}
	return m
}
