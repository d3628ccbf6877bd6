package watch

import (
	"slices"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
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
	// Untimed: its duration is not judged.
	Untimed bool `json:"untimed,omitempty"`
}

// timed reports whether the look says how long looks take: one that failed does not.
func (l look) timed() bool { return !l.Down && !l.Untimed }

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
// was up. Without such a control, how long a good look took does not count either.
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
		l.Untimed = is == dontCountIt
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
