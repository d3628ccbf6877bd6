package recording

import (
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"time"

	"guardian/internal/store"
	"guardian/probes/sample"
	"guardian/sla"
)

// FullSaveInterval is how often intervals, rollups and watches that merely go on are saved
// whole; in between, the log of looks has what is new. It is well under store.KeptLooks.
const FullSaveInterval = 30 * time.Second

// The bounds of what waits for a journal that takes no writes.
const (
	maxUnsavedLooks    = 100_000
	maxUnsavedFailures = 1000
)

// unsaved is what has to be saved next.
type unsaved struct {
	// looks are the new ones, in order. As long as they are in the journal's log, what is made of
	// them need not be saved whole at each of them.
	looks     []sample.Sample
	dropped   bool // there were too many looks: what is made of them must be saved whole
	failures  []sample.Sample
	intervals map[factKey]sla.Interval // by From
	rollups   map[factKey]sla.Rollup   // by Hour
	states    map[string]store.CheckState
}

// factKey names a fact about a check by when it began, in nanoseconds.
type factKey struct {
	check string
	began int64
}

func intervalKey(i sla.Interval) factKey { return factKey{i.Check, i.From.UnixNano()} }
func rollupKey(r sla.Rollup) factKey     { return factKey{r.Check, r.Hour.UnixNano()} }

func newUnsaved() unsaved {
	return unsaved{intervals: map[factKey]sla.Interval{}, rollups: map[factKey]sla.Rollup{}, states: map[string]store.CheckState{}}
}

func (u *unsaved) addLook(s sample.Sample) {
	if len(u.looks) < maxUnsavedLooks {
		u.looks = append(u.looks, s)
	} else {
		u.looks, u.dropped = nil, true
	}
}

func (u *unsaved) addFailure(s sample.Sample) {
	if len(u.failures) < maxUnsavedFailures {
		u.failures = append(u.failures, s)
	}
}

func (u *unsaved) keep(intervals []sla.Interval, rollups []sla.Rollup) {
	for _, i := range intervals {
		u.intervals[intervalKey(i)] = i
	}
	for _, r := range rollups {
		u.rollups[rollupKey(r)] = r
	}
}

// take gives what has to be saved now: everything new as looks, and whole what turned or was not
// saved whole for long. full asks for everything whole, and tells that it was given so.
func (r *Record) take(now time.Time, full bool) (_ store.Batch, _ bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	u := &r.unsaved
	b := store.Batch{Looks: u.looks, Failures: u.failures, CheckStates: slices.Collect(maps.Values(u.states))}
	full = full || u.dropped
	u.looks, u.failures, u.dropped = nil, nil, false
	clear(u.states)
	due := map[string]bool{} // checks
	for _, i := range u.intervals {
		c := r.checks[i.Check]
		if c == nil || full || !i.From.Equal(c.savedFrom) || now.Sub(c.lastFullSave) >= FullSaveInterval {
			due[i.Check] = true
		}
	}
	for key, i := range u.intervals {
		if !due[i.Check] {
			continue
		}
		b.Intervals = append(b.Intervals, i)
		delete(u.intervals, key)
		if c := r.checks[i.Check]; c != nil && !i.From.Before(c.savedFrom) {
			if c.lastFullSave = now; c.savedFrom.IsZero() {
				c.lastFullSave = now.Add(-Spread(i.Check, FullSaveInterval))
			}
			c.savedFrom = i.From
		}
	}
	for key, x := range u.rollups {
		if due[x.Check] || full || now.Sub(x.Hour) >= time.Hour {
			b.Rollups = append(b.Rollups, x)
			delete(u.rollups, key)
		}
	}
	return b, full
}

// Spread gives a part of a span that is always the same for a name, so that things which began
// together do not come due together.
func Spread(name string, span time.Duration) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return time.Duration(float64(span) * float64(h.Sum32()) / float64(math.MaxUint32))
}

// giveBack takes back what could not be saved, unless something newer came meanwhile.
func (r *Record) giveBack(b store.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tracker == nil {
		return // another guardian keeps the record now
	}
	u := &r.unsaved
	if len(b.Looks)+len(u.looks) <= maxUnsavedLooks {
		u.looks = append(b.Looks, u.looks...)
	} else {
		u.dropped = true
	}
	u.failures = append(b.Failures, u.failures...)
	u.failures = u.failures[:min(len(u.failures), maxUnsavedFailures)]
	for _, i := range b.Intervals {
		if key := intervalKey(i); u.intervals[key].To.Before(i.To) {
			u.intervals[key] = i
		}
	}
	for _, x := range b.Rollups {
		if key := rollupKey(x); u.rollups[key].Looks < x.Looks {
			u.rollups[key] = x
		}
	}
	for _, s := range b.CheckStates {
		if u.states[s.Check].At.Before(s.At) {
			u.states[s.Check] = s
		}
	}
}

// LatestRollups puts rollups of a check that are not saved yet in the place of the journal's.
func (r *Record) LatestRollups(check string, saved []sla.Rollup) []sla.Rollup {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[factKey]sla.Rollup{}
	for _, x := range saved {
		all[rollupKey(x)] = x
	}
	for key, x := range r.unsaved.rollups {
		if x.Check == check {
			all[key] = x
		}
	}
	return slices.Collect(maps.Values(all))
}

// LatestIntervals puts intervals that are not saved yet in the place of the journal's.
func (r *Record) LatestIntervals(saved []sla.Interval) []sla.Interval {
	r.mu.Lock()
	defer r.mu.Unlock()
	have := map[factKey]bool{}
	for i, x := range saved {
		key := intervalKey(x)
		if newer, ok := r.unsaved.intervals[key]; ok {
			saved[i] = newer
		}
		have[key] = true
	}
	for key, i := range r.unsaved.intervals {
		if !have[key] {
			saved = append(saved, i)
		}
	}
	return saved
}
