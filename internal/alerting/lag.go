package alerting

import "time"

// Overdue gives the group of rules whose evaluation is overdue most, and by how much. since is
// when evaluations began. Groups of rule sources are not among them: another server that answers
// slowly is no fault of this guardian.
func (as *Alerts) Overdue(since, now time.Time) (group string, by time.Duration) {
	as.mu.Lock()
	defer as.mu.Unlock()
	for _, g := range as.groups {
		if g.Source != "" {
			continue
		}
		last := since
		if e := g.last.Load(); e != nil && e.At.After(since) {
			last = e.At
		}
		if late := now.Sub(last) - g.Interval; late > by {
			group, by = g.Name, late
		}
	}
	return group, by
}
