package decide

import (
	"slices"
	"time"

	"guardian/internal/windows"
	"guardian/watch"
)

// With gives the settings with the windows that people and runbooks announced. Announced freezes stop
// deploys and no rollbacks: what announces them is a bad deploy.
func (s *Settings) With(announced []windows.Window) *Settings {
	if len(announced) == 0 {
		return s
	}
	all := *s
	all.Freezes, all.Maintenance = slices.Clone(s.Freezes), slices.Clone(s.Maintenance)
	for _, w := range announced {
		switch w.Kind {
		case windows.Freeze:
			f := watch.Freeze{Name: w.ID, From: w.From, To: w.To, Allow: []watch.Act{watch.ActRollback}, Why: w.Reason}
			if w.Service != "" {
				f.Services = []string{w.Service}
			}
			all.Freezes = append(all.Freezes, f)
		case windows.Maintenance:
			all.Maintenance = append(all.Maintenance, Maintenance{Name: w.ID, Service: w.Service, Why: w.Reason, Spans: func(from, to time.Time) []Span {
				if w.From.Before(to) && w.To.After(from) {
					return []Span{{From: w.From, To: w.To}}
				}
				return nil
			}})
		}
	}
	return &all
}
