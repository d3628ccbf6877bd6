package watch

import "time"

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
