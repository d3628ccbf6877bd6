package watch

import (
	"time"

	"guardian/internal/reason"
)

// MarkKind is what a person thinks of a verdict.
type MarkKind string

// The kinds of marks.
const (
	MarkRight MarkKind = "right"
	MarkWrong MarkKind = "wrong"
	MarkLate  MarkKind = "late" // right, but later than it should have come
)

// Mark is what a person thinks of a verdict; of several the last one counts.
type Mark struct {
	Kind MarkKind  `json:"mark"`
	Note string    `json:"note,omitempty"`
	By   string    `json:"by"`
	At   time.Time `json:"at"`
}

// Markable reports whether a watch in this state has a verdict that can be right or wrong.
func (s State) Markable() bool { return s == Passed || s == Failed || s == Inconclusive }

// Reason says in the journal what the mark thinks of the verdict of a watch in this state.
func (m Mark) Reason(s State) reason.Reason {
	verdict := reason.New("watch_inconclusive")
	switch s {
	case Passed:
		verdict = reason.New("watch_passed")
	case Failed:
		verdict = reason.New("watch_failed")
	default:
	}
	switch m.Kind {
	case MarkWrong:
		return reason.New("verdict_marked_wrong", "verdict", verdict, "note", m.Note)
	case MarkLate:
		return reason.New("verdict_marked_late", "verdict", verdict, "note", m.Note)
	default:
		return reason.New("verdict_marked_right", "verdict", verdict, "note", m.Note)
	}
}
