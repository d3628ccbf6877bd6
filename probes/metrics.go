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
	retries *prometheus.CounterVec
	raised  *prometheus.CounterVec
	refused *prometheus.CounterVec
	// overBudget counts looks that a marketplace's quota had no room for.
	overBudget *prometheus.CounterVec
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
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_probe_retries_total", Help: "Tries within looks beyond the first one; of checks with retry.",
		}, []string{"check"}),
		raised: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_probe_raised_total", Help: "Looks between scheduled ones because the check had failed; of checks with burst.",
		}, []string{"check"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_probe_raised_refused_total", Help: "Raised looks that the quota's budget refused; of checks with burst.",
		}, []string{"check"}),
		overBudget: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardian_probe_over_budget_total", Help: "Looks that the guardian's share of a marketplace's quota had no room for, by what became of them: put_off, left_out (said as unknown) or refused (asked for by somebody).",
		}, []string{"check", "became"}),
	}
	if reg != nil {
		reg.MustRegister(m.looks, m.panics, m.skipped, m.behind, m.retries, m.raised, m.refused, m.overBudget)
	}
	return m
}

// counts are those of a check's own that change with each look: found once, not each time.
type counts struct {
	looks  [sample.Down + 1]prometheus.Counter
	behind prometheus.Gauge
}

func (m *metrics) add(c Check) counts {
	check := c.Name
	own := counts{behind: m.behind.WithLabelValues(check)}
	for _, h := range []sample.Health{sample.Unknown, sample.Up, sample.Down} {
		own.looks[h] = m.looks.WithLabelValues(check, h.String())
	}
	m.panics.WithLabelValues(check)
	m.skipped.WithLabelValues(check)
	if c.Retry.Times > 0 {
		m.retries.WithLabelValues(check)
	}
	if c.Burst.Every > 0 {
		m.raised.WithLabelValues(check)
		m.refused.WithLabelValues(check)
	}
	if c.Budgeted {
		for _, became := range []string{"put_off", "left_out", "refused"} {
			m.overBudget.WithLabelValues(check, became)
		}
	}
	return own
}

func (m *metrics) remove(check string) {
	labels := prometheus.Labels{"check": check}
	m.looks.DeletePartialMatch(labels)
	m.panics.DeletePartialMatch(labels)
	m.skipped.DeletePartialMatch(labels)
	m.behind.DeletePartialMatch(labels)
	m.retries.DeletePartialMatch(labels)
	m.raised.DeletePartialMatch(labels)
	m.refused.DeletePartialMatch(labels)
	m.overBudget.DeletePartialMatch(labels)
}
