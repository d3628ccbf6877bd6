package ingest

import (
	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/series"
)

type metrics struct {
	requests *prometheus.CounterVec
	samples  prometheus.Counter
	rejected *prometheus.CounterVec

	exemplars         prometheus.Counter
	exemplarsRejected *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_ingest_requests_total",
			Help: "Remote write requests by result: written, refused (at least some samples; a retry does not help), failed (the sender retries), slowed (not read, because what the sender wrote last was refused; it retries).",
		}, []string{"result"}),
		samples: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guardian_ingest_samples_total",
			Help: "Samples and histograms stored by remote write.",
		}),
		rejected: series.RejectedSamples("remote_write",
			undeclared, ownName, invalid, tooOld, tooNew, outOfOrder, duplicate, manySeries, "malformed"),
	}
	m.exemplars = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "guardian_ingest_exemplars_total",
		Help: "Exemplars stored by remote write.",
	})
	m.exemplarsRejected = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "guardian_ingest_exemplars_rejected_total",
		Help: "Exemplars of remote write that were not stored, by reason.",
	}, []string{"reason"})
	for _, r := range []string{undeclared, ownName, invalid, tooOld, tooNew, outOfOrder, noSeries, disabled} {
		m.exemplarsRejected.WithLabelValues(r)
	}
	for _, r := range []string{"written", "refused", "failed", "slowed"} {
		m.requests.WithLabelValues(r)
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.samples, m.rejected, m.exemplars, m.exemplarsRejected)
	}
	return m
}

// refused counts what was refused of a request.
func (m *metrics) refused(samples refusals, exemplars map[string]int) {
	for reason, r := range samples {
		m.rejected.WithLabelValues(reason).Add(float64(r.samples))
	}
	for reason, n := range exemplars {
		m.exemplarsRejected.WithLabelValues(reason).Add(float64(n))
	}
}
