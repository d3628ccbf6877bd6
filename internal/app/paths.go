package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"guardian/probes/sample"
	"guardian/watch"
)

// paths tells "we are cut off" from "they are down". Checks that share a network path may have
// controls: targets that are always there. While no control of a path answers, a check of the
// path that is down has seen nothing of its target: its sample becomes Unknown before anybody
// gets it. An Up stays what it is, because who was answered was not cut off.
type paths struct {
	now func() time.Time
	// look looks at a control at once; what is seen comes back through stamp.
	look func(ctx context.Context, check string) (sample.Sample, error)

	mu   sync.Mutex
	of   map[string]string // path, by check, of paths with controls
	path map[string]*path
}

// path is one network path that has controls.
type path struct {
	controls map[string]controlLook // by check
	cut      cut
	was      cut           // the cut that ended last
	until    time.Time     // when the look of a control began that ended it
	turn     chan struct{} // holds one token: whoever takes it asks the controls
	asked    time.Time     // when they were last asked, or are going to be
}

// controlLook is the last look of a control, as it was before any stamp.
type controlLook struct {
	at     time.Time // zero: none yet
	health sample.Health
	reason string
	every  time.Duration
}

// cut is a path that is cut off; the zero value is one that is not.
type cut struct {
	since time.Time
	why   string
}

// cutOff is how the reasons of samples begin that are Unknown because their path is cut off.
const cutOff = "cut off: "

// askEvery is the least time between two questions to the controls of a path: an outage of
// many checks at once must not become an outage of the control.
const askEvery = 500 * time.Millisecond

// judgePath tells whether a path is cut off, as the looks of its controls have it that began at
// or after since: it is when none of them was up, it is not when one was, and it is not known
// while a control has no such look and none was up.
func judgePath(controls map[string]controlLook, since time.Time) (c cut, known bool) {
	known = len(controls) > 0
	var silent []string
	for name, l := range controls {
		switch {
		case l.at.IsZero() || l.at.Before(since):
			known = false
		case l.health == sample.Up:
			return cut{}, true
		default:
			silent = append(silent, fmt.Sprintf("control %s does not answer (%s)", name, l.reason))
			if c.since.IsZero() || l.at.Before(c.since) {
				c.since = l.at
			}
		}
	}
	slices.Sort(silent)
	c.why = cutOff + strings.Join(silent, "; ")
	if !known {
		return cut{}, false
	}
	return c, true
}

func newPaths(now func() time.Time, look func(context.Context, string) (sample.Sample, error)) *paths {
	return &paths{now: now, look: look}
}

// apply takes the checks of a configuration over. Controls that stay keep what they saw.
func (p *paths) apply(checks []builtCheck) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.path
	p.of, p.path = map[string]string{}, map[string]*path{}
	for _, c := range checks {
		if !c.control {
			continue
		}
		pa := p.path[c.path]
		if pa == nil {
			pa = &path{controls: map[string]controlLook{}, turn: make(chan struct{}, 1)}
			if was := old[c.path]; was != nil {
				pa.cut = was.cut
			}
			p.path[c.path] = pa
		}
		l := controlLook{}
		if was := old[c.path]; was != nil {
			l = was.controls[c.Name]
		}
		l.every = c.Every
		pa.controls[c.Name] = l
	}
	for _, c := range checks {
		if p.path[c.path] != nil {
			p.of[c.Name] = c.path
		}
	}
}

// cuts gives the paths that are cut off now.
func (p *paths) cuts() map[string]cut {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := map[string]cut{}
	for name, pa := range p.path {
		if pa.cut != (cut{}) {
			found[name] = pa.cut
		}
	}
	return found
}

// stamp makes a sample Unknown that says nothing of its target because its path is cut off. It
// asks the controls when they were not looked at since the look began, and waits for them.
func (p *paths) stamp(ctx context.Context, s sample.Sample) sample.Sample {
	pa, isControl, c := p.find(s)
	switch {
	case pa == nil, s.Health == sample.Up:
		return s
	case isControl, s.Health == sample.Unknown:
	default:
		c = p.sure(ctx, pa, s.At)
	}
	if c == (cut{}) {
		return s
	}
	s.Detail = strings.TrimSpace("the look itself: " + s.Reason + "\n" + s.Detail)
	s.Health, s.Reason = sample.Unknown, c.why
	return s
}

// find gives the path of a sample, if it has controls, and how that stands; the look of a
// control is noted first.
func (p *paths) find(s sample.Sample) (pa *path, isControl bool, c cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pa = p.path[p.of[s.Check]]
	if pa == nil {
		return nil, false, cut{}
	}
	l, isControl := pa.controls[s.Check]
	if isControl && s.At.After(l.at) {
		l.at, l.health, l.reason = s.At, s.Health, s.Reason
		pa.controls[s.Check] = l
		pa.settle(p.now())
	}
	return pa, isControl, pa.cut
}

// settle says how the path stands by the last looks of its controls, as long as they are fresh.
func (pa *path) settle(now time.Time) {
	oldest := now
	for _, l := range pa.controls {
		if fresh := now.Add(-watch.BlindAfter(l.every)); fresh.Before(oldest) {
			oldest = fresh
		}
	}
	c, known := judgePath(pa.controls, oldest)
	switch {
	case !known:
	case c == (cut{}):
		if pa.cut != c {
			pa.was, pa.until = pa.cut, now
			for _, l := range pa.controls {
				if l.health == sample.Up && l.at.Before(pa.until) {
					pa.until = l.at
				}
			}
		}
		pa.cut = c
	case pa.cut == (cut{}):
		pa.cut = c
	default: // it goes on
		pa.cut.why = c.why
	}
}

// sure tells whether the path is cut off for looks that began at a time. Who comes while others
// ask waits for what they hear.
func (p *paths) sure(ctx context.Context, pa *path, since time.Time) cut {
	if c, known := p.judge(pa, since); known {
		return c
	}
	select {
	case pa.turn <- struct{}{}:
	case <-ctx.Done():
		return cut{}
	}
	defer func() { <-pa.turn }()
	if c, known := p.judge(pa, since); known {
		return c
	}
	if !p.wait(ctx, pa) {
		return cut{}
	}
	for _, control := range p.silent(pa, since) {
		// What cannot be asked is not known, and then a failure is the target's own.
		if s, err := p.look(ctx, control); err == nil && s.Health == sample.Up {
			break
		}
	}
	c, _ := p.judge(pa, since)
	return c
}

func (p *paths) judge(pa *path, since time.Time) (cut, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !since.After(pa.until) {
		return pa.was, true // the look began while the path was still cut off
	}
	return judgePath(pa.controls, since)
}

// silent lists the controls that were not looked at since a time.
func (p *paths) silent(pa *path, since time.Time) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for name, l := range pa.controls {
		if l.at.Before(since) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// wait keeps the questions to the controls apart.
func (p *paths) wait(ctx context.Context, pa *path) bool {
	p.mu.Lock()
	d := pa.asked.Add(askEvery).Sub(p.now())
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
	pa.asked = p.now()
	p.mu.Unlock()
	return true
}
