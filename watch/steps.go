package watch

import (
	"fmt"
	"math"
	"slices"
	"time"

	"guardian/probes/sample"
	"guardian/rules"
)

// sameLook is the part of a check's interval within which a look that follows a failure
// belongs to it. Looks that lie closer together than a check's interval depend on each other: a hiccup
// of ten seconds is one failure at an interval of 15 s and ten at 1 s. The worst of them is
// the failure, so the others say nothing new. Under 1 because schedules jitter.
const sameLook = 0.9

// Observe takes one look of one check. It gives a verdict when this look decided the watch,
// otherwise nil.
//
// Not judged are: looks of other checks, looks that began before the switch and its grace or
// not after the last one seen, Unknown looks (counted as missing: neither good nor bad), looks
// of a check that is excused, and failures that the previous version visibly answered.
func (w *Watch) Observe(s sample.Sample) *Verdict {
	if w.State.Final() {
		return nil
	}
	i := slices.IndexFunc(w.Checks, func(c CheckState) bool { return c.Check == s.Check })
	if i < 0 {
		return nil
	}
	c := &w.Checks[i]
	if s.At.Before(c.From) || !s.At.After(c.LastAt) || s.At.After(w.Deadline.Add(w.Policy.MaxBlind)) {
		return nil
	}
	w.Seq++
	if !c.look(s, w.Version, w.PreviousVersion) {
		return nil
	}
	if !w.crossed() {
		return nil
	}
	return w.end(w.failed(s.At.Add(s.Duration)))
}

// look takes a look into the counts and tells whether it was judged a failure.
func (c *CheckState) look(s sample.Sample, version, previous string) bool {
	at := clean(s.At)
	c.LastAt, c.Health = at, s.Health
	if s.Health == sample.Unknown {
		c.After.Unknown++
		c.BlindReason = s.Reason
		return false
	}
	down := s.Health == sample.Down
	c.LastKnown, c.BlindReason = at, ""
	c.After.Looks++
	if down {
		c.After.Failures++
		c.LastReason, c.LastFailure = s.Reason, at
		if c.FailingSince.IsZero() {
			c.FailingSince = at
		}
	} else {
		c.FailingSince = time.Time{}
	}
	if c.Excused != "" {
		if down {
			return false
		}
		c.Excused = "" // it turned green: from here on it counts
	}
	// The previous version still answers here and there. Its failures are not this deploy's.
	// Its successes are judged all the same: failures seldom say who answered, and leaving
	// out only successes would make a healthy deploy look bad.
	switch {
	case s.Version == "":
	case s.Version == version:
		c.Current++
	case s.Version == previous:
		c.Previous++
		if down {
			return false
		}
	}
	if c.sameFailure(at) {
		return false
	}
	c.weigh(down)
	c.LastJudged, c.LastJudgedDown = at, down
	c.Onset.Observe(c.Allowed, down)
	switch {
	case c.Onset == 0:
		c.FirstFailure = time.Time{}
	case down && c.FirstFailure.IsZero():
		c.FirstFailure = at
	}
	return down
}

// sameFailure tells whether a look belongs to the failure judged last.
func (c *CheckState) sameFailure(at time.Time) bool {
	return c.LastJudgedDown && at.Sub(c.LastJudged) < time.Duration(float64(c.Every)*sameLook)
}

// AlertFired takes an alert that fires now. Call it at each evaluation while the alert fires, not
// only when it begins to: what fires during the grace counts if it still does afterwards.
//
// Only a rule that asks for it (fails_watch) fails a watch, and only for what is surely this
// deploy's: the alert names this service (one without a service label could be anybody's), its
// condition became true after the switch, it was neither pending nor firing in the snapshot,
// and, where it names a shop or an environment, the deploy reaches it.
func (w *Watch) AlertFired(a rules.Alert, now time.Time) *Verdict {
	switch {
	case w.State.Final(), !a.FailsWatch, a.State != rules.Firing, a.Service() != w.Service:
		return nil
	case now.Before(w.From), !a.ActiveAt.After(w.Switched), slices.Contains(w.Snapshot.Firing, a.ID):
		return nil
	}
	if e := a.Labels["environment"]; e != "" && e != w.Environment {
		return nil
	}
	if s := a.Labels["shop"]; s != "" && len(w.Shops) > 0 && !slices.Contains(w.Shops, s) {
		return nil
	}
	w.Alert = &RuleEvidence{
		ID:       a.ID,
		Rule:     a.Rule,
		Expr:     a.Expr,
		Summary:  a.Annotations["summary"],
		Value:    finite(a.Value),
		ActiveAt: clean(a.ActiveAt),
		FiredAt:  clean(a.FiredAt),
	}
	return w.end(w.failedByRule(now))
}

// clean gives a time as JSON gives it back: UTC and without the process's own clock.
func clean(t time.Time) time.Time { return t.UTC().Round(0) }

// finite keeps a value that JSON can hold.
func finite(v float64) float64 {
	switch {
	case math.IsNaN(v):
		return 0
	case math.IsInf(v, 0):
		return math.Copysign(maxEValue, v)
	}
	return v
}

// Tick takes the time: at the deadline the watch passes if enough was seen and nothing weighs
// against the deploy, otherwise it is inconclusive. A watch with a blind check waits up to
// Policy.MaxBlind for it first.
func (w *Watch) Tick(now time.Time) *Verdict {
	if w.State.Final() {
		return nil
	}
	if now.Before(w.Deadline) {
		w.setReason(w.standing(now))
		return nil
	}
	if blind := w.Blind(now); len(blind) > 0 && now.Before(w.Deadline.Add(w.Policy.MaxBlind)) {
		w.setReason(w.waiting(blind))
		return nil
	}
	return w.end(w.atDeadline(now))
}

func (w *Watch) setReason(r string) {
	if w.Reason != r {
		w.Reason = r
		w.Seq++
	}
}

// Supersede ends the watch because another version took its place.
func (w *Watch) Supersede(by string, now time.Time) *Verdict {
	return w.end(Verdict{
		State:  Superseded,
		Reason: fmt.Sprintf("%s was deployed before a verdict was reached; %s.", by, w.seen()),
		At:     clean(now),
	})
}

// Cancel ends the watch because a person said so.
func (w *Watch) Cancel(who string, now time.Time) *Verdict {
	return w.end(Verdict{
		State:  Cancelled,
		Reason: fmt.Sprintf("Cancelled by %s; %s.", who, w.seen()),
		At:     clean(now),
	})
}

// end settles the verdict, once.
func (w *Watch) end(v Verdict) *Verdict {
	if w.State.Final() {
		return nil
	}
	w.Seq++
	w.State, w.Reason, w.Ended, w.Verdict = v.State, v.Reason, v.At, &v
	return &v
}
