package recording

import (
	"guardian/probes/sample"
	"guardian/watch"
)

// rechecks counts how the failures of one check go on when they are rechecked.
type rechecks struct {
	known   watch.RecheckStats // of failures that are over
	pending watch.RecheckStats // of the failure that goes on
	failing bool
	// excluded says that the failure that goes on is not counted: a deploy caused it, so that it
	// tells nothing about how the check fails otherwise.
	excluded bool
}

// add takes a look. One that could not see says nothing.
func (r *rechecks) add(s sample.Sample) {
	if s.Health == sample.Unknown {
		return
	}
	up := s.Health == sample.Up
	if s.Recheck && r.failing {
		if up {
			r.pending.Cleared++
		} else {
			r.pending.Again++
		}
	}
	if up {
		if r.pending != (watch.RecheckStats{}) && !r.excluded {
			r.pending.Seen = 1
			r.known = r.known.Add(r.pending)
		}
		r.pending, r.excluded = watch.RecheckStats{}, false
	}
	r.failing = !up
}

// RecheckStats gives what is known of the rechecks of a service's checks, by check.
func (r *Record) RecheckStats(service string) map[string]watch.RecheckStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[string]watch.RecheckStats{}
	for name, c := range r.checks {
		if c.Service == service && c.rechecks.known.Seen > 0 {
			found[name] = c.rechecks.known
		}
	}
	return found
}

// ExcludeFailures leaves the failures of a service that go on now out of its RecheckStats: a
// deploy caused them. It names the service's checks.
func (r *Record) ExcludeFailures(service string) (checks []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, c := range r.checks {
		if c.Service == service {
			c.rechecks.excluded = c.rechecks.failing
			checks = append(checks, name)
		}
	}
	return checks
}
