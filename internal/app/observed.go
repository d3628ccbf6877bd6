package app

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/sla"
	"guardian/watch"
)

// observed is what the checks saw last: the source of health on pages, of blindness, of the
// intervals and rollups that the report is made of.
type observed struct {
	mu      sync.Mutex
	checks  map[string]*seen
	tracker *sla.Tracker // nil while standing by: only who acts keeps the record

	intervals map[factKey]sla.Interval // by From, not written yet
	rollups   map[factKey]sla.Rollup   // by Hour, not written yet
	states    map[string]store.CheckState

	// looks are those that are not in the journal's log of looks yet, in order. With the log
	// in it, what is made of looks need not be written whole at each of them.
	looks []sample.Sample
	// overrun says that the log was not written for so long that looks were let go: then what
	// is made of them is written whole.
	overrun bool
}

// mostLooks bounds observed.looks, while the journal takes nothing.
const mostLooks = 100_000

// wholeEvery is how often intervals, rollups and watches that go on are written whole; in
// between the log of looks holds what is new. Well under store.KeptLooks.
const wholeEvery = 30 * time.Second

// seen is one check.
type seen struct {
	service string
	kind    string
	labels  map[string]string
	names   map[string]bool // of the series that it produces
	every   time.Duration
	began   time.Time // since when it is looked at, here

	last  *sample.Sample
	since time.Time // since when it has its health
	known time.Time // when it last was Up or Down
	// recent is what a guardian that takes over may need again: the last ones, in no order, and
	// oldest is the next to be replaced.
	recent []look
	oldest int
	follow followUp
	stated time.Time // the look that was last handed over to be written down as its state
	// whole is when its interval and rollup were last handed over, of the interval that began
	// at wholeFrom.
	whole, wholeFrom time.Time
}

// look is what is kept of a sample beside what its check says of all.
type look struct {
	at       int64 // nanoseconds
	duration time.Duration
	health   sample.Health
	raised   bool
	reason   reason.Reason
	version  string
}

// samples gives the recent ones back as they were.
func (c *seen) samples(check string) []sample.Sample {
	all := make([]sample.Sample, len(c.recent))
	for i, l := range c.recent {
		all[i] = sample.Sample{
			Check: check, Kind: c.kind, Service: c.service, Labels: c.labels,
			At: time.Unix(0, l.at).UTC(), Duration: l.duration, Raised: l.raised,
			Observation: sample.Observation{Health: l.health, Reason: l.reason, Version: l.version},
		}
	}
	return all
}

// stateEvery is how often the state of a check is written down that looks more often and goes
// on as it is: who takes over looks again as soon.
const stateEvery = 10 * time.Second

// recentLooks bounds seen.recent: a standby's own looks while the lease of another runs out.
const recentLooks = 32

// note takes a sample in.
func (o *observed) note(s sample.Sample) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c, ok := o.checks[s.Check]
	if !ok {
		return // the check was taken out while its last look was under way
	}
	turned, known := c.last == nil || c.last.Health != s.Health, c.follow.known
	if turned {
		c.since = s.At
	}
	if s.Health != sample.Unknown {
		c.known = s.At
	}
	bare := s // neither pages nor watches read values and details here, which are most of a sample
	bare.Values, bare.Detail = nil, ""
	c.last = &bare
	l := look{at: s.At.UnixNano(), duration: s.Duration, health: s.Health, raised: s.Raised, reason: s.Reason, version: s.Version}
	if len(c.recent) < recentLooks {
		c.recent = append(c.recent, l)
	} else {
		c.recent[c.oldest] = l
		c.oldest = (c.oldest + 1) % recentLooks
	}
	c.follow.take(s)
	if o.tracker == nil {
		return
	}
	if len(o.looks) < mostLooks {
		o.looks = append(o.looks, bare)
	} else {
		o.looks, o.overrun = nil, true
	}
	intervals, rollups := o.tracker.Observe(s, c.every)
	o.keep(intervals, rollups)
	if !turned && known == c.follow.known && s.At.Sub(c.stated) < stateEvery {
		return
	}
	c.stated = s.At
	if s.Health == sample.Up {
		s.Detail = "" // written down at each look, read by nobody
	}
	o.states[s.Check] = store.CheckState{Check: s.Check, Last: s, At: s.At, FollowUps: c.follow.known}
}

// factKey names what is told of a check and began at a time, in nanoseconds.
type factKey struct {
	check string
	began int64
}

func intervalKey(i sla.Interval) factKey { return factKey{i.Check, i.From.UnixNano()} }
func rollupKey(r sla.Rollup) factKey     { return factKey{r.Check, r.Hour.UnixNano()} }

