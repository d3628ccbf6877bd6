package drilling

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"guardian/internal/drills"
)

// MeterOptions is what a Meter is made of. All fields are needed.
type MeterOptions struct {
	Append     func(ctx context.Context, points []promql.Sample) error
	Written    func(points []promql.Sample)
	Now        func() time.Time
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Meter shows how the plans stand as series and as metrics. It outlives a leadership.
type Meter struct {
	o      MeterOptions
	gauges map[string]*prometheus.GaugeVec
}

// NewMeter registers the metrics.
func NewMeter(o MeterOptions) *Meter {
	m := &Meter{o: o, gauges: map[string]*prometheus.GaugeVec{}}
	for name, help := range map[string]string{
		drills.SeriesOverdue:   "1: the last drill that succeeded is longer ago than the plan allows, or none did.",
		drills.SeriesFailed:    "1: the last drill failed.",
		drills.SeriesBroken:    "1: the fault of the last drill could not be taken back.",
		drills.SeriesTook:      "Time from the fault until the service was cured, of the last drill, if it was cured.",
		drills.SeriesObjective: "The longest that this may take.",
	} {
		m.gauges[name] = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"drill", "service"})
		o.Registerer.MustRegister(m.gauges[name])
	}
	return m
}

// Show writes how the plans stand now.
func (m *Meter) Show(all []drills.Standing) {
	now := m.o.Now()
	for _, g := range m.gauges {
		g.Reset()
	}
	var points []promql.Sample
	for _, s := range all {
		for name, value := range s.Values(now) {
			m.gauges[name].WithLabelValues(s.Plan.Name, s.Plan.Service).Set(value)
			points = append(points, promql.Sample{
				T: now.UnixMilli(), F: value,
				Metric: labels.FromStrings(model.MetricNameLabel, name, "drill", s.Plan.Name, "service", s.Plan.Service, "environment", s.Plan.Environment),
			})
		}
	}
	if len(points) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeWithin)
	defer cancel()
	if err := m.o.Append(ctx, points); err != nil {
		m.o.Log.Warn("it could not be written how the drills stand", "error", err)
	}
	m.o.Written(points)
}

const writeWithin = 5 * time.Second
