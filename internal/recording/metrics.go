package recording

import "github.com/prometheus/client_golang/prometheus"

// registerMetrics shows how much waits to be saved.
func registerMetrics(reg prometheus.Registerer, r *Record) {
	if reg == nil {
		return
	}
	reg.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "guardian_recording_unsaved_looks", Help: "Looks that are not in the journal yet; of the leader.",
		}, func() float64 {
			r.mu.Lock()
			defer r.mu.Unlock()
			return float64(len(r.unsaved.looks))
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "guardian_recording_blind_checks", Help: "Checks that could not look, or have not looked for long.",
		}, func() float64 { return float64(len(r.Blind(r.o.Now()))) }),
	)
}
