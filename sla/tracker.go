package sla

import (
	"time"

	"guardian/probes/sample"
)

// Tracker turns samples into intervals and hourly rollups. It is not safe for concurrent
// use.
type Tracker struct{}

// NewTracker goes on where the last interval of each check and the rollups of the running
// hour ended. Both may be empty.
func NewTracker(last []Interval, hours []Rollup) *Tracker { return &Tracker{} }

// Observe takes one sample of a check that is looked at every so often. It gives the
// intervals and rollups that changed, each whole: a store replaces what it has under (check,
// from) and (check, hour). A sample that is not newer than the last one changes nothing.
func (t *Tracker) Observe(s sample.Sample, every time.Duration) (changed []Interval, rollups []Rollup) {
	return nil, nil
}

// End forgets a check that is no longer looked at: its interval ends at the time given.
func (t *Tracker) End(check string, at time.Time) (changed []Interval, rollups []Rollup) {
	return nil, nil
}
