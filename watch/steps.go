package watch

import (
	"math"
	"slices"
	"time"

	"guardian/internal/reason"
	"guardian/internal/versions"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch/judge"
)

// sameLookPart is the part of a check's interval within which a look counts as the same as the
// failure before it. Looks that are closer together than the interval depend on each other: a
// fault of ten seconds is one failure at an interval of 15 s and ten at 1 s. It is below 1
// because schedules jitter.
const sameLookPart = 0.9

// Observe takes one look of one check. It gives the verdict if this look decided the watch,
// otherwise nil.
//
// Not judged are: looks of other checks, looks that began before the end of the grace period or
// not after the last one, Unknown looks (counted as missing: neither good nor bad), looks of a
// check that is excused, looks that the previous version visibly answered, and, within the
// grace period after one of those, looks that name no version.
func (w *Watch) Observe(s sample.Sample) *Verdict {
	if w.State.Final() {
		return nil
	}
	now := s.At.Add(s.Duration)
	switch i := slices.IndexFunc(w.Checks, func(c CheckState) bool { return c.Check == s.Check }); {
	case i >= 0:
		c := &w.Checks[i]
		if s.At.Before(c.From) || !s.At.After(c.LastAt) || s.At.After(w.latest()) {
			return nil
		}
		w.Seq++
		if w.count(c, s) {
			w.admit(c, look{At: clean(s.At), Took: s.Duration, Down: s.Health == sample.Down}, now)
		}
	case w.controlled(s), w.compared(s):
	default:
		return nil
	}
	logE := w.logEvidence() // once: it sums over all checks
	w.trace(now, logE)
	w.passFast(now, logE)
	if logE < w.LogThreshold() {
		return nil
	}
	return w.end(w.failed(now))
}

// latest is the time by which the watch ends, however long it is blind.
func (w *Watch) latest() time.Time {
	return w.Deadline.Add(max(0, w.Policy.MaxBlind-w.Suspended))
}

// count adds a look to the counts and reports whether it is to be judged.
func (w *Watch) count(c *CheckState, s sample.Sample) bool {
	at := clean(s.At)
	c.LastAt, c.Health = at, s.Health
	if s.Health == sample.Unknown {
		c.After.Unknown++
		c.BlindReason = s.Reason
		return false
	}
	down := s.Health == sample.Down
	c.LastKnown, c.BlindReason = at, reason.Reason{}
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
	if !c.ofDeployed(s, w) {
		return false
	}
	if c.Excused != "" {
		switch {
		case down && c.Excused != ExcusedInherited:
			w.countAnswered(c, at, down) // no evidence, but no pass either
			return false
		case down && w.mayRecover(at):
			return false
		}
		c.Excused = "" // it is up, or should be by now: from here on it is judged
	}
	return true
}

// ofDeployed reports whether a look says something of the deployed version. While a rollout
// goes on, old and new answer side by side: a look counts for the version that it names. Where
// none is named, as most failures name none, it counts once the previous version has not
// answered for the grace period and one more look: otherwise failures that both versions have
// would all be the new one's.
func (c *CheckState) ofDeployed(s sample.Sample, w *Watch) bool {
	current, previous := versions.Names(s.Version, w.Version), versions.Names(s.Version, w.PreviousVersion)
	if current && previous && !versions.Same(w.Version, w.PreviousVersion) {
		current, previous = versions.Same(s.Version, w.Version), versions.Same(s.Version, w.PreviousVersion)
	}
	switch {
	case s.Version == "", versions.Names(s.Version, w.Version) && !current && !previous: // builds of one release that it does not tell apart
		return c.AnsweredOld.IsZero() || s.At.Sub(c.AnsweredOld) > max(w.Policy.Grace, sameLookWithin(2*c.Every))
	case current:
		c.Current++
	case previous:
		c.Previous++
		c.AnsweredOld = clean(s.At)
		return false
	default:
		c.Strange++
		c.StrangeVersion = s.Version
		if c.Current > 0 { // the check tells versions apart: this is neither of the two
			c.AnsweredOld = clean(s.At)
			return false
		}
		// Perhaps the version is written differently where the check reads it: the look counts.
	}
	return true
}