func (o *observed) keep(intervals []sla.Interval, rollups []sla.Rollup) {
	for _, i := range intervals {
		o.intervals[intervalKey(i)] = i
	}
	for _, r := range rollups {
		o.rollups[rollupKey(r)] = r
	}
}

// take gives what is to be written: all that is new as looks, and whole what turned or was
// not written whole for long. all asks for everything whole.
func (o *observed) take(now time.Time, all bool) (_ store.Batch, whole bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := store.Batch{Looks: o.looks, CheckStates: slices.Collect(maps.Values(o.states))}
	all = all || o.overrun
	o.looks, o.overrun = nil, false
	clear(o.states)
	due := map[string]bool{}
	for key, i := range o.intervals {
		c := o.checks[i.Check]
		if c == nil || all || !i.From.Equal(c.wholeFrom) || now.Sub(c.whole) >= wholeEvery {
			b.Intervals = append(b.Intervals, i)
			delete(o.intervals, key)
			due[i.Check] = true
			if c != nil && !i.From.Before(c.wholeFrom) {
				if c.whole = now; c.wholeFrom.IsZero() {
					c.whole = now.Add(-spread(i.Check, wholeEvery))
				}
				c.wholeFrom = i.From
			}
		}
	}
	for key, r := range o.rollups {
		if due[r.Check] || all || now.Sub(r.Hour) >= time.Hour {
			b.Rollups = append(b.Rollups, r)
			delete(o.rollups, key)
		}
	}
	return b, all
}

// spread gives a part of a span that is the same for a name each time, so that things which
// began together do not come due together.
func spread(name string, span time.Duration) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return time.Duration(float64(span) * float64(h.Sum32()) / float64(math.MaxUint32))
}

// giveBack takes what could not be written, unless something newer came meanwhile.
func (o *observed) giveBack(b store.Batch) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(b.Looks)+len(o.looks) <= mostLooks {
		o.looks = append(b.Looks, o.looks...)
	} else {
		o.overrun = true
	}
	for _, i := range b.Intervals {
		if key := intervalKey(i); o.intervals[key].To.Before(i.To) {
			o.intervals[key] = i
		}
	}
	for _, r := range b.Rollups {
		if key := rollupKey(r); o.rollups[key].Looks < r.Looks {
			o.rollups[key] = r
		}
	}
	for _, s := range b.CheckStates {
		if o.states[s.Check].At.Before(s.At) {
			o.states[s.Check] = s
		}
	}
}

// current gives rollups of a check from the journal with those that are not written yet in
// their place.
func (o *observed) current(check string, written []sla.Rollup) []sla.Rollup {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := map[factKey]sla.Rollup{}
	for _, r := range written {
		all[rollupKey(r)] = r
	}
	for key, r := range o.rollups {
		if r.Check == check {
			all[key] = r
		}
	}
	return slices.Collect(maps.Values(all))
}

// health is a check's health now: Unknown too when nothing came for long.
func (o *observed) health(check string, now time.Time) sample.Health {
	o.mu.Lock()
	defer o.mu.Unlock()
	c, ok := o.checks[check]
	if !ok || c.last == nil || now.Sub(c.last.At) > watch.BlindAfter(c.every) {
		return sample.Unknown
	}
	return c.last.Health
}

// view is one check as it is now.
type view struct {
	last  *sample.Sample
	since time.Time
	blind bool
	// blindSince and why are set when it is blind.
	blindSince time.Time
	why        string
}

func (o *observed) view(check string, now time.Time) view {
	o.mu.Lock()
	defer o.mu.Unlock()
	c, ok := o.checks[check]
	if !ok {
		return view{}
	}
	return c.view(now)
}

func (c *seen) view(now time.Time) view {
	v := view{last: c.last, since: c.since}
	switch {
	case c.last == nil:
		v.blind, v.blindSince, v.why = true, c.began, "it has not been looked at yet"
	case now.Sub(c.last.At) > watch.BlindAfter(c.every):
		v.blind, v.blindSince, v.why = true, c.last.At, "no look has come to an end since"
	case c.last.Health == sample.Unknown:
		v.blind, v.blindSince, v.why = true, c.since, c.last.Reason.String()
	}
	return v
}

// sight is what rules ask: which checks are blind now.
func (o *observed) sight(now time.Time) rules.Visibility {
	o.mu.Lock()
	defer o.mu.Unlock()
	var blind []rules.Blind
	for name, c := range o.checks {
		v := c.view(now)
		if !v.blind {
			continue
		}
		labels := map[string]string{"check": name, "service": c.service, "kind": c.kind}
		maps.Copy(labels, c.labels)
		names := c.names
		blind = append(blind, rules.Blind{
			Labels: labels,
			Name:   func(series string) bool { return names[series] },
			Why:    reason.New("check_blind", "check", name, "since", v.blindSince, "why", v.why),
		})
	}
	return rules.VisibilityOf(blind)
}

