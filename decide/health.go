package decide

import (
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// CheckState is how a check of a service is at a moment.
type CheckState struct {
	Check  string
	Counts bool           // it counts in the SLA report
	Last   *sample.Sample // nil: it has not looked yet
	Since  time.Time      // since when it has the health of Last
	Blind  bool           // it cannot look, or has not looked for long
	Why    reason.Reason  // why it is blind
}

// Health is how a service is at a moment. Since is zero when it is Unknown, and Reason when it is
// Up.
type Health struct {
	Health sample.Health
	Since  time.Time
	Reason reason.Reason
}

// ServiceHealth decides how a service is by its checks that count in the SLA report: Down as soon
// as one of them is, for as long as the one that has been down longest; else Up if one of them is,
// since the last of them came up; else Unknown.
func ServiceHealth(checks []CheckState) Health {
	var down, up *CheckState
	var blind reason.Reason // of the first blind check
	counted := 0
	for i := range checks {
		c := &checks[i]
		if !c.Counts {
			continue
		}
		counted++
		switch {
		case c.Blind || c.Last == nil:
			if blind.IsZero() {
				blind = reason.New("check_says", "check", c.Check, "why", c.Why)
			}
		case c.Last.Health == sample.Down:
			if down == nil || c.Since.Before(down.Since) {
				down = c
			}
		case c.Last.Health == sample.Up:
			if up == nil || c.Since.After(up.Since) {
				up = c
			}
		}
	}
	switch {
	case down != nil:
		return Health{sample.Down, down.Since, reason.New("check_says", "check", down.Check, "why", down.Last.Reason)}
	case up != nil:
		return Health{Health: sample.Up, Since: up.Since}
	case counted == 0:
		return Health{Reason: reason.New("no_check_counts")}
	default:
		return Health{Reason: blind}
	}
}
