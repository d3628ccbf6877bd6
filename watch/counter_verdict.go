package watch

import (
	"cmp"
	"math"
	"time"

	"guardian/internal/reason"
	"guardian/watch/judge"
)

// metric is the one of a counter's metrics with the most evidence, and whether empty readings have
// more.
func (c *Counter) metric() (name string, empty bool) {
	name, most := Counted, c.LogE
	if c.Levels != nil {
		name, most = CountedNumber, c.Levels.logE()
	}
	if c.Traffic.acts() && c.Traffic.Levels.logE() > most {
		name, most = CountedTraffic, c.Traffic.Levels.logE()
	}
	return name, c.Empty != nil && c.Empty.LogE > most
}

// reason is what was counted since the deploy.
func (c *Counter) reason(since time.Time) reason.Reason {
	name, empty := c.metric()
	switch {
	case empty:
		return reason.New("counter_empty", "counter", c.Name, "missing", c.Missing, "readings", c.Missing+c.Readings, "since", since)
	case name == CountedNumber:
		return c.Levels.reason(c.Name, since)
	case name == CountedTraffic:
		return c.less(c.Began, c.State.Exposure, c.Traffic.Least)
	}
	var before reason.Reason
	if c.Before.Total > 0 {
		before = reason.New("counted_before", "failures", c.Before.Failures, "total", c.Before.Total)
	}
	return reason.New("counter_failed", "counter", c.Name, "failures", c.State.Failures, "total", c.State.Exposure,
		"since", since, "allowed", c.Rate, "before", before)
}

// reason says how often the number was beyond its limit since a time.
func (l *Levels) reason(name string, since time.Time) reason.Reason {
	of, _ := l.heaviest()
	if l.Lower {
		return reason.New("number_below", "number", name, "beyond", of.Beyond, "readings", l.Values, "limit", of.Limit,
			"since", since, "last", l.Last, "beyond_before", of.Before.Failures, "readings_before", of.Before.Looks)
	}
	return reason.New("number_above", "number", name, "beyond", of.Beyond, "readings", l.Values, "limit", of.Limit,
		"since", since, "last", l.Last, "beyond_before", of.Before.Failures, "readings_before", of.Before.Looks)
}

// less says how much was counted since a time, and how much would have been at a rate per second.
func (c *Counter) less(since time.Time, counted, rate float64) reason.Reason {
	return reason.New("counter_fell", "counter", c.Name, "total", counted, "since", since,
		"expected", math.Round(rate*c.Known.Sub(since).Seconds()))
}

// heaviestCounter is the counter with the most evidence; nil when a check has more.
func (w *Watch) heaviestCounter() *Counter {
	most := math.Inf(-1)
	if check, m := w.heaviest(); check != nil {
		most = math.Log(check.Share) + math.Log(m.Share) + m.logE()
	}
	var best *Counter
	for i := range w.Counters {
		c := &w.Counters[i]
		if e := math.Log(c.Share) + c.logE(); cmp.Compare(e, most) > 0 {
			best, most = c, e
		}
	}
	return best
}

// evidence is what it contributed.
func (c *Counter) evidence() []Evidence {
	e := Evidence{
		Check: c.Name, Metric: Counted, Before: counted(c.Before.Failures, c.Before.Total), After: counted(c.State.Failures, c.State.Exposure),
		Allowed: c.Rate, EValue: capped(c.logE()), Weight: c.Share, Samples: c.Readings, Excused: c.excuse(),
	}
	if c.Shops != nil {
		seen := counted(c.Shops.Seen.Failures, c.Shops.Seen.Exposure)
		e.Control = &seen
	}
	if c.Levels != nil {
		return []Evidence{c.Levels.evidence(e, CountedNumber)}
	}
	if !c.Traffic.acts() {
		return []Evidence{e}
	}
	traffic := c.Traffic.Levels.evidence(e, CountedTraffic)
	traffic.EValue, traffic.Weight = capped(c.Traffic.Levels.logE()), c.Share*trafficShare
	return []Evidence{e, traffic}
}

