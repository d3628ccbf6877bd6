package ingest

import (
	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/series"
)

type metrics struct {
	requests *prometheus.CounterVec
	samples  prometheus.Counter
	rejected *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_ingest_requests_total",
			Help: "Remote write requests by result: written, refused (at least some samples; a retry does not help), failed (the sender retries).",
		}, []string{"result"}),
		samples: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guardian_ingest_samples_total",
			Help: "Samples and histograms stored by remote write.",
		}),
		rejected: series.RejectedSamples("remote_write",
			undeclared, ownName, invalid, tooOld, tooNew, outOfOrder, duplicate, manySeries, "malformed"),
	}
	for _, r := range []string{"written", "refused", "failed"} {
		m.requests.WithLabelValues(r)
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.samples, m.rejected)
	}
	return m
}
