package ingest

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	requests *prometheus.CounterVec
	samples  prometheus.Counter
	rejected *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_ingest_requests_total",
			Help: "Remote write requests: written whole, refused at least in part (the sender must change something), or failed (the sender tries again).",
		}, []string{"result"}),
		samples: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guardian_ingest_samples_total",
			Help: "Samples and histograms that others wrote here.",
		}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_ingest_samples_rejected_total",
			Help: "Samples of others that were not taken, by reason; for malformed, requests.",
		}, []string{"reason"}),
	}
	for _, r := range []string{"written", "refused", "failed"} {
		m.requests.WithLabelValues(r)
	}
	for _, r := range []string{undeclared, ownName, invalid, tooOld, tooNew, outOfOrder, duplicate, manySeries, "malformed"} {
		m.rejected.WithLabelValues(r)
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.samples, m.rejected)
	}
	return m
}
