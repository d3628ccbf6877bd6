package config

import (
	"time"

	"github.com/prometheus/common/model"

	"guardian/decide"
	"guardian/sla"
)

// Maintenance is a maintenance window: a single one (from, to) or a recurring one (cron, for).
type Maintenance struct {
	Name    string         `yaml:"name" required:"true" doc:"The window's name."`
	Service string         `yaml:"service" doc:"The service; default: all."`
	Cron    Cron           `yaml:"cron" doc:"Start of each recurring window, as a cron schedule in the server's time zone."`
	For     model.Duration `yaml:"for" doc:"Length of a recurring window; at most 7d."`
	From    time.Time      `yaml:"from" doc:"Start of a single window (RFC 3339)."`
	To      time.Time      `yaml:"to" doc:"End of a single window (RFC 3339)."`
}

// PlannedMaintenance lists the windows of each service that overlap [from, to).
func (c *Config) PlannedMaintenance(from, to time.Time) []sla.Maintenance {
	var all []sla.Maintenance
	for _, m := range c.Maintenance {
		services := []string{m.Service}
		if m.Service == "" {
			services = c.ServiceNames()
		}
		for _, w := range m.Windows(from, to, c.Location()) {
			for _, service := range services {
				all = append(all, sla.Maintenance{Name: m.Name, Service: service, From: w.From, To: w.To})
			}
		}
	}
	return all
}

// maxSpans bounds the result of Windows.
const maxSpans = 10_000

// Windows returns the windows that overlap [from, to), in order; location is the server's
// time zone. It returns at most 10,000 recurring windows.
func (m Maintenance) Windows(from, to time.Time, location *time.Location) []decide.Span {
	if !m.Cron.IsSet() {
		if m.From.Before(to) && m.To.After(from) {
			return []decide.Span{{From: m.From.UTC(), To: m.To.UTC()}}
		}
		return nil
	}
	length := time.Duration(m.For)
	schedule := m.Cron.In(location)
	var spans []decide.Span
	// Next is strictly later: a window that ends at from does not overlap.
	for at := schedule.Next(from.Add(-length)); !at.IsZero() && at.Before(to) && len(spans) < maxSpans; at = schedule.Next(at) {
		spans = append(spans, decide.Span{From: at.UTC(), To: at.Add(length).UTC()})
	}
	return spans
}
