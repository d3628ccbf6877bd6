package netpath

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	cutOff    *prometheus.GaugeVec
	corrected *prometheus.CounterVec
}

// pathMetrics are those of one path, looked up once.
type pathMetrics struct {
	cutOff    prometheus.Gauge
	corrected prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		cutOff: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "guardian_network_path_cut_off",
			Help: "1 while no control of the network path answers; of paths with controls.",
		}, []string{"path"}),
		corrected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_network_path_samples_corrected_total",
			Help: "Samples that became unknown because their network path was cut off.",
		}, []string{"path"}),
	}
	if reg != nil {
		reg.MustRegister(m.cutOff, m.corrected)
	}
	return m
}

func (m *metrics) of(path string) *pathMetrics {
	return &pathMetrics{cutOff: m.cutOff.WithLabelValues(path), corrected: m.corrected.WithLabelValues(path)}
}

func (m *metrics) forget(path string) {
	m.cutOff.DeleteLabelValues(path)
	m.corrected.DeleteLabelValues(path)
}

func (m *pathMetrics) show(cutOff bool) {
	if cutOff {
		m.cutOff.Set(1)
	} else {
		m.cutOff.Set(0)
	}
}
