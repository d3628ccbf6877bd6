package decide

import (
	"slices"
	"time"

	"guardian/internal/reason"
	"guardian/rules"
)

// Unsent is a notice of a group that waits to be sent.
type Unsent struct {
	Notice string        // ID
	Alerts []rules.Alert // that it is about, as they are now
	Repeat bool          // nothing in it was new
}

// Supersede lets a telling take the place of notices of its group that wait to be sent, and gives the
// IDs of those of which it does: of whose every alert it tells how that is now. Of an alert whose end
// is in such a notice alone it tells the end too. An alert of which something keeps the receiver now
// is in no new notice: the one that waits is sent, as the log says that it was.
func (b *Board) Supersede(t Telling, waiting []Unsent, now time.Time) (_ Telling, superseded []string) {
	tells := map[string]bool{}
	for _, a := range slices.Concat(t.Firing, t.Resolved) {
		tells[a.ID] = true
	}
	for _, w := range waiting {
		ended, all := b.endedIn(w, t.Group, tells)
		if !all {
			continue
		}
		for _, a := range ended {
			row := b.told[a.ID][t.Group]
			row.At, row.Accepted = now, time.Time{}
			t.Resolved, t.Rows, tells[a.ID] = append(t.Resolved, a), append(t.Rows, row), true
		}
		superseded = append(superseded, w.Notice)
		t.Repeat = t.Repeat && w.Repeat
	}
	Arrange(t.Resolved)
	if len(superseded) > 0 && t.Why.Code != "notice_kept" {
		t.Why = reason.New("notice_supersedes")
	}
	return t, superseded
}

// endedIn gives the alerts of a waiting notice that are not told anyway and whose end it tells; false
// when there is one that has not ended.
func (b *Board) endedIn(w Unsent, group string, tells map[string]bool) (ended []rules.Alert, all bool) {
	for _, a := range w.Alerts {
		switch {
		case tells[a.ID]:
		case a.State == rules.Resolved && b.told[a.ID][group].State == rules.Resolved:
			ended = append(ended, a)
		default:
			return nil, false
		}
	}
	return ended, true
}
