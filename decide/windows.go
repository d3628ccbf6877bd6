package decide

import (
	"slices"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
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
	all.Freezes, all.Maintenance, all.Holds = slices.Clone(s.Freezes), slices.Clone(s.Maintenance), slices.Clone(s.Holds)
	for _, w := range announced {
		switch w.Kind {
		case windows.Hold:
			all.Holds = append(all.Holds, w)
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

// hold gives the hold of what is automatic that lasts longest for a service now; nil: there is none.
func (s *Settings) hold(service string, now time.Time) (longest *actions.Freeze) {
	for _, w := range s.Holds {
		if w.Current(now) && (w.Service == "" || w.Service == service) && (longest == nil || w.To.After(longest.Until)) {
			longest = &actions.Freeze{Detail: reason.New("guard_hold", "hold", w.ID, "by", w.By, "until", w.To, "why", w.Reason), Until: w.To}
		}
	}
	return longest
}
