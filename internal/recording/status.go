package recording

import (
	"maps"
	"slices"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/rules"
)

// Status is one check as it is now.
type Status struct {
	Last  *sample.Sample // nil: it was not looked at yet; without values and detail
	Since time.Time      // since when it has the health of its last look
	Blind bool           // it could not look, or has not looked for long
	// BlindSince and BlindReason are set when it is blind.
	BlindSince  time.Time
	BlindReason reason.Reason
}

// Status gives a check as it is now; the zero value for a check that there is not.
func (r *Record) Status(check string, now time.Time) Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.checks[check]; c != nil {
		return c.status(now)
	}
	return Status{}
}

func (c *check) status(now time.Time) Status {
	s := Status{Last: c.last, Since: c.since}
	switch {
	case c.last == nil:
		s.Blind, s.BlindSince, s.BlindReason = true, c.added, reason.New("check_without_look")
	case now.Sub(c.last.At) > c.blindAfter():
		s.Blind, s.BlindSince, s.BlindReason = true, c.last.At, reason.New("check_without_new_look")
	case c.last.Health == sample.Unknown:
		s.Blind, s.BlindSince, s.BlindReason = true, c.since, c.last.Reason
	}
	return s
}

// RecentHealth gives what the scheduled looks of a check since a time saw, oldest first.
func (r *Record) RecentHealth(check string, since time.Time) []sample.Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.checks[check]
	if c == nil {
		return nil
	}
	var all []sample.Health
	for _, l := range c.recent.inOrder() {
		if !l.recheck && l.at >= since.UnixNano() {
			all = append(all, l.health)
		}
	}
	return all
}

// Health gives the health of a check now: Unknown too when it was not looked at for long.
func (r *Record) Health(check string, now time.Time) sample.Health {
	s := r.Status(check, now)
	if s.Blind || s.Last == nil {
		return sample.Unknown
	}
	return s.Last.Health
}

// Blind names the checks that are blind now, sorted.
func (r *Record) Blind(now time.Time) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := []string{}
	for name, c := range r.checks {
		if c.status(now).Blind {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Visibility tells rules which series say nothing now because their check is blind.
func (r *Record) Visibility(now time.Time) rules.Visibility {
	r.mu.Lock()
	defer r.mu.Unlock()
	var blind []rules.Blind
	for name, c := range r.checks {
		s := c.status(now)
		if !s.Blind {
			continue
		}
		labels := map[string]string{"check": name, "service": c.Service, "kind": c.Kind}
		maps.Copy(labels, c.Labels)
		series := c.Series
		blind = append(blind, rules.Blind{
			Labels: labels,
			Name:   func(name string) bool { return series[name] },
			Why:    reason.New("check_blind", "check", name, "since", s.BlindSince, "why", s.BlindReason),
		})
	}
	return rules.VisibilityOf(blind)
}
