package route

import (
	"slices"
	"time"

	"github.com/prometheus/alertmanager/timeinterval"
)

// Calendar is when a route sends nothing: in its mute time intervals, and outside of its
// active ones if it has any.
type Calendar struct{ mute, active []compiled }

// farthest is how far ahead the end of a quiet time is looked for.
const farthest = 400 * 24 * time.Hour

// Quiet reports whether the time intervals suppress notices at a time.
func (c Calendar) Quiet(at time.Time) bool {
	_, quiet := c.quietBy(at)
	return quiet
}

// QuietUntil reports whether the time intervals suppress notices at a time, by which, and
// until when. by is the mute interval, or "" when no active interval holds. until is zero
// when nothing is suppressed, or not before more than a year has passed.
func (c Calendar) QuietUntil(at time.Time) (by string, until time.Time, quiet bool) {
	by, quiet = c.quietBy(at)
	if !quiet {
		return "", time.Time{}, false
	}
	limit := at.Add(farthest)
	for t := c.next(at); t.Before(limit); t = c.next(t) {
		if !c.Quiet(t) {
			return by, t, true
		}
	}
	return by, time.Time{}, true
}

// MutedBy names the time intervals that suppress notices at a time: the mute intervals that
// hold, or else the active ones, of which none does; nil when nothing is suppressed.
func (c Calendar) MutedBy(at time.Time) []string {
	if !c.Quiet(at) {
		return nil
	}
	var names []string
	for _, i := range c.mute {
		if i.contains(at) {
			names = append(names, i.name)
		}
	}
	if names != nil {
		return names
	}
	for _, i := range c.active {
		names = append(names, i.name)
	}
	return names
}

func (c Calendar) quietBy(at time.Time) (by string, quiet bool) {
	holds := func(i compiled) bool { return i.contains(at) }
	if i := slices.IndexFunc(c.mute, holds); i >= 0 {
		return c.mute[i].name, true
	}
	return "", len(c.active) > 0 && !slices.ContainsFunc(c.active, holds)
}

// next is the first time after t at which some window may begin or end.
func (c Calendar) next(t time.Time) time.Time {
	first := t.Add(farthest)
	for _, i := range slices.Concat(c.mute, c.active) {
		for _, w := range i.windows {
			if n := boundary(w, t); n.Before(first) {
				first = n
			}
		}
	}
	return first
}

// boundary is the first time after t at which a window may begin or end: a time of day that it
// names, midnight, or a change of its time zone's offset, after which clocks show another time.
func boundary(w timeinterval.TimeInterval, t time.Time) time.Time {
	local := t.In(w.Location.Location)
	_, change := local.ZoneBounds()
	now := local.Hour()*60 + local.Minute()
	next := 24 * 60
	for _, r := range w.Times {
		for _, minute := range []int{r.StartMinute, r.EndMinute} {
			if minute > now && minute < next {
				next = minute
			}
		}
	}
	end := t.Truncate(time.Minute).Add(time.Duration(next-now) * time.Minute)
	if change.After(t) && change.Before(end) {
		return change
	}
	return end
}
