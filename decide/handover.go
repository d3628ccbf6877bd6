package decide

import (
	"slices"
	"time"

	"guardian/oncall"
)

// handOverFor is how long after a hand-over people are still told of it, when no guardian ran
// meanwhile.
const handOverFor = time.Hour

// HandOver is a change of the people who are on call.
type HandOver struct {
	Schedule  string
	Receivers []string
	Before    oncall.Shift
	Now       oncall.Shift
	People    []oncall.Person // those of Now
}

// Key is what all notices of a schedule have in common.
func (h HandOver) Key() string { return onCallKey(h.Schedule) }

// Occasion tells it from other hand-overs: people are told once of each.
func (h HandOver) Occasion() string { return occasion(h.Schedule, h.Now.From, "hand_over") }

// Past gives the occasions of which nobody need hear any more after it: that somebody would be missing
// until now, or from now on.
func (h HandOver) Past() []string {
	past := []string{occasion(h.Schedule, h.Now.From, gapIsAhead)}
	if h.Before.Nobody() {
		past = append(past, occasion(h.Schedule, h.Before.From, gapIsAhead))
	}
	return past
}

// HandOvers finds the hand-overs of which receivers should be told now. A time in which nobody is
// on call is told of as a gap.
func HandOvers(r *oncall.Roster, now time.Time) []HandOver {
	var all []HandOver
	for _, s := range r.Schedules {
		if len(s.Announce) == 0 || s.Unread() {
			continue
		}
		shift := s.At(now)
		if shift.Nobody() || shift.From.IsZero() || now.Sub(shift.From) > handOverFor {
			continue
		}
		h := HandOver{Schedule: s.Name, Receivers: s.Announce, Before: s.At(shift.From.Add(-time.Nanosecond)), Now: shift}
		for _, name := range shift.People {
			if p, ok := r.Person(name); ok {
				h.People = append(h.People, p)
			}
		}
		if !slices.Equal(h.Before.People, shift.People) {
			all = append(all, h)
		}
	}
	return all
}
