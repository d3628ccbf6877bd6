package decide

import (
	"strconv"
	"time"

	"guardian/oncall"
)

// gapAhead is how long before its beginning people are notified of a time in which nobody is on
// call.
const gapAhead = 24 * time.Hour

// GapNews is a time in which nobody is on call, of which people are to be notified: a day before
// it begins, and when it begins.
type GapNews struct {
	Schedule string
	Gap      oncall.Shift
	Began    bool
}

// What may be told of a gap.
const (
	gapIsAhead = "ahead"
	gapBegan   = "began"
)

// Key is what all notices of a schedule have in common.
func (n GapNews) Key() string { return onCallKey(n.Schedule) }

// Occasion tells it from other news: people are notified once of each.
func (n GapNews) Occasion() string {
	if n.Began {
		return occasion(n.Schedule, n.Gap.From, gapBegan)
	}
	return occasion(n.Schedule, n.Gap.From, gapIsAhead)
}

// Past gives the occasions of which nobody need hear any more after it: that the gap was ahead.
func (n GapNews) Past() []string {
	if !n.Began {
		return nil
	}
	return []string{occasion(n.Schedule, n.Gap.From, gapIsAhead)}
}

func onCallKey(schedule string) string { return "oncall/" + schedule }

func occasion(schedule string, from time.Time, what string) string {
	return onCallKey(schedule) + "/" + strconv.FormatInt(from.Unix(), 10) + "/" + what
}

// Gaps finds the times in which nobody is on call, now or within a day. A schedule with a fallback
// has an answer to them. While a calendar has not been read yet nothing is known.
func Gaps(r *oncall.Roster, now time.Time) []GapNews {
	var all []GapNews
	for _, s := range r.Schedules {
		if s.Fallback != "" || s.Unread() {
			continue
		}
		if shift := s.At(now); shift.Nobody() {
			all = append(all, GapNews{Schedule: s.Name, Gap: shift, Began: true})
			continue
		}
		if gaps := s.Gaps(now, now.Add(gapAhead)); len(gaps) > 0 {
			all = append(all, GapNews{Schedule: s.Name, Gap: s.At(gaps[0].From)})
		}
	}
	return all
}