// evidence puts what the levels contributed in the place of what was counted.
func (l *Levels) evidence(e Evidence, metric string) Evidence {
	e.Metric, e.Control = metric, nil
	level, _ := l.heaviest()
	e.Before, e.After = level.Before, Counts{Looks: l.Values, Failures: level.Beyond}
	e.Limit, e.Allowed = level.Limit, level.Stream.Rate
	return e
}

// excuse says why it is not judged; zero when it is.
func (c *Counter) excuse() reason.Reason {
	switch {
	case c.excused():
		return reason.New("counter_is_gauge", "counter", c.Name)
	case c.Levels != nil && !c.Levels.known():
		return reason.New("number_not_known", "number", c.Name, "needed", enoughValues)
	default:
		return reason.Reason{}
	}
}

// countersNotJudged names the counters that are not judged, and why.
func (w *Watch) countersNotJudged() reason.Reason {
	var all []reason.Reason
	for i := range w.Counters {
		all = append(all, w.Counters[i].excuse())
	}
	return reason.Join(all...)
}

// countersWithhold says, for each counter, why a watch does not pass although nothing failed it:
// the counter has stopped or has no data any more, or it surely fails more often than it may.
func (w *Watch) countersWithhold() []reason.Reason {
	var all []reason.Reason
	for i := range w.Counters {
		c := &w.Counters[i]
		if c.excused() || c.Number != nil {
			continue
		}
		is := c.stopped(w.Deadline.Add(-w.Policy.For / 4))
		if is.IsZero() {
			is = c.overLimit(limitError / float64(2*(len(w.Checks)+len(w.Counters))))
		}
		if !is.IsZero() {
			all = append(all, is)
		}
	}
	return all
}

// overLimit says that it surely fails more often than its failure_rate, whatever was before: over
// all since the deploy, or over the last quarter of the watch. The chance that this is said of
// one that fails exactly so often is at most alpha for each of the two; clumped failures count
// as fewer.
func (c *Counter) overLimit(alpha float64) reason.Reason {
	allowed := orDefault(c.FailureRate)
	for _, of := range []struct {
		since time.Time
		is    judge.Increment
	}{{c.Began, judge.Increment{Failures: c.State.Failures, Exposure: c.State.Exposure}}, {c.LateFrom, c.Lately}} {
		k, n := int(math.Floor(of.is.Failures/c.Clumping)), int(math.Ceil(of.is.Exposure/c.Clumping))
		if n > 0 && judge.RateLower(min(k, n), n, alpha) > allowed {
			return reason.New("counter_over_limit", "counter", c.Name, "failures", of.is.Failures, "total", of.is.Exposure, "since", of.since,
				"allowed", allowed, "needed", of.is.Failures/of.is.Exposure)
		}
	}
	return reason.Reason{}
}

// stopped says that it counts much less than before, over all since the deploy or over the last
// quarter of the watch, or that it has no data any more; zero when it does not. With the last
// hours alone to compare with, that is asked of a person and acted on by nobody.
func (c *Counter) stopped(quarter time.Time) reason.Reason {
	t := c.Traffic
	if c.Before.Total > 0 && c.Known.Before(quarter) && c.Missing > 0 {
		return reason.New("counter_silent", "counter", c.Name, "since", c.Known)
	}
	if t == nil || c.Began.IsZero() {
		return reason.Reason{}
	}
	is := reason.Reason{}
	elsewhere := func(since time.Time, counted, least float64) bool { return fell(counted, c.Known.Sub(since), least) }
	switch others := c.Shops; {
	case fell(c.State.Exposure, c.Known.Sub(c.Began), t.Least) && (others == nil || !elsewhere(c.Began, others.Seen.Exposure, t.LeastOthers)):
		is = c.less(c.Began, c.State.Exposure, t.Least)
	case !c.LateFrom.IsZero() && fell(c.Lately.Exposure, c.Known.Sub(c.LateFrom), t.LeastQuarter) &&
		(others == nil || !elsewhere(c.LateFrom, others.Lately, t.LeastOthers)):
		is = c.less(c.LateFrom, c.Lately.Exposure, t.LeastQuarter)
	case others == nil && t.stands(t.Grew, c.Known):
		is = c.less(t.Grew, 0, t.LeastQuarter)
	default:
		return is
	}
	if t.acts() {
		return is
	}
	return reason.Join(is, reason.New("only_recent_known"))
}
