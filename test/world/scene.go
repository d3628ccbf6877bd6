package world

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

// Scene is a world at a moment, with the guardian over it. One goroutine owns it.
type Scene struct {
	w        *World
	r        *rand.Rand
	settings *decide.Settings
	now      time.Duration // since noon

	shop     shop
	checks   []Check // with the state of their noise
	next     []time.Duration
	counters []Counter
	read     time.Duration // when the counters and the rule are asked next
	alert    *rules.Alert
	health   map[string]sample.Health
	recent   [][]sample.Sample // the last looks, by check
	answered map[string][]watch.Answered

	past   past
	hooks  []hook // to come
	keep   bool   // looks are kept: a hook is still to come
	open   []*held
	over   []Ended
	undo   *actions.Run // under way
	closed []watch.GateReason
}

// hook is a call of the hook.
type hook struct {
	at     time.Duration
	deploy Deploy
	before string // the version before
	ends   bool   // it is the end of a deploy whose start was announced
}

// held is an open watch.
type held struct {
	Ended
	since    time.Duration // the hook or the switch, whichever was later
	switched time.Duration
	seen     []seen // since then, by check
}

// seen is what a watch saw of a check.
type seen struct {
	looks int // since the hook or the switch, whichever was later
	all   watch.Counts
	late  watch.Counts // in the last quarter of the watch
}

func (n *seen) add(down, late bool) {
	counts := []*watch.Counts{&n.all}
	if late {
		counts = append(counts, &n.late)
	}
	for _, c := range counts {
		c.Looks++
		if down {
			c.Failures++
		}
	}
}

// Begin is a world before its first hook: its history is there.
func Begin(w *World, settings *decide.Settings, r *rand.Rand) *Scene {
	s := &Scene{
		w: w, r: r, settings: settings, keep: true, checks: slices.Clone(w.Checks), counters: slices.Clone(w.Counters), next: make([]time.Duration, len(w.Checks)),
		recent: make([][]sample.Sample, len(w.Checks)), answered: map[string][]watch.Answered{}, health: map[string]sample.Health{},
		past: past{looks: map[string][]watch.Look{}, readings: map[string][]watch.Reading{}},
	}
	s.shop = shop{versions: []serving{{Version: Version{w.first(), w.Was}, gone: -1 << 62, from: -w.history()}}, outages: w.Outages}
	before := w.first()
	for _, d := range w.Deploys {
		s.shop.versions = append(s.shop.versions, serving{Version: d.Version, gone: d.At, from: d.At + d.Down, rolling: d.Rolling, shops: d.Shops})
		if !d.Hook.Never {
			h := hook{at: d.At + d.Hook.After, deploy: d, before: before}
			if d.Hook.Exec {
				h.at = d.At
				s.hooks = append(s.hooks, hook{at: d.At + d.Down + d.Rolling, deploy: d, ends: true})
			}
			s.hooks = append(s.hooks, h)
		}
		before = d.Version.Name
	}
	slices.SortStableFunc(s.hooks, func(x, y hook) int { return cmp.Compare(x.at, y.at) })
	s.now = -w.history()
	if w.SameTime {
		s.sameTime()
	}
	for i := range s.checks {
		s.next[i] = s.now + time.Duration(r.Int64N(int64(s.checks[i].every())))
	}
	s.read = s.now
	return s
}

// sameTime fills in what was seen at the same time of day a week and a day before: half an hour
// before noon until four hours after it.
func (s *Scene) sameTime() {
	for _, days := range []int{7, 1} {
		back := time.Duration(days) * 24 * time.Hour
		from, to := -back-time.Hour, -back+4*time.Hour
		for i := range s.checks {
			c := &s.checks[i]
			for t := from; t < to; t += c.every() {
				down, took := c.Noise.look(s.r, Noon().Add(t))
				s.past.looks[c.Name] = append(s.past.looks[c.Name], watch.Look{At: Noon().Add(t), Health: answer{down: down}.health(), Took: took})
			}
		}
		for i := range s.counters {
			c := &s.counters[i]
			for t := from; t < to; t += watch.CounterEvery {
				s.past.readings[c.Name] = append(s.past.readings[c.Name], s.shop.reading(s.r, c, t))
			}
		}
	}
}

