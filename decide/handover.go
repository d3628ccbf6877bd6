package decide

import (
	"slices"
	"strconv"
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

// Key tells it from other hand-overs: people are told once of each.
func (h HandOver) Key() string {
	return "oncall/" + h.Schedule + "/" + strconv.FormatInt(h.Now.From.Unix(), 10) + "/hand_over"
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