// judge adds a look to the evidence. One that follows a failure sooner than at the check's
// interval is a recheck.
func (c *CheckState) judge(l look) {
	if c.LastJudgedDown && l.At.Sub(c.LastJudged) < sameLookWithin(c.Every) {
		c.judgeRecheck(l)
		return
	}
	for i := range c.Metrics {
		m := &c.Metrics[i]
		m.observe(l)
		if m.Control != nil {
			m.Control.observe(m, l, c.Every)
		}
	}
	c.Judged.Looks++
	if l.Down {
		c.Judged.Failures++
	}
	c.LastJudged, c.LastJudgedDown = l.At, l.Down
	date(&c.Onset, &c.FirstFailure, c.Allowed, l.Down, l.At)
	if n := len(c.Metrics); n > 1 && l.timed() {
		// The highest percentile shows since when looks are slow: healthy ones are seldom above it.
		m := &c.Metrics[n-1]
		last := len(m.Limits) - 1
		for last > 0 && m.Limits[last].SameTime {
			last--
		}
		if last >= 0 && len(m.Streams) > last {
			date(&c.SlowOnset, &c.FirstSlow, m.Streams[last].Rate, l.Took.Seconds() > m.Limits[last].Seconds, l.At)
		}
	}
}

// judgeRecheck adds a look at the recheck interval to the evidence of failures, once enough
// rechecks are known to tell how persistent failures are at that interval. Until then it counts
// as the same look as the failure.
func (c *CheckState) judgeRecheck(l look) {
	if len(c.Metrics) == 0 || len(c.Metrics[0].Streams) == 0 || !c.Metrics[0].Streams[0].judgesRechecks() {
		return
	}
	m := &c.Metrics[0]
	for i := range m.Streams {
		m.Streams[i].observeRecheck(l.Down)
	}
	c.Judged.Looks++
	if l.Down {
		c.Judged.Failures++
	}
	c.LastJudged, c.LastJudgedDown = l.At, l.Down
}

// date updates the time at which failures began to be more than chance.
func date(o *judge.Onset, first *time.Time, rate float64, fail bool, at time.Time) {
	o.Observe(rate, fail)
	switch {
	case *o == 0:
		*first = time.Time{}
	case fail && first.IsZero():
		*first = at
	}
}

// AlertFired takes an alert that fires now. Call it at each evaluation while the alert fires, not
// only when it begins: an alert that fires during the grace period counts if it still fires
// afterwards.
//
// An alert fails the watch only if its rule has the label fails_watch and this deploy certainly
// caused it: it has this service as its label, it counts by then (see AlertCounts) and, if it
// has a shop or environment, the deploy reaches that.
func (w *Watch) AlertFired(a rules.Alert, now time.Time) *Verdict {
	if w.State.Final() || !a.FailsWatch || a.State != rules.Firing || !Concerns(a, w.Service, w.Environment, w.Shops) {
		return nil
	}
	if from, ok := w.AlertCounts(a); !ok || now.Before(from) {
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
		Settles:  a.Settles,
	}
	return w.end(w.failedByRule(now))
}

// Concerns reports whether an alert may be about a deploy of a service to some shops, or to all for
// none: it has the service as its label, and names no other environment and no other shop.
func Concerns(a rules.Alert, service, environment string, shops []string) bool {
	e, shop := a.Labels["environment"], a.Labels["shop"]
	return a.Service() == service && (e == "" || e == environment) &&
		(shop == "" || len(shops) == 0 || slices.Contains(shops, shop))
}

