package netpath

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// Options are what Paths needs; Now and Look must be set.
type Options struct {
	Now func() time.Time
	// Look looks at a control at once. Its sample must have passed through Correct.
	Look       func(ctx context.Context, check string) (sample.Sample, error)
	Registerer prometheus.Registerer // nil: no metrics
}

// Check is what Paths needs to know about a check.
type Check struct {
	Name    string
	Path    string
	Control bool          // its target is always there: it shows whether the path works
	Fresh   time.Duration // for how long a look of a control counts
}

// Outage says since when a network path is cut off, and why the guardian thinks so.
type Outage struct {
	Since  time.Time
	Reason reason.Reason
}

// Paths knows which network paths work, by the looks of their controls.
type Paths struct {
	o       Options
	metrics *metrics

	mu      sync.Mutex
	ofCheck map[string]*path // of checks on paths that have controls
	byName  map[string]*path
}

// path is one network path that has controls.
type path struct {
	name     string
	controls map[string]control // by check
	outage   *Outage            // nil: the path works
	last     Outage             // the outage that ended last
	restored time.Time          // when the look began that showed the end of the last outage
	asking   chan struct{}      // holds one token: whoever has it asks the controls
	asked    time.Time          // when the controls were asked last
	metrics  *pathMetrics
}

// control is the last look of a control, as it was before any correction.
type control struct {
	at     time.Time // zero: none yet
	health sample.Health
	reason reason.Reason
	fresh  time.Duration
}

// askInterval is the least time between two questions to the controls of a path: when many
// checks fail at once, their controls must not be flooded with requests.
const askInterval = 500 * time.Millisecond

// New makes Paths without any check.
func New(o Options) *Paths {
	return &Paths{o: o, metrics: newMetrics(o.Registerer), ofCheck: map[string]*path{}, byName: map[string]*path{}}
}

// Apply takes over the checks of a configuration. Paths and controls that stay keep what is
// known about them.
func (p *Paths) Apply(checks []Check) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.byName
	p.ofCheck, p.byName = map[string]*path{}, map[string]*path{}
	for _, c := range checks {
		if !c.Control {
			continue
		}
		at := p.byName[c.Path]
		if at == nil {
			at = &path{name: c.Path, controls: map[string]control{}, asking: make(chan struct{}, 1), metrics: p.metrics.of(c.Path)}
			if was := old[c.Path]; was != nil {
				at.outage, at.last, at.restored, at.asked = was.outage, was.last, was.restored, was.asked
			}
			p.byName[c.Path] = at
		}
		known := control{}
		if was := old[c.Path]; was != nil {
			known = was.controls[c.Name]
		}
		known.fresh = c.Fresh
		at.controls[c.Name] = known
	}
	for _, c := range checks {
		if at := p.byName[c.Path]; at != nil {
			p.ofCheck[c.Name] = at
		}
	}
	for name := range old {
		if p.byName[name] == nil {
			p.metrics.forget(name)
		}
	}
}

// Outages gives the paths that are cut off now, by name.
func (p *Paths) Outages() map[string]Outage {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := map[string]Outage{}
	for name, at := range p.byName {
		if at.outage != nil {
			found[name] = *at.outage
		}
	}
	return found
}

// Correct makes a sample Unknown when its path is cut off: it says nothing about its target
// then. Controls that were not looked at since the look began are looked at first, and Correct
// waits for them.
func (p *Paths) Correct(ctx context.Context, s sample.Sample) sample.Sample {
	at, isControl, outage := p.record(s)
	switch {
	case at == nil, s.Health == sample.Up:
		return s
	case isControl, s.Health == sample.Unknown:
	default:
		outage = p.confirm(ctx, at, s.At)
	}
	if outage == nil {
		return s
	}
	at.metrics.corrected.Inc()
	s.Detail = strings.TrimSpace("the look itself: " + s.Reason.String() + "\n" + s.Detail)
	s.Health, s.Reason = sample.Unknown, outage.Reason
	return s
}

