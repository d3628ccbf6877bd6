package watch

import (
	"math"
	"slices"
	"strings"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/watch/judge"
)

// Target is a control target: something that no deploy of ours can break, looked at along the
// same path. While it is down or blind, failures along the path are no evidence.
type Target struct {
	CheckPolicy
	Health sample.Health `json:"health"`           // of its last look
	LastAt time.Time     `json:"last_at,omitzero"` // when its last look began
	// UpFrom and UpTo are when the first and the last look of its latest run of good looks began.
	UpFrom  time.Time     `json:"up_from,omitzero"`
	UpTo    time.Time     `json:"up_to,omitzero"`
	Reason  reason.Reason `json:"reason,omitzero"`   // why it was not up last
	Outages int           `json:"outages,omitempty"` // how often it went from up to something else
}

// speaks tells whether the target speaks for a check: for those that take its path.
func (t *Target) covers(c CheckPolicy) bool { return t.Path == c.Path }

// seen tells whether the target is up and looked at.
func (t *Target) seen(now time.Time) bool {
	return t.Health == sample.Up && now.Sub(t.UpTo) <= BlindAfter(t.Every)
}

// look is a judged look, or one that waits for the controls to say that it may be judged.
type look struct {
	At   time.Time     `json:"at"`
	Took time.Duration `json:"took,omitempty"`
	Down bool          `json:"down,omitempty"`
}

// mostHeld bounds the looks of a check that wait for its controls; the oldest are excused then.
const mostHeld = 256

// addTargets takes the controls that were up before the deploy.
func (w *Watch) addTargets(before Snapshot) {
	for _, c := range before.Controls {
		if before.Health[c.Check] != sample.Up {
			w.Unfit = append(w.Unfit, c.Check)
			continue
		}
		w.Targets = append(w.Targets, Target{CheckPolicy: c, Health: sample.Up, UpFrom: w.Switched.Add(-BlindAfter(c.Every)), UpTo: w.Started})
	}
}

// controlled takes a look of a control target and judges what it frees. It tells whether the
// look was one of a target.
func (w *Watch) controlled(s sample.Sample) bool {
	i := slices.IndexFunc(w.Targets, func(t Target) bool { return t.Check == s.Check })
	if i < 0 {
		return false
	}
	t := &w.Targets[i]
	at := clean(s.At)
	if at.Before(w.Switched) || !at.After(t.LastAt) {
		return true
	}
	w.Seq++
	t.LastAt = at
	if s.Health == sample.Up {
		if t.Health != sample.Up {
			t.UpFrom = at
		}
		t.Health, t.UpTo, t.Reason = sample.Up, at, reason.Reason{}
	} else {
		if t.Health == sample.Up {
			t.Outages++
		}
		t.Health, t.Reason = s.Health, s.Reason
	}
	w.settle(at, *t)
	return true
}

// settle judges the looks whose control was up before and after them, and excuses the failures
// among those without one. Looks between a control's last good look and its next one wait.
func (w *Watch) settle(now time.Time, changed Target) {
	for i := range w.Checks {
		c := &w.Checks[i]
		if len(c.Held) == 0 || !changed.covers(c.CheckPolicy) {
			continue
		}
		held := c.Held
		c.Held = nil
		for _, l := range held {
			w.take(c, l, now)
		}
	}
}

// word is what the controls say of a look.
type word uint8

const (
	judgeIt word = iota
	hold
	excuse
)

// asked says what the controls of a check's path say of a look that began at a time: it is
// judged when one of them was up before and after it, and waits while one may yet be found so.
func (w *Watch) asked(c CheckPolicy, at, now time.Time) word {
	controls, said := 0, excuse
	for i := range w.Targets {
		t := &w.Targets[i]
		if !t.covers(c) {
			continue
		}
		controls++
		switch {
		case !at.Before(t.UpFrom) && !at.After(t.UpTo):
			return judgeIt
		case at.After(t.UpTo) && t.seen(now):
			said = hold
		}
	}
	if controls == 0 {
		return judgeIt
	}
	return said
}

// take judges a look, holds it, or excuses it if it is a failure. It tells whether a failure was judged.
func (w *Watch) take(c *CheckState, l look, now time.Time) bool {
	switch said := w.asked(c.CheckPolicy, l.At, now); {
	case said == excuse && l.Down:
		c.NotCounted++
		return false
	case said == hold:
		if len(c.Held) == mostHeld {
			if c.Held[0].Down {
				c.NotCounted++
			}
			c.Held = slices.Delete(c.Held, 0, 1)
		}
		c.Held = append(c.Held, l)
		return false
	}
	return w.judge(c, l)
}

// settleBlind excuses what waits for a control that is not seen any more.
func (w *Watch) settleBlind(now time.Time) {
	for i := range w.Targets {
		if t := w.Targets[i]; !t.seen(now) && w.waits(t, w.latest()) {
			w.Seq++
			w.settle(now, t)
		}
	}
}

