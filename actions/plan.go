package actions

import "guardian/internal/reason"

// Plan is what a Failed verdict leads to, or in mode observe would have led to.
type Plan struct {
	Runbook string `json:"runbook"`
	To      string `json:"to,omitempty"` // the version that is put back; "": none was known to be good, or an operation is undone
	// Undo: no version is put back, but an operation undone.
	Undo bool `json:"undo,omitempty"`
	// Refused is why guards are against it, or ask a person first; empty: nothing is.
	Refused []reason.Reason `json:"refused,omitempty"`
}

// RollsBack reports whether the plan rolls back by itself: there is a version to go back to or an
// operation to undo, and no guard is against it.
func (p Plan) RollsBack() bool { return (p.To != "" || p.Undo) && len(p.Refused) == 0 }
