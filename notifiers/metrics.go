package notifiers

import (
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	notices *prometheus.CounterVec
	waiting *prometheus.GaugeVec
	oldest  *prometheus.GaugeVec
	penalty *prometheus.GaugeVec
	took    *prometheus.HistogramVec

	monthCalls *prometheus.GaugeVec
	monthQuota *prometheus.GaugeVec
}

// newMetrics makes the dispatcher's metrics and registers them with reg unless it is nil.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	receiver := []string{"receiver"}
	m := &metrics{
		notices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_notices_total",
			Help: "Attempts to deliver a notice, by result: delivered, retried, moved (to the fallback), given_up, dropped (silenced).",
		}, []string{"receiver", "result"}),
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "guardian_notices_waiting",
			Help: "Notice keys with an undelivered notice, counted up to 500.",
		}, receiver),
		oldest: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "guardian_notices_oldest_age_seconds",
			Help: "Age of the oldest undelivered notice; 0 when there is none.",
		}, receiver),
		penalty: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "guardian_notices_penalty_until_timestamp_seconds",
			Help: "When the messenger's penalty for too many calls ends, in Unix seconds; 0: there is none.",
		}, receiver),
	}
	m.took = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "guardian_notices_acceptance_seconds",
		Help:    "Time from when a notice was due until the receiver's channel accepted it, tries and waiting for a limit included.",
		Buckets: []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800}, NativeHistogramBucketFactor: 1.1,
	}, receiver)
	m.monthCalls = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "guardian_notices_month_calls",
		Help: "Calls to the receiver in this calendar month (UTC). Failed calls before a restart are not counted.",
	}, receiver)
	m.monthQuota = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "guardian_notices_month_quota",
		Help: "The receiver's monthly_quota; 0: none is configured.",
	}, receiver)
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.notices, m.waiting, m.oldest, m.penalty, m.took, m.monthCalls, m.monthQuota} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) add(receiver string) {
	for _, r := range results() {
		m.notices.WithLabelValues(receiver, r)
	}
	m.waiting.WithLabelValues(receiver)
	m.oldest.WithLabelValues(receiver)
	m.penalty.WithLabelValues(receiver)
	m.took.WithLabelValues(receiver)
	m.monthCalls.WithLabelValues(receiver)
	m.monthQuota.WithLabelValues(receiver)
}

func (m *metrics) remove(receiver string) {
	for _, v := range []interface {
		DeletePartialMatch(prometheus.Labels) int
	}{m.notices, m.waiting, m.oldest, m.penalty, m.took, m.monthCalls, m.monthQuota} {
		v.DeletePartialMatch(prometheus.Labels{"receiver": receiver})
	}
}
