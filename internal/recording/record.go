package recording

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/probes/sample"
	"guardian/sla"
	"guardian/watch"
)

// Journal is where a Record goes on from.
type Journal interface {
	LastIntervals(ctx context.Context) (map[string]sla.Interval, error)
	Rollups(ctx context.Context, from, to time.Time) ([]sla.Rollup, error)
	CheckStates(ctx context.Context) (map[string]store.CheckState, error)
	Failures(ctx context.Context) (map[string][]sample.Sample, error)
	Looks(ctx context.Context) ([]sample.Sample, error)
}

// Options are what a Record needs; Journal and Now must be set.
type Options struct {
	Journal    Journal
	Now        func() time.Time
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
}

// Check is what a Record needs to know about a check.
type Check struct {
	Name, Service, Kind string
	Labels              map[string]string
	Series              map[string]bool // names of the series that it produces
	Interval            time.Duration
}

// Record is what the checks saw. Its methods may be called from everywhere at once.
type Record struct {
	o Options

	mu         sync.Mutex
	checks     map[string]*check
	maxResults int          // results, and failed ones, kept of each check
	tracker    *sla.Tracker // nil on standby: the leader alone keeps intervals and rollups
	unsaved    unsaved
}

// check is one check and what it saw.
type check struct {
	Check
	added time.Time // since when this guardian has the check

	last      *sample.Sample // without values and detail
	since     time.Time      // since when it has its health
	recent    ring[shortLook]
	results   recentResults
	rechecks  rechecks
	answered  answered
	lastState time.Time // the look that was last handed over to be saved as its state
	// lastFullSave is when its interval and rollup were last handed over to be saved, of the
	// interval that began at savedFrom.
	lastFullSave, savedFrom time.Time
}

// New makes a Record without checks.
func New(o Options) *Record {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Record{o: o, checks: map[string]*check{}, maxResults: maxResultsOfEach, unsaved: newUnsaved()}
	registerMetrics(o.Registerer, r)
	return r
}

// Apply takes over the checks of a configuration. Checks that stay keep what they saw.
func (r *Record) Apply(checks []Check) {
	now := r.o.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.maxResults = resultsOfEach(len(checks))
	next := make(map[string]*check, len(checks))
	for _, c := range checks {
		n := &check{added: now}
		if old := r.checks[c.Name]; old != nil {
			n = old
		}
		n.Check = c
		next[c.Name] = n
	}
	for name := range r.checks {
		if next[name] == nil && r.tracker != nil {
			intervals, rollups := r.tracker.End(name, now)
			r.unsaved.keep(intervals, rollups)
		}
	}
	r.checks = next
}

// stateInterval is how often the state of a check is saved that looks more often and goes on as
// it is: whoever takes over looks again about as soon.
const stateInterval = 10 * time.Second

// Add takes a sample.
func (r *Record) Add(s sample.Sample) {
	result := resultOf(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.checks[s.Check]
	if c == nil {
		return // the check was removed while its last look was under way
	}
	turned, known := c.last == nil || c.last.Health != s.Health, c.rechecks.known
	if turned {
		c.since = s.At
	}
	bare := s // without values and detail, which are most of a sample, and which only results show
	bare.Values, bare.Detail = nil, ""
	c.last = &bare
	c.recent.add(shorten(s), maxRecentLooks)
	c.rechecks.add(s)
	c.answered.add(s, 2*c.blindAfter())
	save := c.results.add(result, turned, r.maxResults)
	if r.tracker == nil {
		return
	}
	if save {
		r.unsaved.addFailure(s)
	}
	r.unsaved.addLook(bare)
	r.unsaved.keep(r.tracker.Observe(s, c.Interval))
	if !turned && known == c.rechecks.known && s.At.Sub(c.lastState) < stateInterval {
		return
	}
	c.lastState = s.At
	if s.Health == sample.Up {
		s.Detail = "" // it would be saved at each look, and nobody reads it
	}
	r.unsaved.states[s.Check] = store.CheckState{Check: s.Check, Last: s, At: s.At, FollowUps: c.rechecks.known}
}

// maxRecentLooks bounds what is kept of each check for watches: what a standby saw while the
// lease of another guardian ran out.
const maxRecentLooks = 32

// shortLook is what differs between the samples of a check, apart from values and details.
type shortLook struct {
	at       int64 // nanoseconds
	duration time.Duration
	health   sample.Health
	recheck  bool
	reason   reason.Reason
	version  string
}

func shorten(s sample.Sample) shortLook {
	return shortLook{at: s.At.UnixNano(), duration: s.Duration, health: s.Health, recheck: s.Recheck, reason: s.Reason, version: s.Version}
}

// Recent gives the last looks of the checks of a service, or of all checks for "", oldest
// first, without values and details.
func (r *Record) Recent(service string) []sample.Sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.recentLooks(service)
}

func (r *Record) recentLooks(service string) []sample.Sample {
	var all []sample.Sample
	for _, c := range r.checks {
		if service != "" && c.Service != service {
			continue
		}
		for _, l := range c.recent.values {
			all = append(all, sample.Sample{
				Check: c.Name, Kind: c.Kind, Service: c.Service, Labels: c.Labels,
				At: time.Unix(0, l.at).UTC(), Duration: l.duration, Recheck: l.recheck,
				Observation: sample.Observation{Health: l.health, Reason: l.reason, Version: l.version},
			})
		}
	}
	slices.SortStableFunc(all, func(x, y sample.Sample) int { return x.At.Compare(y.At) })
	return all
}

// blindAfter is how long nothing may be seen of a check before it counts as blind.
func (c *check) blindAfter() time.Duration { return watch.BlindAfter(c.Interval) }
