package oncall

import "time"

// Wall times are what a clock on the wall shows in a time zone, kept as times of UTC. Hand-overs
// are computed with them, because a hand-over at 09:00 is at 09:00 also in the week in which the
// clocks change: durations added to instants would shift it by an hour.

// wallOf returns what the clocks of a zone show at an instant.
func wallOf(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// instant returns when the clocks of a zone show a wall time: the first time if they show it
// twice, and the moment of the change if they skip it. So later wall times never come earlier.
func instant(wall time.Time, zone *time.Location) time.Time {
	t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), zone)
	changed, changes := t.ZoneBounds()
	switch shown := wallOf(t, zone); {
	case shown.After(wall):
		return changed
	case shown.Before(wall):
		return changes
	}
	if changed.IsZero() {
		return t
	}
	_, offset := changed.Add(-time.Nanosecond).Zone()
	if first := wall.Add(-time.Duration(offset) * time.Second).In(zone); first.Before(changed) {
		return first
	}
	return t
}

// midnight returns the beginning of a wall time's day.
func midnight(wall time.Time) time.Time {
	return time.Date(wall.Year(), wall.Month(), wall.Day(), 0, 0, 0, 0, time.UTC)
}

// day is a day of a wall clock.
const day = 24 * time.Hour
