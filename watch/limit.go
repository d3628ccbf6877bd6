package watch

import (
	"math"
	"time"

	"guardian/internal/reason"
	"guardian/watch/judge"
)

// limitError is the chance with which a watch whose checks fail exactly as often as they may is
// not passed. It is divided over the checks and over the two stretches that are looked at.
const limitError = 0.01

// countAnswered counts a look of the deployed version for the limit. Rechecks are left out, as
// looks that depend on the failure before them.
func (w *Watch) countAnswered(c *CheckState, at time.Time, down bool) {
	recheck := c.Answered.Failures > 0 && !c.LastAnswered.IsZero() && at.Sub(c.LastAnswered) < sameLookWithin(c.Every)
	if recheck {
		return
	}
	c.LastAnswered = at
	c.Answered.add(down)
	c.stretch(at, down)
	if late := w.Deadline.Add(-w.Policy.For / 4); !at.Before(late) {
		if c.LateFrom.IsZero() {
			c.LateFrom = at
		}
		c.Lately.add(down)
	}
}

// stretch keeps how close together the failures lie.
func (c *CheckState) stretch(at time.Time, down bool) {
	if !down {
		c.Good++
		return
	}
	if c.FailedFrom.IsZero() {
		c.FailedFrom, c.Good = at, 0
	}
	c.FailedTo = at
	c.Stretch.Looks += c.Good
	c.Stretch.add(true)
	c.Good = 0
}

func (c *Counts) add(down bool) {
	c.Looks++
	if down {
		c.Failures++
	}
}

// overLimit is a check that surely fails more often than its failure_rate, however bad it was
// before: over all looks since the switch, or over those of the last quarter of the watch.
type overLimit struct {
	check *CheckState
	seen  Counts
	since time.Time
	// passes is a failure_rate with which it would not be over its limit.
	passes float64
}

// overLimits gives the checks over their limit.
func (w *Watch) overLimits() []overLimit {
	var all []overLimit
	chance := limitError / float64(2*max(len(w.Checks), 1))
	for i := range w.Checks {
		c := &w.Checks[i]
		whole, end := surelyOver(c.Answered, max(c.limit(), c.elsewhere()), chance), surelyOver(c.Lately, c.limit(), chance)
		switch {
		case whole == 0 && end == 0:
		case whole >= end:
			all = append(all, overLimit{c, c.Answered, w.From, roundedUp(whole)})
		default:
			all = append(all, overLimit{c, c.Lately, c.LateFrom, roundedUp(end)})
		}
	}
	return all
}

// elsewhere is how often the checks failed meanwhile that the deploy cannot break; 0 without any.
// What is over by the last quarter of the watch, and failed no more often here than there, is no
// reason to withhold a pass.
func (c *CheckState) elsewhere() float64 {
	if len(c.Metrics) == 0 || c.Metrics[0].Control == nil {
		return 0
	}
	n := c.Metrics[0].Control.Seen
	if n.Failures == 0 {
		return 0
	}
	return judge.RateUpper(n.Failures, n.Looks, limitError)
}

// limit is the failure rate beyond which the check is never passed.
func (c *CheckState) limit() float64 { return orDefault(c.FailureRate) }

// surelyOver gives the lower bound of a failure rate (Clopper and Pearson 1934) if it is above
// the limit; otherwise 0.
func surelyOver(n Counts, limit, chance float64) float64 {
	if n.Failures <= 0 || n.Failures > n.Looks {
		return 0
	}
	if low := judge.RateLower(n.Failures, n.Looks, chance); low > limit {
		return low
	}
	return 0
}

// roundedUp gives a rate with two digits that is not below it.
func roundedUp(rate float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(rate))-1)
	return min(math.Round(math.Ceil(rate/unit)*unit*1e9)/1e9, 1)
}

// reason says of a check over its limit how often it fails, and whether it was so before.
func (o overLimit) reason(before Counts) reason.Reason {
	code := "over_limit"
	switch {
	case before.Looks > 0 && float64(before.Failures) > o.check.limit()*float64(before.Looks):
		code = "over_limit_as_before"
	case o.together():
		return reason.New("over_limit_once", "check", o.check.Check, "failures", o.seen.Failures, "looks", o.seen.Looks, "since", o.since,
			"allowed", o.check.limit(), "from", o.check.FailedFrom, "until", o.check.FailedTo)
	}
	return reason.New(code, "check", o.check.Check, "failures", o.seen.Failures, "looks", o.seen.Looks, "since", o.since,
		"allowed", o.check.limit(), "passes", o.passes, "failures_before", before.Failures, "looks_before", before.Looks)
}

// together reports whether the failures were one stretch that was over by the last quarter of the
// watch, as of a restart or an outage: another failure_rate would be no answer to that. Of watches
// of earlier builds it is not known.
func (o overLimit) together() bool {
	c := o.check
	if c.Stretch.Failures != c.Answered.Failures || c.Lately.Looks == 0 || c.Lately.Failures > 0 {
		return false
	}
	return 2*c.Stretch.Failures >= c.Stretch.Looks
}

// tooFew gives the checks with fewer judged looks than a pass needs: those that were never
// judged, and those that looked too seldom.
func (w *Watch) tooFew() (excused, seldom []*CheckState) {
	for i := range w.Checks {
		c := &w.Checks[i]
		switch {
		case c.Judged.Looks >= w.Policy.MinSamples:
		case c.Excused != "":
			excused = append(excused, c)
		default:
			seldom = append(seldom, c)
		}
	}
	return excused, seldom
}
