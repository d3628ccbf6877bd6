package probes

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"guardian/probes/sample"
)

// Recheck says how often a check that failed is looked at until it is up again. Rechecks find
// out within seconds what the schedule would take minutes for, and measure how long short
// outages last.
type Recheck struct {
	Interval model.Duration `yaml:"interval" doc:"Time between looks at a check that is down; at least 100ms and at most half the check's interval; default: no rechecks."`
	For      model.Duration `yaml:"for" doc:"How long after the first failure rechecks last; default: 5m."`
}

const (
	defaultRecheckFor  = model.Duration(5 * time.Minute)
	minRecheckInterval = model.Duration(100 * time.Millisecond)
	maxRecheckFor      = model.Duration(time.Hour)
)

// Fill puts the defaults in.
func (r *Recheck) Fill() {
	if r.Interval > 0 && r.For == 0 {
		r.For = defaultRecheckFor
	}
}

// Validate joins every mistake.
func (r *Recheck) Validate() error {
	var errs []error
	if r.Interval != 0 && r.Interval < minRecheckInterval {
		errs = append(errs, fmt.Errorf("interval is %s, must be at least %s", r.Interval, minRecheckInterval))
	}
	if r.For < 0 || r.For > maxRecheckFor {
		errs = append(errs, fmt.Errorf("for is %s, must be at most %s", r.For, maxRecheckFor))
	}
	return errors.Join(errs...)
}

// rechecks decides when a check that failed is looked at before its schedule says so. The
// times keep their monotonic reading.
type rechecks struct {
	settings     Recheck
	failingSince time.Time // zero: the check does not fail
	lastBegun    time.Time // when the last look began
	lastEnded    time.Time
}

// looked notes what a look saw. An Unknown look neither begins a failure nor ends it.
func (r *rechecks) looked(h sample.Health, begin, end time.Time) {
	r.lastBegun, r.lastEnded = begin, end
	switch {
	case h == sample.Up:
		r.failingSince = time.Time{}
	case h == sample.Down && r.failingSince.IsZero():
		r.failingSince = begin
	}
}

// skipped notes a look that was not made or did not end: the next is due an interval later.
func (r *rechecks) skipped(now time.Time) { r.lastBegun, r.lastEnded = now, now }

// next gives when the next recheck is due, if it comes before the scheduled look at due. Looks
// are never closer together than the interval: a recheck that would come too close to a
// scheduled look is left out.
func (r *rechecks) next(due time.Time) (time.Time, bool) {
	interval := time.Duration(r.settings.Interval)
	if interval <= 0 || r.failingSince.IsZero() {
		return time.Time{}, false
	}
	at := r.lastBegun.Add(interval)
	if at.Before(r.lastEnded) {
		at = r.lastEnded
	}
	if at.Sub(r.failingSince) > time.Duration(r.settings.For) || due.Sub(at) < interval {
		return time.Time{}, false
	}
	return at, true
}
