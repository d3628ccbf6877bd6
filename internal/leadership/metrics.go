package leadership

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	leader prometheus.Gauge
	lost   prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		leader: prometheus.NewGauge(prometheus.GaugeOpts{Name: "guardian_is_leader", Help: "1 while this guardian has the lease and acts, 0 on standby."}),
		lost:   prometheus.NewCounter(prometheus.CounterOpts{Name: "guardian_leadership_lost_total", Help: "Leaderships of this guardian that ended because it lost the lease."}),
	}
	if reg != nil {
		reg.MustRegister(m.leader, m.lost)
	}
	return m
}
