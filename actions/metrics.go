package actions

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	runs  *prometheus.CounterVec
	steps *prometheus.HistogramVec
}

// newMetrics makes the metrics, every series of runs at zero, and registers them.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_runs_total",
			Help: "Runs of runbooks that are over, by what started them and how they ended.",
		}, []string{"trigger", "state"}),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "guardian_step_duration_seconds",
			Help:    "How long the steps of runs took, from the intent to the outcome.",
			Buckets: []float64{0.1, 0.5, 1, 5, 15, 60, 300, 900},
		}, []string{"kind", "state"}),
	}
	for _, t := range []TriggerKind{ByVerdict, ByAlert, ByPerson, ByDrill, ByUndo} {
		for _, s := range []State{Cured, NotCured, Worse, FailedRun, Rejected, Expired, Refused} {
			m.runs.WithLabelValues(string(t), string(s))
		}
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.runs, m.steps} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}
