package actions

import "guardian/internal/reason"

// Plan is what a Failed verdict leads to, or in mode observe would have led to.
type Plan struct {
	Runbook string `json:"runbook"`
	To      string `json:"to,omitempty"` // the version that is put back; "": none was known to be good
	// Refused is why guards are against it, or ask a person first; empty: nothing is.
	Refused []reason.Reason `json:"refused,omitempty"`
}

// RollsBack reports whether the plan rolls back by itself: there is a version to go back to, and no
// guard is against it.
func (p Plan) RollsBack() bool { return p.To != "" && len(p.Refused) == 0 }
