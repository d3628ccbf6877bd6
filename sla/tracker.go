package sla

import (
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// gapSlack is how late a look may be, beyond two intervals after the last one, before the time
// in between counts as unknown.
const gapSlack = 30 * time.Second

// Tracker turns samples into intervals and hourly rollups. It is not safe for concurrent use.
//
// A look is valid until the next one is due. If the next look comes in time (at most two
// intervals and 30 s after the last one), the health continues until then. Otherwise it ends
// when the next look was due, and the time from then to the next look is Unknown. So it does, too,
// when a look was due before anybody looked, see LooksSince.
type Tracker struct {
	checks map[string]*track
}

// track is the state of one check: its current interval, and the rollup of the hour of its last
// look, which covers the time up to that look.
type track struct {
	open  Interval
	hour  Rollup
	since time.Time // since when this guardian looks
}

// NewTracker makes a tracker that continues the last interval of each check and the rollup of
// the hour of its last look (Interval.Seen). Both may be empty; other rollups are ignored.
func NewTracker(last []Interval, hours []Rollup) *Tracker {
	t := &Tracker{checks: map[string]*track{}}
	for _, i := range last {
		if i.Seen.IsZero() { // there was no look in it: continue at its end
			i.Seen = i.To
		}
		if k := t.checks[i.Check]; k == nil || i.From.After(k.open.From) {
			t.checks[i.Check] = &track{open: i, hour: newRollup(i.Check, i.Service, i.Seen)}
		}
	}
	for _, r := range hours {
		if k := t.checks[r.Check]; k != nil && r.Hour.Equal(k.hour.Hour) {
			r.Hour = k.hour.Hour
			k.hour = r
		}
	}
	return t
}

// LooksSince tells since when this guardian looks at a check. A look that was due before and was
// not made is missed: the guardian that should have made it was dead.
func (t *Tracker) LooksSince(check string, since time.Time) {
	if k := t.checks[check]; k != nil {
		k.since = since
	}
}

// Due is when the next look of a check is due; zero when it was never looked at.
func (t *Tracker) Due(check string) time.Time {
	if k := t.checks[check]; k != nil {
		return k.open.To
	}
	return time.Time{}
}

// Observe adds one sample of a check with the given interval between looks. It returns the
// intervals and rollups that changed; they replace those that are stored under (check, from) and
// (check, hour). A sample that is not newer than the last one is ignored.
//
// An hour without any look has no rollup.
func (t *Tracker) Observe(s sample.Sample, every time.Duration) (changed []Interval, rollups []Rollup) {
	at := s.At.UTC().Round(0)
	next := Interval{Check: s.Check, Service: s.Service, Health: s.Health, From: at, To: at.Add(every), Seen: at}
	if s.Health != sample.Up {
		next.Reason = s.Reason
	}
	k := t.checks[s.Check]
	if k == nil {
		k = &track{open: next, hour: newRollup(s.Check, s.Service, at)}
		t.checks[s.Check] = k
		k.count(s)
		return []Interval{k.open}, []Rollup{k.hour}
	}
	if !at.After(k.open.Seen) {
		return nil, nil
	}
	// To is one interval after the last look.
	missed := k.open.To.Before(k.since) && !at.Before(k.since)
	if seen := k.open.Seen; missed || at.After(k.open.To.Add(every+gapSlack)) {
		rollups = k.account(rollups, seen, k.open.To, k.open.Health)
		rollups = k.skip(rollups, k.open.To, at)
		gap := Interval{Check: s.Check, Service: s.Service, Health: sample.Unknown, From: k.open.To, To: at, Reason: reason.New("not_looked")}
		changed = k.step(changed, gap)
	} else {
		rollups = k.account(rollups, seen, at, k.open.Health)
		k.open.To = at
	}
	changed = k.step(changed, next)
	k.open.Service = s.Service
	k.hour.Service = s.Service
	k.count(s)
	return append(changed, k.open), append(rollups, k.hour)
}

// End ends the current interval of a check that was removed, at the given time or when its next
// look was due, whichever is earlier.
func (t *Tracker) End(check string, at time.Time) (changed []Interval, rollups []Rollup) {
	k := t.checks[check]
	if k == nil {
		return nil, nil
	}
	delete(t.checks, check)
	at = at.UTC().Round(0)
	if at.Before(k.open.Seen) {
		at = k.open.Seen
	}
	if at.Before(k.open.To) {
		k.open.To = at
	}
	rollups = k.account(nil, k.open.Seen, k.open.To, k.open.Health)
	return []Interval{k.open}, append(rollups, k.hour)
}

// step extends the current interval if the health is the same, or else begins the next one.
func (k *track) step(changed []Interval, next Interval) []Interval {
	if k.open.Health == next.Health {
		k.open.To = next.To
		if !next.Seen.IsZero() {
			k.open.Seen = next.Seen
		}
		return changed
	}
	changed = append(changed, k.open)
	k.open = next
	return changed
}

// account adds a period to the rollups of its hours and makes the last of them the current one.
// It appends the completed rollups to done.
func (k *track) account(done []Rollup, from, to time.Time, h sample.Health) []Rollup {
	for from.Before(to) {
		done = k.enter(done, from)
		end := k.hour.Hour.Add(time.Hour)
		if to.Before(end) {
			end = to
		}
		k.hour.add(h, end.Sub(from))
		from = end
	}
	return k.enter(done, to)
}

// skip adds a period without looks to the rollups of its first and last hour. The hours in
// between get no rollup.
func (k *track) skip(done []Rollup, from, to time.Time) []Rollup {
	if end := from.Truncate(time.Hour).Add(time.Hour); end.Before(to) {
		done = k.account(done, from, end, sample.Unknown)
		from = to.Truncate(time.Hour)
	}
	return k.account(done, from, to, sample.Unknown)
}

// enter makes the hour of a time the current one.
func (k *track) enter(done []Rollup, at time.Time) []Rollup {
	next := newRollup(k.hour.Check, k.hour.Service, at)
	if next.Hour.Equal(k.hour.Hour) {
		return done
	}
	if left := k.hour; left.Looks > 0 || left.Up+left.Down+left.Unknown > 0 {
		done = append(done, left)
	}
	k.hour = next
	return done
}

// count adds a look to the hour that it began in, which is the current one.
// Raised looks do not count: there are more of them the more fails.
func (k *track) count(s sample.Sample) {
	if s.Recheck {
		return
	}
	switch s.Health {
	case sample.Up:
		k.hour.Looks++
		k.hour.Latency += s.Duration
	case sample.Down:
		k.hour.Looks++
		k.hour.Failures++
	case sample.Unknown:
	}
}

func newRollup(check, service string, at time.Time) Rollup {
	return Rollup{Check: check, Service: service, Hour: at.UTC().Truncate(time.Hour)}
}

func (r *Rollup) add(h sample.Health, d time.Duration) {
	switch h {
	case sample.Up:
		r.Up += d
	case sample.Down:
		r.Down += d
	case sample.Unknown:
		r.Unknown += d
	}
}
