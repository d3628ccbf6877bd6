package watch

import "time"

// FailsSince is since when a check that the deploy is judged on fails for longer than the time between two
// looks: of several the one that began first. Zero: none does. What failed before the deploy does not count,
// and neither does what a drill broke on purpose.
func (w *Watch) FailsSince() (since time.Time) {
	if w.Drill != "" {
		return since
	}
	for i := range w.Checks {
		c := &w.Checks[i]
		if c.FailingSince.IsZero() || c.Excused != "" {
			continue
		}
		if at := c.FailingSince.Add(c.Every); since.IsZero() || at.Before(since) {
			since = at
		}
	}
	return since
}
