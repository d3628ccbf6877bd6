package config

import (
	"time"

	"github.com/prometheus/common/model"
)

// Maintenance is an announced window, once (from, to) or again and again (cron, for).
type Maintenance struct {
	Name    string         `yaml:"name" required:"true" doc:"What the window is called."`
	Service string         `yaml:"service" doc:"The service; left out: all."`
	Cron    Cron           `yaml:"cron" doc:"When a window begins, in the server's time zone."`
	For     model.Duration `yaml:"for" doc:"How long a window that cron begins lasts; at most 7d."`
	From    time.Time      `yaml:"from" doc:"When a single window begins (RFC 3339)."`
	To      time.Time      `yaml:"to" doc:"When a single window ends (RFC 3339)."`
}

// Span is a stretch of time: from From on, until before To, UTC.
type Span struct{ From, To time.Time }

// mostSpans bounds what Windows gives: a window every minute of a year is no window.
const mostSpans = 10_000

// Windows gives the windows that touch [from, to), in order; location is the server's time
// zone. Of windows that come again and again it gives at most 10,000.
func (m Maintenance) Windows(from, to time.Time, location *time.Location) []Span {
	if !m.Cron.IsSet() {
		if m.From.Before(to) && m.To.After(from) {
			return []Span{{From: m.From.UTC(), To: m.To.UTC()}}
		}
		return nil
	}
	length := time.Duration(m.For)
	schedule := m.Cron.In(location)
	var spans []Span
	// Next gives what is strictly later: a window that ends at from does not touch it.
	for at := schedule.Next(from.Add(-length)); !at.IsZero() && at.Before(to) && len(spans) < mostSpans; at = schedule.Next(at) {
		spans = append(spans, Span{From: at.UTC(), To: at.Add(length).UTC()})
	}
	return spans
}
