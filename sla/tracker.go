package sla

import (
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// gapSlack is what a look may be late beyond two intervals before the time since the last
// one counts as not looked.
const gapSlack = 30 * time.Second

// Tracker turns samples into intervals and hourly rollups. It is not safe for concurrent
// use.
//
// A look vouches for the time until the next one is due. When the next one comes in time (at
// most two intervals and 30 s after the last), the health holds until then; otherwise it
// ended when the next look was due, and from there to the next look is Unknown.
type Tracker struct {
	checks map[string]*track
}

// track is one check: its interval that goes on, and the hour of its last look as far as it is
// accounted for, which is up to that look.
type track struct {
	open Interval
	hour Rollup
}

// NewTracker goes on where the last interval of each check and the rollups of the running
// hour ended. Both may be empty. Rollups of hours other than that of a check's last look
// (Interval.Seen) are ignored.
func NewTracker(last []Interval, hours []Rollup) *Tracker {
	t := &Tracker{checks: map[string]*track{}}
	for _, i := range last {
		if i.Seen.IsZero() { // nobody looked in it: what came last is its end
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

// Observe takes one sample of a check that is looked at every so often. It gives the
// intervals and rollups that changed, each whole: a store replaces what it has under (check,
// from) and (check, hour). A sample that is not newer than the last one changes nothing.
//
// An hour without a rollup is one in which there was no look at all.
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
	// To lies one interval after the last look.
	if seen := k.open.Seen; at.After(k.open.To.Add(every + gapSlack)) {
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

// End forgets a check that is no longer looked at: its interval ends at the time given, or
// when its next look was due if that is earlier.
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

// step goes on with the same health or closes the open interval and begins the next.
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

// account adds the time from one moment to another to the hours that it falls in, and
// moves on to the last of them. It gives those that it left behind.
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

// skip accounts for time in which nobody looked: in the hours in which it begins and ends. The
// hours between have no rollup, however many they are.
func (k *track) skip(done []Rollup, from, to time.Time) []Rollup {
	if end := from.Truncate(time.Hour).Add(time.Hour); end.Before(to) {
		done = k.account(done, from, end, sample.Unknown)
		from = to.Truncate(time.Hour)
	}
	return k.account(done, from, to, sample.Unknown)
}

// enter moves on to the hour of a moment.
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
	if s.Raised {
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