// AlertCounts gives from when on a firing alert counts against the deploy; false for one whose
// condition was true before, as long as it has not resolved. "Before" may end where it became
// true. A condition that became true while looks did not count yet, or before the hook, counts
// once its expression reads nothing from then any more.
func (w *Watch) AlertCounts(a rules.Alert) (time.Time, bool) {
	if a.ActiveAt.Before(w.BeforeEnds()) {
		return time.Time{}, false
	}
	from := w.From
	if !a.ActiveAt.After(w.Begin.Hook) && w.Begin.RecoverBy.After(from) {
		from = w.Begin.RecoverBy // the version before left it firing
	}
	if a.ActiveAt.Before(from) {
		from = from.Add(a.Reach)
	}
	return from, true
}

// clean gives a time as it comes back from JSON: in UTC and without a monotonic clock.
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

// Tick takes the time. At the deadline the watch passes if enough was seen and there is no
// evidence against the deploy, otherwise it is inconclusive. While a check is blind the clock
// is stopped, for up to Policy.MaxBlind in total.
func (w *Watch) Tick(now time.Time) *Verdict {
	if w.State.Final() {
		return nil
	}
	if w.Withdrawn {
		return w.end(Verdict{State: Cancelled, Reason: reason.Join(reason.New("watch_withdrawn"), w.seen()), At: clean(now)})
	}
	w.releaseFromBlind(now)
	blind := w.Blind(now)
	w.suspend(len(blind) > 0, now)
	switch {
	case w.RollingOut, now.Before(w.Deadline):
		return nil
	case len(blind) > 0 && now.Before(w.latest()):
		return nil
	case slices.ContainsFunc(w.Targets, func(t Target) bool { return w.holds(t, w.Deadline) }):
		return nil // soon the control is looked at, or blind
	}
	return w.end(w.atDeadline(now))
}

// suspend moves the deadline by the time for which the watch was blind.
func (w *Watch) suspend(blind bool, now time.Time) {
	switch {
	case blind && w.BlindFrom.IsZero():
		w.BlindFrom = clean(now)
	case !blind && !w.BlindFrom.IsZero():
		lost := min(max(now.Sub(w.BlindFrom), 0), w.Policy.MaxBlind-w.Suspended)
		w.BlindFrom = time.Time{}
		if lost > 0 {
			w.Suspended += lost
			w.Deadline = w.Deadline.Add(lost)
		}
	default:
		return
	}
	w.Seq++
}

// Supersede ends the watch because another version was deployed.
func (w *Watch) Supersede(by string, now time.Time) *Verdict {
	return w.end(Verdict{
		State:  Superseded,
		Reason: reason.Join(reason.New("watch_superseded", "version", by), w.seen()),
		At:     clean(now),
	})
}

// TakeBack ends the watch because a rollback put another version in its place, or undid the
// operation, for by "". It also takes the place of Passed and Inconclusive.
func (w *Watch) TakeBack(run, by string, now time.Time) *Verdict {
	if w.State == Passed || w.State == Inconclusive {
		w.State = Watching
	}
	why := reason.New("watch_taken_back", "version", by, "run", run)
	if by == "" {
		why = reason.New("watch_undone", "run", run)
	}
	return w.end(Verdict{
		State:       Superseded,
		Reason:      reason.Join(why, w.seen()),
		At:          clean(now),
		TakenBackBy: run,
	})
}

// Cancel ends the watch on a person's request.
func (w *Watch) Cancel(who string, now time.Time) *Verdict {
	return w.end(Verdict{
		State:  Cancelled,
		Reason: reason.Join(reason.New("watch_cancelled", "who", who), w.seen()),
		At:     clean(now),
	})
}

// end sets the verdict; nil when there is one already.
func (w *Watch) end(v Verdict) *Verdict {
	if w.State.Final() {
		return nil
	}
	w.Seq++
	if v.At.Before(w.Started) {
		v.At = w.Started // decided by looks from before the hook, which the switch was before
	}
	w.State, w.Reason, w.Ended, w.Verdict = v.State, v.Reason, v.At, &v
	if v.State == Failed && w.doubtful() {
		v.Doubt = w.Begin.Doubt
	}
	return &v
}
