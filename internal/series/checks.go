package series

import (
	"context"
	"maps"
	"slices"
	"time"

	"guardian/probes/sample"
)

// Check is a check as its series are kept: looked at each Every.
type Check struct {
	Name  string
	Every time.Duration
}

// grace is how long past its next look the last values of a check stay visible.
func (c Check) grace() time.Duration { return max(30*time.Second, c.Every/2) }

// Apply sets which checks there are: those are tracked, and the series of others end now.
func (db *DB) Apply(checks []Check, now time.Time) {
	stays := make(map[string]bool, len(checks))
	for _, c := range checks {
		stays[c.Name] = true
		db.Track(c.Name, c.Every, c.grace())
	}
	db.mu.Lock()
	known := slices.Sorted(maps.Keys(db.checks))
	db.mu.Unlock()
	for _, name := range known {
		if !stays[name] {
			db.forget(name, now)
		}
	}
}

// Resume goes on from the last looks that another process made. The series of a check that was removed
// while no guardian ran end now: its last values must not stay visible for minutes more.
func (db *DB) Resume(last []sample.Sample, now time.Time) {
	for _, s := range last {
		if t := db.track(s.Check, false); t != nil && t.tracked() {
			db.Restore(s)
		} else {
			db.forget(s.Check, now)
		}
	}
}

func (t *track) tracked() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.every > 0
}

func (db *DB) forget(check string, now time.Time) {
	if err := db.Forget(check, now); err != nil {
		db.log.Warn("the series of a removed check could not be ended", "check", check, "error", err)
	}
}

// Run restamps each minute until ctx ends. Every guardian does it for its own series.
func (db *DB) Run(ctx context.Context, now func() time.Time) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := db.Restamp(now()); err != nil {
				db.log.Warn("the last values of slow checks could not be stamped again", "error", err)
			}
		}
	}
}