// record finds the path of a sample, if it has controls, and its outage; the look of a control
// is noted first.
func (p *Paths) record(s sample.Sample) (at *path, isControl bool, outage *Outage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at = p.ofCheck[s.Check]
	if at == nil {
		return nil, false, nil
	}
	c, isControl := at.controls[s.Check]
	if isControl && s.At.After(c.at) {
		c.at, c.health, c.reason = s.At, s.Health, s.Reason
		at.controls[s.Check] = c
		at.update(p.o.Now())
	}
	return at, isControl, at.outage
}

// update decides whether the path works by the last looks of its controls that still count.
func (at *path) update(now time.Time) {
	oldest := now
	for _, c := range at.controls {
		if fresh := now.Add(-c.fresh); fresh.Before(oldest) {
			oldest = fresh
		}
	}
	outage, known := judge(at.controls, oldest)
	if !known {
		return
	}
	switch {
	case outage == nil && at.outage != nil:
		at.last, at.restored = *at.outage, now
		for _, c := range at.controls {
			if c.health == sample.Up && c.at.Before(at.restored) {
				at.restored = c.at
			}
		}
	case outage != nil && at.outage != nil:
		outage.Since = at.outage.Since
	}
	at.outage = outage
	at.metrics.show(outage != nil)
}

// judge tells whether a path is cut off, by the looks of its controls that began at or after
// since. It works when one of them was up, and is cut off when none was. While a control has no
// such look and none was up, nothing is known.
func judge(controls map[string]control, since time.Time) (outage *Outage, known bool) {
	known = len(controls) > 0
	for _, c := range controls {
		switch {
		case c.at.IsZero() || c.at.Before(since):
			known = false
		case c.health == sample.Up:
			return nil, true
		}
	}
	if !known {
		return nil, false
	}
	outage = &Outage{}
	var silent []reason.Reason
	for _, name := range slices.Sorted(maps.Keys(controls)) {
		c := controls[name]
		silent = append(silent, reason.New("control_silent", "control", name, "why", c.reason))
		if outage.Since.IsZero() || c.at.Before(outage.Since) {
			outage.Since = c.at
		}
	}
	outage.Reason = reason.New("path_cut_off", "controls", silent)
	return outage, true
}

// confirm gives the outage of a path for looks that began at since, or nil. Whoever comes while
// somebody else asks the controls waits for the same answers.
func (p *Paths) confirm(ctx context.Context, at *path, since time.Time) *Outage {
	if outage, known := p.outageSince(at, since); known {
		return outage
	}
	select {
	case at.asking <- struct{}{}:
	case <-ctx.Done():
		return nil
	}
	defer func() { <-at.asking }()
	if outage, known := p.outageSince(at, since); known {
		return outage
	}
	if !p.pause(ctx, at) {
		return nil
	}
	for _, control := range p.stale(at, since) {
		// When a control cannot be asked nothing is known, and the failure counts as the target's.
		if s, err := p.o.Look(ctx, control); err == nil && s.Health == sample.Up {
			break
		}
	}
	outage, _ := p.outageSince(at, since)
	return outage
}

// outageSince gives the outage that a look saw which began at since, as far as is known.
func (p *Paths) outageSince(at *path, since time.Time) (outage *Outage, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !since.After(at.restored) {
		last := at.last
		return &last, true // the look began while the path was still cut off
	}
	return judge(at.controls, since)
}

// stale lists the controls that were not looked at since a time.
func (p *Paths) stale(at *path, since time.Time) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for name, c := range at.controls {
		if c.at.Before(since) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// pause keeps the questions to the controls of a path apart; false when ctx ended.
func (p *Paths) pause(ctx context.Context, at *path) bool {
	p.mu.Lock()
	d := at.asked.Add(askInterval).Sub(p.o.Now())
	p.mu.Unlock()
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return false
		}
	}
	p.mu.Lock()
	at.asked = p.o.Now()
	p.mu.Unlock()
	return true
}