// Announce plays the world until its last hook was called.
func (s *Scene) Announce() error {
	for len(s.hooks) > 0 {
		if err := s.advance(s.hooks[0].at); err != nil {
			return err
		}
		h := s.hooks[0]
		s.hooks = s.hooks[1:]
		if h.ends {
			s.ended(h)
		} else if err := s.announce(h); err != nil {
			return err
		}
	}
	s.keep = false
	return nil
}

// Fork is a copy of a scene after its last hook: the same past, with another future.
func (s *Scene) Fork(r *rand.Rand) *Scene {
	f := *s
	f.r, f.checks, f.counters, f.next = r, slices.Clone(s.checks), slices.Clone(s.counters), slices.Clone(s.next)
	f.health, f.shop.versions, f.over = maps.Clone(s.health), slices.Clone(s.shop.versions), slices.Clone(s.over)
	f.past.runs, f.past.goods, f.past.watches = slices.Clone(s.past.runs), slices.Clone(s.past.goods), slices.Clone(s.past.watches)
	f.open = nil
	for _, h := range s.open {
		own := h.Watch.Clone()
		for i, w := range f.past.watches {
			if w == h.Watch {
				f.past.watches[i] = &own
			}
		}
		k := *h
		k.Watch, k.seen = &own, slices.Clone(h.seen)
		f.open = append(f.open, &k)
	}
	return &f
}

// longest is how long after its last hook a world is played at most.
const longest = 12 * time.Hour

// End plays until all watches and rollbacks are over.
func (s *Scene) End() (Outcome, error) {
	for end := s.now + longest; (len(s.open) > 0 || s.undo != nil) && s.now < end; {
		until := s.now + time.Hour
		if len(s.open) > 0 {
			until = s.open[0].Watch.Deadline.Sub(Noon())
			for _, h := range s.open {
				until = min(until, h.Watch.Deadline.Sub(Noon()))
			}
			until = max(until, s.now+time.Second)
		}
		if s.undo != nil {
			until = min(until, s.undo.Started.Sub(Noon())+undoing)
		}
		if err := s.advance(until); err != nil {
			return Outcome{}, err
		}
	}
	o := Outcome{Watches: slices.Clone(s.over), Runs: s.past.runs, Closed: s.closed}
	for _, h := range s.open {
		o.Watches = append(o.Watches, h.Ended)
	}
	slices.SortStableFunc(o.Watches, func(x, y Ended) int { return x.Deploy.Announced.Compare(y.Deploy.Announced) })
	v, _ := s.shop.at(s.r, "", s.now)
	o.Version = v.Name
	var err error
	o.Good, err = s.decider().KnownGoods(context.Background(), Service, watch.DefaultEnvironment, Noon().Add(s.now))
	return o, err
}

func (s *Scene) decider() decide.Decider { return decide.Decider{Settings: s.settings, Past: &s.past} }

// advance lets everything happen until a time, included.
func (s *Scene) advance(until time.Duration) error {
	for {
		first := -1
		at := until
		for i, t := range s.next {
			if t < at {
				first, at = i, t
			}
		}
		if s.undo != nil {
			if t := s.undo.Started.Sub(Noon()) + undoing; t <= at {
				s.now = t
				s.finish()
				continue
			}
		}
		if (len(s.counters) > 0 || s.w.Rule) && s.read <= at {
			s.now = s.read
			s.read += watch.CounterEvery
			if err := s.measure(); err != nil {
				return err
			}
			continue
		}
		if first < 0 {
			s.now = until
			return s.tick()
		}
		s.now = at
		s.next[first] += s.checks[first].every()
		if err := s.see(first); err != nil {
			return err
		}
	}
}

// mostRecent is how many looks of a check a guardian has at hand.
const mostRecent = 32

// see makes one look.
func (s *Scene) see(i int) error {
	c := &s.checks[i]
	a := s.shop.look(s.r, c, s.now)
	at, h := Noon().Add(s.now), a.health()
	s.health[c.Name] = h
	if !s.keep && len(s.open) == 0 {
		return nil
	}
	x := sample.Sample{
		Check: c.Name, Kind: "http", Service: c.service(), At: at, Duration: a.took, Observation: sample.Observation{Health: h, Version: a.version},
	}
	if s.keep {
		s.past.looks[c.Name] = append(s.past.looks[c.Name], watch.Look{At: at, Health: h, Took: a.took})
		if s.recent[i] = append(s.recent[i], x); len(s.recent[i]) > 2*mostRecent {
			s.recent[i] = slices.Delete(s.recent[i], 0, mostRecent)
		}
		s.answers(c.Name, a.version, at)
	}
	for _, k := range slices.Clone(s.open) {
		if s.now >= k.since && !at.Before(k.Watch.From) {
			k.seen[i].looks++
			k.count(i, c, x)
		}
		if err := s.take(k, k.Watch.Observe(x)); err != nil {
			return err
		}
	}
	return s.tick()
}

