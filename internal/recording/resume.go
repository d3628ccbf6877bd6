package recording

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"guardian/internal/store"
	"guardian/probes/sample"
	"guardian/sla"
)

// Resumed is what the journal knows about the checks when this guardian begins to lead.
type Resumed struct {
	States map[string]store.CheckState // of checks that are gone, too
	// Looks are those of the last minutes, oldest first: watches may not have them yet.
	Looks []sample.Sample
}

// LookedAt gives when each check looked last.
func (r Resumed) LookedAt() map[string]time.Time {
	at := make(map[string]time.Time, len(r.States))
	for check, s := range r.States {
		at[check] = s.At
	}
	return at
}

// Last gives the last look of each check.
func (r Resumed) Last() []sample.Sample {
	all := make([]sample.Sample, 0, len(r.States))
	for _, s := range r.States {
		all = append(all, s.Last)
	}
	return all
}

// Resume goes on with the record where the journal ends, and keeps it until Standby.
func (r *Record) Resume(ctx context.Context) (Resumed, error) {
	j := r.o.Journal
	last, err := j.LastIntervals(ctx)
	if err != nil {
		return Resumed{}, fmt.Errorf("read the last intervals: %w", err)
	}
	hour := r.o.Now().UTC().Truncate(time.Hour)
	rollups, err := j.Rollups(ctx, hour.Add(-time.Hour), hour.Add(time.Hour))
	if err != nil {
		return Resumed{}, fmt.Errorf("read the last rollups: %w", err)
	}
	states, err := j.CheckStates(ctx)
	if err != nil {
		return Resumed{}, fmt.Errorf("read the states of the checks: %w", err)
	}
	failures, err := j.Failures(ctx)
	if err != nil {
		return Resumed{}, fmt.Errorf("read the last failures: %w", err)
	}
	looks, err := j.Looks(ctx)
	if err != nil {
		return Resumed{}, fmt.Errorf("read the looks of the last minutes: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, c := range r.checks {
		c.results.restore(failures[name], r.maxResults)
	}
	r.resume(slices.Collect(maps.Values(last)), rollups, states)
	r.replay(looks)
	r.trackRecent()
	return Resumed{States: states, Looks: looks}, nil
}

func (r *Record) resume(last []sla.Interval, rollups []sla.Rollup, states map[string]store.CheckState) {
	r.tracker = sla.NewTracker(last, rollups)
	for name, c := range r.checks {
		r.tracker.LooksSince(name, c.added)
	}
	r.unsaved = newUnsaved()
	for name, c := range r.checks {
		s, ok := states[name]
		if !ok {
			continue
		}
		c.answered.add(s.Last, 2*c.blindAfter())
		if c.rechecks.known.Seen < s.FollowUps.Seen {
			c.rechecks.known = s.FollowUps
		}
		if c.last == nil || c.last.At.Before(s.At) {
			l := s.Last
			c.last, c.since = &l, s.At
		}
	}
	for _, i := range last {
		if c := r.checks[i.Check]; c != nil && c.last != nil && i.Health == c.last.Health && i.From.Before(c.since) {
			c.since = i.From
		}
	}
}

// replay adds the looks of the journal's log. Those that are in the record already change nothing.
func (r *Record) replay(looks []sample.Sample) {
	for _, s := range looks {
		c := r.checks[s.Check]
		if c == nil {
			continue
		}
		r.unsaved.keep(r.tracker.Observe(s, c.Interval))
		c.answered.add(s, 2*c.blindAfter())
		if c.last != nil && !c.last.At.Before(s.At) {
			continue
		}
		if c.last == nil || c.last.Health != s.Health {
			c.since = s.At
		}
		s.Kind, s.Labels = c.Kind, c.Labels
		c.last = &s
	}
}

// trackRecent adds to the intervals what this guardian saw itself since the guardian before it
// died: in this time it looked as a standby, and nobody was blind. Its looks count from when the
// other one's next look was due.
func (r *Record) trackRecent() {
	due := map[string]time.Time{}
	for name := range r.checks {
		due[name] = r.tracker.Due(name)
	}
	for _, s := range r.recentLooks("") {
		if !s.At.Before(due[s.Check]) {
			r.unsaved.keep(r.tracker.Observe(s, r.checks[s.Check].Interval))
		}
	}
}

// Standby ends the record for the journal: another guardian keeps it now. What the checks saw
// stays known here.
func (r *Record) Standby() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tracker, r.unsaved = nil, newUnsaved()
}
