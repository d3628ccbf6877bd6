package watch

import (
	"math"
	"time"

	"guardian/watch/judge"
)

// Traffic is how fast the total of a pair of counters grows: orders that stop are no failures, and
// yet a fault.
type Traffic struct {
	// Levels compare it with before the deploy. They are evidence only where more is known than
	// the last hours, see acts.
	Levels Levels `json:"levels"`
	// A value is the rate over so many readings: one, unless a reading often counts nothing.
	Bin int `json:"bin"`
	// Readings, Counted, Others and Seconds are those of the bin that is not full yet; Others is
	// what the shops without the deploy counted.
	Readings int     `json:"readings,omitempty"`
	Counted  float64 `json:"counted,omitempty"`
	Others   float64 `json:"others,omitempty"`
	Seconds  float64 `json:"seconds,omitempty"`
	// Least is the least that was counted per second before the deploy over any time as long as
	// the watch, and LeastQuarter over any time as long as a quarter of it.
	Least        float64 `json:"least,omitempty"`
	LeastQuarter float64 `json:"least_quarter,omitempty"`
	// Still is the longest time before the deploy in which nothing was counted, Grew when something
	// was last since.
	Still time.Duration `json:"still,omitempty"`
	Grew  time.Time     `json:"grew,omitzero"`
	// LeastOthers is LeastQuarter of the shops without the deploy.
	LeastOthers float64 `json:"least_others,omitempty"`
}

const (
	// trafficRatio is how many times less than before is tolerated: traffic has its own reasons.
	trafficRatio = 3
	// fewCounted are so few that chance alone makes a third of it.
	fewCounted = 3
	// trafficShare is the part of a counter's evidence that comes from its traffic.
	trafficShare = 0.2
	// trafficSure is the chance that too few events are taken for fewer than before.
	trafficSure = 0.005
)

// bins are the numbers of readings that a value of traffic may cover.
func bins() []int { return []int{1, 4} }

// trafficHistory are the steps of a baseline, those of the shops that get the deploy and of the
// others.
type trafficHistory struct{ own, others []step }

// newTraffic makes the traffic from the steps of a pair of counters before the deploy; nil without
// any.
func (w *Watch) newTraffic(recent, matched trafficHistory, plan levelPlan) *Traffic {
	t := &Traffic{Levels: Levels{NumberPolicy: plan.NumberPolicy}}
	readings := plan.horizon
	for _, t.Bin = range bins() {
		plan.horizon, plan.least = max(readings/t.Bin, 1), fewCounted/(float64(t.Bin)*CounterEvery.Seconds())
		t.Levels.Recent = plan.levels(rates(recent.own, t.Bin), rates(recent.others, t.Bin))
		t.Levels.Matched = plan.levels(rates(matched.own, t.Bin), rates(matched.others, t.Bin))
		if len(t.Levels.Recent) > 1 || len(t.Levels.Matched) > 1 {
			break // nine in ten values are of more than a few
		}
	}
	for _, of := range []struct {
		into *float64
		over time.Duration
	}{{&t.Least, w.Policy.For}, {&t.LeastQuarter, w.Policy.For / 4}} {
		*of.into = least(recent.own, of.over)
		if len(matched.own) > 0 {
			*of.into = min(*of.into, least(matched.own, of.over))
		}
	}
	t.Still = max(still(recent.own), still(matched.own))
	t.LeastOthers = least(recent.others, w.Policy.For/4)
	if !t.Levels.known() && t.Least == 0 && t.LeastQuarter == 0 {
		return nil
	}
	return t
}

// rates gives the rates per second of so many steps each; NaN where there is a gap.
func rates(steps []step, bin int) []float64 {
	var all []float64
	in, counted, took := 0, 0.0, 0.0
	for _, s := range steps {
		if !s.after && (in > 0 || len(all) > 0) {
			in, counted, took = 0, 0, 0
			all = append(all, math.NaN())
		}
		in, counted, took = in+1, counted+s.Exposure, took+s.took.Seconds()
		if in == bin {
			all = append(all, counted/took)
			in, counted, took = 0, 0, 0
		}
	}
	return all
}

// least is the least rate per second over any stretch of a length, or over all when there is no
// such stretch.
func least(steps []step, over time.Duration) float64 {
	counted, took, from := 0.0, time.Duration(0), 0
	lowest := math.Inf(1)
	for i, s := range steps {
		counted, took = counted+s.Exposure, took+s.took
		for took-steps[from].took >= over && from < i {
			counted, took, from = counted-steps[from].Exposure, took-steps[from].took, from+1
		}
		if took >= over {
			lowest = min(lowest, counted/took.Seconds())
		}
	}
	if math.IsInf(lowest, 1) && took > 0 {
		lowest = counted / took.Seconds()
	}
	if math.IsInf(lowest, 1) {
		return 0
	}
	return max(lowest, 0)
}

// still is the longest time in which nothing was counted.
func still(steps []step) (longest time.Duration) {
	is := time.Duration(0)
	for _, s := range steps {
		if is += s.took; s.Exposure > 0 || !s.after {
			is = 0
		}
		longest = max(longest, is)
	}
	return longest
}

// stands reports whether nothing was counted up to a time for much longer than it ever took
// before.
func (t *Traffic) stands(since, until time.Time) bool {
	took := until.Sub(since)
	return !since.IsZero() && took >= max(trafficRatio*t.Still, maxGap) && fell(0, took, t.LeastQuarter)
}

// observe takes what was counted between two readings.
func (t *Traffic) observe(own, others float64, took time.Duration) {
	if took <= 0 || took >= maxGap {
		t.Readings, t.Counted, t.Others, t.Seconds = 0, 0, 0, 0
		return
	}
	t.Readings++
	t.Counted += own
	t.Others += others
	t.Seconds += took.Seconds()
	if t.Readings < t.Bin {
		return
	}
	t.Levels.observe(t.Counted/t.Seconds, t.Others/t.Seconds)
	t.Readings, t.Counted, t.Others, t.Seconds = 0, 0, 0, 0
}

// acts reports whether traffic is evidence: the last hours alone do not tell a fault from an
// evening; the same time of other days does, and so do shops without the deploy.
func (t *Traffic) acts() bool {
	return t != nil && t.Levels.known() && (len(t.Levels.Matched) > 0 || t.Levels.controlled())
}

// fell reports whether so much in a time is surely less than a third of the least before.
func fell(counted float64, took time.Duration, least float64) bool {
	if !(least > 0) || took <= 0 {
		return false
	}
	upper := judge.CountsState{Failures: max(counted, 0), Exposure: took.Seconds()}.UpperRate(1, trafficSure)
	return upper < least/trafficRatio
}

func (t *Traffic) clone() *Traffic {
	if t == nil {
		return nil
	}
	c := *t
	c.Levels = *t.Levels.clone()
	return &c
}
