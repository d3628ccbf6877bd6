package oncall

import (
	"slices"
	"time"
)

// Shift is a time [From, To) in which the same people are on call.
type Shift struct {
	From   time.Time `json:"from,omitzero"` // of Schedule.At, zero: more than a year before
	To     time.Time `json:"to,omitzero"`   // of Schedule.At, zero: more than a year later
	People []string  `json:"people"`        // sorted; empty: nobody
	Layer  string    `json:"layer,omitempty"`
	// Override tells that an override put at least one of them there.
	Override bool `json:"override,omitempty"`
}

// Nobody tells that nobody is on call.
func (s Shift) Nobody() bool { return len(s.People) == 0 }

// same tells whether a shift goes on in another one.
func (s Shift) same(o Shift) bool {
	return slices.Equal(s.People, o.People) && s.Layer == o.Layer && s.Override == o.Override
}

// Shifts returns who is on call in [from, to): shifts in order, without gaps and overlaps.
func (s *Schedule) Shifts(from, to time.Time) []Shift {
	if !from.Before(to) {
		return nil
	}
	cursors := make([]cursor, len(s.layers))
	edges := []time.Time{from, to}
	for i, l := range s.layers {
		cursors[i].later = l.within(from, to, s.zone)
		for _, one := range cursors[i].later {
			edges = append(edges, one.from, one.to)
		}
	}
	for _, v := range slices.Concat(s.overrides, s.made) {
		if v.From.Before(to) && v.To.After(from) {
			edges = append(edges, v.From, v.To)
		}
	}
	edges = slices.DeleteFunc(edges, func(t time.Time) bool { return t.Before(from) || t.After(to) })
	slices.SortFunc(edges, time.Time.Compare)
	edges = slices.CompactFunc(edges, time.Time.Equal)

	var out []Shift
	for i, at := range edges[:len(edges)-1] {
		next := s.decide(at, cursors)
		next.From, next.To = at.UTC(), edges[i+1].UTC()
		if n := len(out); n > 0 && out[n-1].same(next) {
			out[n-1].To = next.To
			continue
		}
		out = append(out, next)
	}
	return out
}

// within returns the spans of a layer in the times of the week in which it applies, in the order
// of their beginnings.
func (l layer) within(from, to time.Time, zone *time.Location) []span {
	spans := l.spans(from, to)
	if len(l.periods) > 0 {
		var periods []span
		for _, p := range l.periods {
			periods = append(periods, p.spans(from, to, zone)...)
		}
		spans = during(spans, periods)
	}
	slices.SortStableFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	return spans
}

// cursor goes through the spans of a layer.
type cursor struct{ later, current []span }

// at returns the spans that contain a time, which is never before that of the call before.
func (c *cursor) at(t time.Time) []span {
	for len(c.later) > 0 && !c.later[0].from.After(t) {
		c.current, c.later = append(c.current, c.later[0]), c.later[1:]
	}
	c.current = slices.DeleteFunc(c.current, func(s span) bool { return !t.Before(s.to) })
	return c.current
}

// decide is who is on call at a time: the first layer that has somebody decides, and overrides
// change what it says.
func (s *Schedule) decide(at time.Time, cursors []cursor) Shift {
	var out Shift
	for i, l := range s.layers {
		for _, one := range cursors[i].at(at) {
			out.People = append(out.People, one.people...)
		}
		if len(out.People) > 0 {
			out.Layer = l.name
			break
		}
	}
	out = overridden(overridden(out, s.overrides, at), s.made, at) // who makes one knows what the configuration says
	slices.Sort(out.People)
	out.People = slices.Compact(out.People)
	return out
}

// overridden puts stand-ins in the places of those whom they replace, each at most once, unless somebody
// is on call for everybody: who stands in is not replaced in turn.
func overridden(out Shift, overrides []Override, at time.Time) Shift {
	for _, v := range overrides {
		if v.Replaces == "" && v.contains(at) {
			return Shift{People: []string{v.Person}, Override: true}
		}
	}
	for i, name := range out.People {
		for _, v := range overrides {
			if v.Replaces == name && v.contains(at) {
				out.People[i], out.Override = v.Person, true
			}
		}
	}
	return out
}

// OnCall returns who is on call at a time, sorted; empty is nobody.
func (s *Schedule) OnCall(at time.Time) []string {
	return s.Shifts(at, at.Add(time.Nanosecond))[0].People
}

// At returns the shift at a time, with its whole length.
func (s *Schedule) At(at time.Time) Shift {
	var found Shift
	for _, reach := range []time.Duration{2 * day, 16 * day, 366 * day} {
		from, to := at.Add(-reach), at.Add(reach)
		shifts := s.Shifts(from, to)
		i := slices.IndexFunc(shifts, func(f Shift) bool { return at.Before(f.To) })
		found = shifts[i]
		if found.From.After(from) && found.To.Before(to) {
			return found
		}
		if !found.From.After(from) {
			found.From = time.Time{}
		}
		if !found.To.Before(to) {
			found.To = time.Time{}
		}
	}
	return found
}

// Next returns the shift after a time in which other people are on call, and false when there is
// none within a year.
func (s *Schedule) Next(at time.Time) (Shift, bool) {
	now := s.OnCall(at)
	for _, reach := range []time.Duration{2 * day, 16 * day, 366 * day} {
		for _, next := range s.Shifts(at, at.Add(reach)) {
			if !slices.Equal(next.People, now) {
				return s.At(next.From), true
			}
		}
	}
	return Shift{}, false
}

// Gaps returns the shifts in [from, to) in which nobody is on call.
func (s *Schedule) Gaps(from, to time.Time) []Shift {
	return slices.DeleteFunc(s.Shifts(from, to), func(f Shift) bool { return !f.Nobody() })
}

// Unnamed returns the summaries of calendar events in [from, to) that name no configured person,
// without duplicates: nobody is on call by them.
func (s *Schedule) Unnamed(from, to time.Time) []string {
	var out []string
	for _, l := range s.layers {
		if l.unnamed != nil {
			out = append(out, l.unnamed(from, to)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Unread tells that a calendar of the schedule has not been read yet.
func (s *Schedule) Unread() bool {
	return slices.ContainsFunc(s.layers, func(l layer) bool { return l.unread })
}

// Zone is the time zone of the schedule.
func (s *Schedule) Zone() *time.Location { return s.zone }

// Members returns who can be on call by rotations and overrides, sorted. Whom calendars name is
// not among them.
func (s *Schedule) Members() []string {
	var out []string
	for _, l := range s.layers {
		out = append(out, l.people...)
	}
	for _, v := range slices.Concat(s.overrides, s.made) {
		out = append(out, v.Person)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// WeeklyGap returns the first gap of a week in which all rotations have begun, and how many more
// that week has; zero when there is none, or when a calendar may fill it.
func (s *Schedule) WeeklyGap() (first Shift, more int) {
	var begun time.Time
	for _, l := range s.layers {
		if l.unnamed != nil {
			return Shift{}, 0
		}
		if l.start.After(begun) {
			begun = l.start
		}
	}
	// The gap at the beginning, which may be cut off, comes again within the week.
	end := instant(wallOf(begun, s.zone).Add(7*day), s.zone)
	alone := Schedule{zone: s.zone, layers: s.layers}
	gaps := slices.DeleteFunc(alone.Gaps(begun, end.Add(8*day)), func(g Shift) bool { return !g.From.After(begun) || g.From.After(end) })
	if len(gaps) == 0 {
		return Shift{}, 0
	}
	return gaps[0], len(gaps) - 1
}