// count counts a look at a check that may be the deployed version's.
func (h *held) count(i int, c *Check, x sample.Sample) {
	if w := h.Watch; !h.inherited(c, x) {
		h.seen[i].add(x.Health == sample.Down, w.Deadline.Sub(x.At) <= w.Policy.For/4)
	}
}

// inherited tells whether a failed look is none of the deployed version's: the version before left the check failing,
// and it has a moment to come up; or the old version answered a moment ago, and nothing names the new one.
func (h *held) inherited(c *Check, x sample.Sample) bool {
	if h.Deploy.Service != c.service() {
		return false
	}
	if x.Version != "" && x.Version == h.Watch.PreviousVersion {
		return true
	}
	if x.Health != sample.Down {
		return false
	}
	for i := range h.Watch.Checks {
		k := &h.Watch.Checks[i]
		if k.Check == c.Name && k.Excused == watch.ExcusedInherited && x.At.Before(h.Watch.Begin.RecoverBy) {
			return true
		}
	}
	return c.Names && x.Version == "" && x.At.Before(Noon().Add(h.switched+2*c.every()))
}

// answers keeps which version a check saw, and when first and last.
func (s *Scene) answers(check, version string, at time.Time) {
	if version == "" {
		return
	}
	all := s.answered[check]
	i := slices.IndexFunc(all, func(x watch.Answered) bool { return x.Version == version })
	if i < 0 {
		s.answered[check] = append(all, watch.Answered{Version: version, First: at, Last: at})
		return
	}
	for _, other := range all {
		if other.Last.After(all[i].Last) {
			all[i].Again = at
		}
	}
	all[i].Last = at
}

func (c *Check) service() string { return cmp.Or(c.Of, Service) }

// tick lets the open watches see the time.
func (s *Scene) tick() error {
	for _, h := range slices.Clone(s.open) {
		if err := s.take(h, h.Watch.Tick(Noon().Add(s.now))); err != nil {
			return err
		}
	}
	return nil
}

// measure reads the counters and evaluates the rule.
func (s *Scene) measure() error {
	for i := range s.counters {
		c := &s.counters[i]
		reading := s.shop.reading(s.r, c, s.now)
		if s.keep {
			s.past.readings[c.Name] = append(s.past.readings[c.Name], reading)
		}
		for _, h := range slices.Clone(s.open) {
			if err := s.take(h, h.Watch.Measure(c.Name, reading, Noon().Add(s.now))); err != nil {
				return err
			}
		}
	}
	if !s.w.Rule {
		return nil
	}
	s.evaluate()
	if s.alert == nil || s.alert.State != rules.Firing {
		return nil
	}
	for _, h := range slices.Clone(s.open) {
		if err := s.take(h, h.Watch.AlertFired(*s.alert, Noon().Add(s.now))); err != nil {
			return err
		}
	}
	return nil
}

// holdsFor is how long the condition of the rule must hold before it fires.
const holdsFor = 30 * time.Second

func (s *Scene) evaluate() {
	now := Noon().Add(s.now)
	switch {
	case !s.shop.ruleTrue(s.r, s.now):
		s.alert = nil
	case s.alert == nil:
		s.alert = &rules.Alert{
			ID: "a_rule", Rule: "OrdersFail", Tier: rules.Critical, State: rules.Pending, ActiveAt: now, FailsWatch: true,
			Labels: map[string]string{"alertname": "OrdersFail", "service": Service},
		}
	case s.alert.State == rules.Pending && now.Sub(s.alert.ActiveAt) >= holdsFor:
		fired := *s.alert
		fired.State, fired.FiredAt = rules.Firing, now
		s.alert = &fired
	}
}

// present is what the guardian sees at the moment.
func (s *Scene) present() decide.Present {
	p := decide.Present{Health: s.health, Answered: s.answered}
	for _, o := range s.open {
		p.Open = append(p.Open, o.Watch)
	}
	if s.alert != nil {
		p.Alerts = []rules.Alert{*s.alert}
	}
	return p
}
