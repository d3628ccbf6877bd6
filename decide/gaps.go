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

// Key tells it from other news: people are notified once of each.
func (n GapNews) Key() string {
	key := "oncall/" + n.Schedule + "/" + strconv.FormatInt(n.Gap.From.Unix(), 10)
	if n.Began {
		return key + "/began"
	}
	return key + "/ahead"
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