// cutOff lists the control targets of paths on which none is up.
func (w *Watch) cutOff(now time.Time) []string {
	var names []string
	for i := range w.Targets {
		t := &w.Targets[i]
		up := slices.ContainsFunc(w.Targets, func(o Target) bool { return o.Path == t.Path && o.seen(now) })
		used := slices.ContainsFunc(w.Checks, func(c CheckState) bool { return t.covers(c.CheckPolicy) })
		if !up && used {
			names = append(names, t.Check)
		}
	}
	return names
}

// waits tells whether a look waits for a control that began until a time: those that begin
// after the deadline hold nothing up, or with one always under way no watch would end.
func (w *Watch) waits(t Target, until time.Time) bool {
	return slices.ContainsFunc(w.Checks, func(c CheckState) bool {
		return t.covers(c.CheckPolicy) && slices.ContainsFunc(c.Held, func(l look) bool { return !l.At.After(until) })
	})
}

// Control compares the looks of a check in the shops that the deploy reaches with those in the
// shops that it does not, over the same stretches of time: what both share cancels out.
type Control struct {
	Checks []string          `json:"checks"` // of the other shops
	State  judge.CanaryState `json:"state"`
	LogE   float64           `json:"log_e"`
	Block  judge.Block       `json:"block"` // the stretch that is under way
	Until  time.Time         `json:"until"` // its end
	// Seen and Failed are the looks at the other shops after the deploy.
	Seen Counts `json:"seen"`
}

func (c *Control) logE() float64 { return c.LogE }

// advance closes the stretches that are over. Their length is fixed, whatever is seen in them.
func (c *Control) advance(at time.Time, every time.Duration) {
	if at.Before(c.Until) {
		return
	}
	test := judge.Canary{}
	// A stretch that cannot be is left out: it was not made by this package.
	if test.Observe(&c.State, c.Block) == nil {
		c.LogE = finite(test.LogE(c.State))
	}
	c.Block = judge.Block{}
	if every <= 0 {
		every = time.Second
	}
	c.Until = at.Truncate(every).Add(every)
}

// setControls finds for each check the checks of the other shops that look at the same with
// the same kind of probe, and were up before the deploy; first is the first check to find them for.
func (w *Watch) setControls(before Snapshot, first int) {
	for i := first; i < len(w.Checks); i++ {
		c := &w.Checks[i]
		if c.Labels["shop"] == "" || len(c.Metrics) == 0 {
			continue
		}
		var names []string
		var past judge.History
		for _, o := range w.Others {
			if !alike(c.CheckPolicy, o) || before.Health[o.Check] != sample.Up {
				continue
			}
			names = append(names, o.Check)
			if h := before.baseline(o.Check).Recent; h.Valid() {
				past.Add(h)
			}
		}
		if len(names) == 0 {
			continue
		}
		looks, failures := past.Counts()
		c.Metrics[0].Control = &Control{
			Checks: names, State: judge.CanaryState{Looks: looks, Failures: failures}, Until: c.From,
		}
	}
}

// loseControls takes away the controls that the deploy reaches now. A check without any left
// goes on against what was before: its evidence begins afresh with what it has as its stake,
// so that this moment changes nothing.
func (c *CheckState) loseControls(others []CheckPolicy) {
	if len(c.Metrics) == 0 || c.Metrics[0].Control == nil {
		return
	}
	m := &c.Metrics[0]
	left := slices.DeleteFunc(slices.Clone(m.Control.Checks), func(name string) bool {
		return !slices.ContainsFunc(others, func(o CheckPolicy) bool { return o.Check == name })
	})
	if len(left) > 0 {
		k := *m.Control
		k.Checks = left
		m.Control = &k
		return
	}
	m.Share *= max(min(math.Exp(m.logE()), maxEValue), math.SmallestNonzeroFloat64)
	m.Control = nil
	for i := range m.Streams {
		s := &m.Streams[i]
		s.State, s.LogE = judge.ProcessState{Last: s.State.Last}, 0
	}
}

// alike tells whether two checks look at the same thing in two shops.
func alike(a, b CheckPolicy) bool {
	return a.Kind == b.Kind && strings.EqualFold(a.Labels["marketplace"], b.Labels["marketplace"]) && a.Labels["shop"] != b.Labels["shop"]
}

// compared takes a look of a shop that the deploy does not reach. It tells whether any check
// is compared with it.
func (w *Watch) compared(s sample.Sample) bool {
	found := false
	for i := range w.Checks {
		c := &w.Checks[i]
		if len(c.Metrics) == 0 || c.Metrics[0].Control == nil {
			continue
		}
		k := c.Metrics[0].Control
		if !slices.Contains(k.Checks, s.Check) || s.At.Before(c.From) {
			continue
		}
		found = true
		if s.Health == sample.Unknown {
			k.Seen.Unknown++
			continue
		}
		k.advance(s.At, c.Every)
		k.Block.Control++
		k.Seen.Looks++
		if s.Health == sample.Down {
			k.Block.ControlFailures++
			k.Seen.Failures++
		}
	}
	if found {
		w.Seq++
	}
	return found
}
