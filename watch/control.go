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

// Target is a control: a target on the same network path that no deploy of ours can break. While
// it is down or blind, failures on the path are no evidence.
type Target struct {
	CheckPolicy
	Health sample.Health `json:"health"`           // of its last look
	LastAt time.Time     `json:"last_at,omitzero"` // when its last look began
	// UpFrom and UpTo are when the first and the last of its latest consecutive good looks began.
	UpFrom  time.Time     `json:"up_from,omitzero"`
	UpTo    time.Time     `json:"up_to,omitzero"`
	Reason  reason.Reason `json:"reason,omitzero"`   // why its last look was not up
	Outages int           `json:"outages,omitempty"` // how often it went from up to something else
}

// covers reports whether the control is on the network path of a check.
func (t *Target) covers(c CheckPolicy) bool { return t.Path == c.Path }

// isUp reports whether the control is up and its last look is recent.
func (t *Target) isUp(now time.Time) bool {
	return t.Health == sample.Up && now.Sub(t.UpTo) <= BlindAfter(t.Every)
}

// look is a judged look, or one that is held until its controls were looked at.
type look struct {
	At   time.Time     `json:"at"`
	Took time.Duration `json:"took,omitempty"`
	Down bool          `json:"down,omitempty"`
}

// maxHeld bounds the held looks of a check; beyond it the oldest is not judged.
const maxHeld = 256

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

// controlled takes a look of a control, and judges the looks that were held for it. It reports
// whether the look was one of a control.
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
	w.releaseHeld(at, *t)
	return true
}

// releaseHeld decides anew about the looks that are held for a control which has changed.
func (w *Watch) releaseHeld(now time.Time, changed Target) {
	for i := range w.Checks {
		c := &w.Checks[i]
		if len(c.Held) == 0 || !changed.covers(c.CheckPolicy) {
			continue
		}
		held := c.Held
		c.Held = nil
		for _, l := range held {
			w.admit(c, l, now)
		}
	}
}

// admission is what becomes of a look because of the controls of its path.
type admission uint8

const (
	judgeNow    admission = iota // a control was up before and after it
	holdBack                     // a control may yet be found up after it
	dontCountIt                  // no control was up: failures do not count
)

// admissionOf decides what becomes of a look that began at a time.
func (w *Watch) admissionOf(c CheckPolicy, at, now time.Time) admission {
	controls, result := 0, dontCountIt
	for i := range w.Targets {
		t := &w.Targets[i]
		if !t.covers(c) {
			continue
		}
		controls++
		switch {
		case !at.Before(t.UpFrom) && !at.After(t.UpTo):
			return judgeNow
		case at.After(t.UpTo) && t.isUp(now):
			result = holdBack
		}
	}
	if controls == 0 {
		return judgeNow
	}
	return result
}

// admit judges a look, holds it, or does not count it if it is a failure without a control that
// was up.
func (w *Watch) admit(c *CheckState, l look, now time.Time) {
	switch is := w.admissionOf(c.CheckPolicy, l.At, now); {
	case is == dontCountIt && l.Down:
		c.NotCounted++
	case is == holdBack:
		if len(c.Held) == maxHeld {
			if c.Held[0].Down {
				c.NotCounted++
			}
			c.Held = slices.Delete(c.Held, 0, 1)
		}
		c.Held = append(c.Held, l)
	default:
		w.countAnswered(c, l.At, l.Down)
		c.judge(l)
	}
}

// releaseFromBlind decides about looks that are held for a control which is blind.
func (w *Watch) releaseFromBlind(now time.Time) {
	for i := range w.Targets {
		if t := w.Targets[i]; !t.isUp(now) && w.holds(t, w.latest()) {
			w.Seq++
			w.releaseHeld(now, t)
		}
	}
}

// controlsDown lists the controls of paths on which none is up.
func (w *Watch) controlsDown(now time.Time) []string {
	var names []string
	for i := range w.Targets {
		t := &w.Targets[i]
		up := slices.ContainsFunc(w.Targets, func(o Target) bool { return o.Path == t.Path && o.isUp(now) })
		used := slices.ContainsFunc(w.Checks, func(c CheckState) bool { return t.covers(c.CheckPolicy) })
		if !up && used {
			names = append(names, t.Check)
		}
	}
	return names
}

// holds reports whether a look that began by a time is held for a control. Looks after the
// deadline do not delay the end of a watch, since there may always be one under way.
func (w *Watch) holds(t Target, until time.Time) bool {
	return slices.ContainsFunc(w.Checks, func(c CheckState) bool {
		return t.covers(c.CheckPolicy) && slices.ContainsFunc(c.Held, func(l look) bool { return !l.At.After(until) })
	})
}

// Control compares the looks of a check at the shops that have the deploy with those at the shops
// that do not, over the same periods: what affects both cancels out.
type Control struct {
	Checks []string          `json:"checks"` // of the other shops
	State  judge.CanaryState `json:"state"`
	LogE   float64           `json:"log_e"`
	Block  judge.Block       `json:"block"` // the current period
	Until  time.Time         `json:"until"` // its end
	// Seen counts the looks at the other shops after the deploy.
	Seen Counts `json:"seen"`
}

func (c *Control) logE() float64 { return c.LogE }

// advance closes the current period when it is over. Its length does not depend on the looks.
func (c *Control) advance(at time.Time, every time.Duration) {
	if at.Before(c.Until) {
		return
	}
	test := judge.Canary{}
	// An invalid period, which this package does not make, is left out.
	if test.Observe(&c.State, c.Block) == nil {
		c.LogE = finite(test.LogE(c.State))
	}
	c.Block = judge.Block{}
	if every <= 0 {
		every = time.Second
	}
	c.Until = at.Truncate(every).Add(every)
}

// setControls finds, for each check from first on, the checks of other shops with the same kind
// and marketplace that were up before the deploy, and those of other services on the
// marketplace that look at least as often.
func (w *Watch) setControls(before Snapshot, first int) {
	for i := first; i < len(w.Checks); i++ {
		c := &w.Checks[i]
		if c.Labels["shop"] == "" && c.Labels["marketplace"] == "" || len(c.Metrics) == 0 {
			continue
		}
		var names []string
		var past judge.History
		for _, p := range w.Peers {
			if p.Every <= c.Every && sameMarketplace(c.CheckPolicy, p) {
				names = append(names, p.Check)
			}
		}
		for _, o := range w.Others {
			if c.Labels["shop"] == "" || !alike(c.CheckPolicy, o) || before.Health[o.Check] != sample.Up {
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

// loseControls removes the controls at shops that have the deploy now. A check without any left
// is only compared with its baseline from here on: its tests restart, and its share is
// multiplied by the evidence so far, so that the evidence of the watch stays the same.
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

// alike reports whether two checks look at the same thing at two shops.
func alike(a, b CheckPolicy) bool {
	return a.Kind == b.Kind && strings.EqualFold(a.Labels["marketplace"], b.Labels["marketplace"]) && a.Labels["shop"] != b.Labels["shop"]
}

// sameMarketplace reports whether two checks look at one marketplace.
func sameMarketplace(a, b CheckPolicy) bool {
	return a.Labels["marketplace"] != "" && strings.EqualFold(a.Labels["marketplace"], b.Labels["marketplace"])
}

// compared takes a look at a shop without the deploy. It reports whether any check is compared
// with it.
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
