package app

import (
	"guardian/probes/sample"
	"guardian/watch"
)

// followUp watches how failures of one check clear at the raised pace.
type followUp struct {
	known   watch.RecheckStats // of failures that are over
	pending watch.RecheckStats // of the one that lasts
	failing bool
	// spoilt says that the failure that lasts is not the check's nature: a deploy caused it.
	spoilt bool
}

// take takes a look in. A look that could not see tells nothing.
func (f *followUp) take(s sample.Sample) {
	if s.Health == sample.Unknown {
		return
	}
	up := s.Health == sample.Up
	if s.Raised && f.failing {
		if up {
			f.pending.Cleared++
		} else {
			f.pending.Again++
		}
	}
	if up {
		if f.pending != (watch.RecheckStats{}) && !f.spoilt {
			f.pending.Seen = 1
			f.known = f.known.Add(f.pending)
		}
		f.pending, f.spoilt = watch.RecheckStats{}, false
	}
	f.failing = !up
}

// followUps gives what is known of the checks of a service, by check.
func (o *observed) followUps(service string) map[string]watch.RecheckStats {
	o.mu.Lock()
	defer o.mu.Unlock()
	found := map[string]watch.RecheckStats{}
	for name, c := range o.checks {
		if c.service == service && c.follow.known.Seen > 0 {
			found[name] = c.follow.known
		}
	}
	return found
}

// spoil takes the failures of a service that last out of what is known of its checks: they are
// a deploy's. It names its checks.
func (o *observed) spoil(service string) (checks []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, c := range o.checks {
		if c.service == service {
			c.follow.spoilt = c.follow.failing
			checks = append(checks, name)
		}
	}
	return checks
}