// apply takes the checks of a configuration over. Checks that stay keep what was seen.
func (o *observed) apply(checks []builtCheck, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	next := map[string]*seen{}
	for _, c := range checks {
		n := &seen{service: c.Service, kind: c.Kind, labels: c.Labels, names: c.names, every: c.Every, began: now}
		if old, ok := o.checks[c.Name]; ok {
			n.last, n.since, n.known, n.began, n.follow = old.last, old.since, old.known, old.began, old.follow
			n.recent, n.oldest = old.recent, old.oldest
		}
		next[c.Name] = n
	}
	for name := range o.checks {
		if _, stays := next[name]; !stays && o.tracker != nil {
			intervals, rollups := o.tracker.End(name, now)
			o.keep(intervals, rollups)
		}
	}
	o.checks = next
}

// recent gives what the checks of a service saw last, or all checks for "", oldest first.
func (o *observed) recent(service string) []sample.Sample {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []sample.Sample
	for name, c := range o.checks {
		if service == "" || c.service == service {
			all = append(all, c.samples(name)...)
		}
	}
	slices.SortStableFunc(all, func(x, y sample.Sample) int { return x.At.Compare(y.At) })
	return all
}

// blindChecks names the checks that cannot look now.
func (o *observed) blindChecks(now time.Time) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var names []string
	for name, c := range o.checks {
		if c.view(now).blind {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, strings.Compare)
	return names
}

// resumeTracker goes on with the record where the journal ends.
// It gives the looks of the last minutes, for the watches.
func (a *App) resumeTracker(ctx context.Context) ([]sample.Sample, error) {
	last, err := a.store.LastIntervals(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the last intervals: %w", err)
	}
	hour := a.now().UTC().Truncate(time.Hour)
	rollups, err := a.store.Rollups(ctx, hour.Add(-time.Hour), hour.Add(time.Hour))
	if err != nil {
		return nil, fmt.Errorf("read the last rollups: %w", err)
	}
	states, err := a.store.CheckStates(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what the checks saw last: %w", err)
	}
	failures, err := a.store.Failures(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what failed last: %w", err)
	}
	a.kept.resume(failures)
	a.quotas.Resume(lookedAt(states))
	a.observed.resume(slices.Collect(maps.Values(last)), rollups, states)
	looks, err := a.store.Looks(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the looks of the last minutes: %w", err)
	}
	a.observed.replay(looks)
	running := a.setup.Load()
	for _, st := range states {
		if _, stays := running.check(st.Check); stays {
			a.series.Restore(st.Last)
			continue
		}
		// Taken out while nobody ran: what it saw last is not to be seen for minutes more.
		if err := a.series.Forget(st.Check, a.now()); err != nil {
			a.log.Warn("the series of a removed check could not be ended", "check", st.Check, "error", err)
		}
	}
	return looks, nil
}

func (o *observed) resume(last []sla.Interval, rollups []sla.Rollup, states map[string]store.CheckState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tracker = sla.NewTracker(last, rollups)
	clear(o.intervals)
	clear(o.rollups)
	clear(o.states)
	o.looks, o.overrun = nil, false
	for name, c := range o.checks {
		st, ok := states[name]
		if ok && c.follow.known.Seen < st.FollowUps.Seen {
			c.follow.known = st.FollowUps
		}
		if ok && (c.last == nil || c.last.At.Before(st.At)) {
			l := st.Last
			c.last, c.since = &l, st.At
			if l.Health != sample.Unknown {
				c.known = st.At
			}
		}
	}
	for _, i := range last {
		if c, ok := o.checks[i.Check]; ok && c.last != nil && i.Health == c.last.Health && i.From.Before(c.since) {
			c.since = i.From
		}
	}
}

// replay brings the record up to the last look that is in the log. Looks that it has in it
// already change nothing.
func (o *observed) replay(looks []sample.Sample) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range looks {
		c, ok := o.checks[s.Check]
		if !ok {
			continue
		}
		intervals, rollups := o.tracker.Observe(s, c.every)
		o.keep(intervals, rollups)
		if c.last != nil && !c.last.At.Before(s.At) {
			continue
		}
		if c.last == nil || c.last.Health != s.Health {
			c.since = s.At
		}
		if s.Health != sample.Unknown {
			c.known = s.At
		}
		s.Kind, s.Labels = c.kind, c.labels
		c.last = &s
	}
}

// stop ends the record of this guardian: another one keeps it now.
func (o *observed) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tracker = nil
	o.looks, o.overrun = nil, false
	clear(o.intervals)
	clear(o.rollups)
	clear(o.states)
}
