package watch

import (
	"maps"
	"math"
	"slices"
	"time"

	"guardian/watch/judge"
)

// CounterPolicy is the part of the configuration of one of metrics that a watch needs. It is a
// pair of counters, of which one counts failures and the other everything among which they are,
// or a number.
type CounterPolicy struct {
	Name        string        `json:"name"`
	Weight      float64       `json:"weight"`       // relative to those of checks; default 1
	FailureRate float64       `json:"failure_rate"` // allowed; (0, 0.5]
	Every       time.Duration `json:"every"`        // between two readings
	Number      *NumberPolicy `json:"number,omitempty"`
}

// CounterBefore is one of metrics with its readings before the deploy, oldest first: of the last
// hours, and of the same time of other days.
type CounterBefore struct {
	CounterPolicy
	// History sums up Recent, where that is not given.
	History CounterHistory `json:"history"`
	Recent  []Reading      `json:"-"`
	Matched []Reading      `json:"-"`
}

// Counter is what a watch knows of one of metrics.
type Counter struct {
	CounterPolicy
	Share    float64        `json:"share"`
	Before   CounterHistory `json:"before"`
	Rate     float64        `json:"rate"`     // tolerated failure rate
	Clumping float64        `json:"clumping"` // how much failures come in clumps; at least 1
	Horizon  int            `json:"horizon,omitempty"`
	// State is what was counted since the deploy, LogE its evidence.
	State judge.CountsState `json:"state"`
	LogE  float64           `json:"log_e"`
	// Matched compares it also with the same time of other days, Shops with the shops that do not
	// have the deploy: the smallest evidence counts.
	Matched *MatchedRate `json:"same_time,omitempty"`
	Shops   *ShopsRate   `json:"shops,omitempty"`
	// Traffic is how fast the total grows; Levels are those of a number.
	Traffic *Traffic `json:"traffic,omitempty"`
	Levels  *Levels  `json:"levels,omitempty"`
	// Empty compares how often readings are empty with before the deploy; nil without enough
	// history.
	Empty    *Stream `json:"empty,omitempty"`
	Readings int     `json:"readings"`          // judged
	Missing  int     `json:"missing,omitempty"` // empty readings
	// Lately is what was counted in the last quarter of the watch, from LateFrom on.
	Lately   judge.Increment `json:"lately,omitzero"`
	LateFrom time.Time       `json:"late_from,omitzero"`
	// Falls and Changes are those of CounterHistory since the deploy.
	Falls   int `json:"falls,omitempty"`
	Changes int `json:"changes,omitempty"`
	// Failures and Total are the last values.
	Failures CounterValues `json:"standing_failures,omitempty"`
	Total    CounterValues `json:"standing_total,omitempty"`
	LastAt   time.Time     `json:"last_at,omitzero"` // of the last reading
	Known    time.Time     `json:"known,omitzero"`   // of the last one that was not empty
	Began    time.Time     `json:"began,omitzero"`   // of the one from which on it is counted
}

// MatchedRate compares the failures of a pair of counters with the same time of other days.
type MatchedRate struct {
	Rate   float64           `json:"rate"` // tolerated
	Before judge.Increment   `json:"before"`
	State  judge.CountsState `json:"state"`
	LogE   float64           `json:"log_e"`
}

// ShopsRate compares the failures of a pair of counters with those at the shops that do not have
// the deploy, over the same time.
type ShopsRate struct {
	State judge.PairsState `json:"state"`
	LogE  float64          `json:"log_e"`
	// Seen is what the other shops counted since the deploy, Lately their total in the last quarter
	// of the watch.
	Seen   judge.Increment `json:"seen"`
	Lately float64         `json:"lately,omitempty"`
}

// emptyShare is the part of a counter's evidence that comes from empty readings.
const emptyShare = 0.2

// newCounter makes one of so many counters of the watch.
func (w *Watch) newCounter(b CounterBefore, counters int) Counter {
	c := Counter{CounterPolicy: b.CounterPolicy, Before: b.History, Clumping: 1, Horizon: w.planned(b.Every)}
	tol := w.Policy.tolerance(CheckPolicy{FailureRate: b.FailureRate})
	// Bounds that are estimated from history may be wrong with a tenth of alpha.
	wrong := w.Policy.Alpha * (1 - boundsKeep) / float64(counters)
	if c.Number != nil {
		w.compareNumber(&c, b, wrong)
	} else {
		w.comparePair(&c, b, tol, wrong)
	}
	if h := c.Before.Empty; enough(h) {
		s := before(h, judge.Tolerance{Rate: tol.Rate, Ratio: tol.Ratio, Delta: tol.Delta}, c.Horizon)
		c.Empty = &s
	}
	return c
}

// compareNumber makes what a number is compared with.
func (w *Watch) compareNumber(c *Counter, b CounterBefore, wrong float64) {
	plan := levelPlan{NumberPolicy: *c.Number, alpha: wrong, horizon: c.Horizon}
	of := mine(w.Shops)
	values := func(readings []Reading) (own, others []float64) {
		for _, r := range readings {
			v, o := math.NaN(), math.NaN()
			if !r.Excluded {
				v, o = c.Number.worst(r.Values, of)
			}
			own, others = append(own, v), append(others, o)
		}
		return own, others
	}
	c.Levels = &Levels{NumberPolicy: *c.Number, Recent: plan.levels(values(b.Recent)), Matched: plan.levels(values(b.Matched))}
}

// comparePair makes what a pair of counters is compared with.
func (w *Watch) comparePair(c *Counter, b CounterBefore, tol judge.Tolerance, wrong float64) {
	of := mine(w.Shops)
	others := func(series string) bool { return !of(series) }
	var matched CounterHistory
	var recently, then trafficHistory
	if len(b.Recent) > 0 {
		c.Before, recently.own = newCounterHistory(b.Recent, of)
	}
	matched, then.own = newCounterHistory(b.Matched, of)
	for _, h := range []CounterHistory{c.Before, matched} {
		if h.Clumping >= 1 && h.Clumping < 1e6 {
			c.Clumping = max(c.Clumping, h.Clumping)
		}
	}
	wrong /= 2 // the bound of its failure rate, and those of its traffic
	c.Rate = c.tolerated(tol, c.Before, wrong)
	if matched.Total/c.Clumping >= enoughBefore {
		c.Matched = &MatchedRate{
			Rate: c.tolerated(tol, matched, wrong), Before: judge.Increment{Failures: matched.Failures, Exposure: matched.Total},
		}
	}
	if len(w.Shops) > 0 {
		_, recently.others = newCounterHistory(b.Recent, others)
		_, then.others = newCounterHistory(b.Matched, others)
		if slices.ContainsFunc(recently.others, func(s step) bool { return s.Exposure > 0 }) {
			c.Shops = &ShopsRate{}
		} else {
			recently.others, then.others = nil, nil
		}
	}
	c.Traffic = w.newTraffic(recently, then, levelPlan{NumberPolicy: NumberPolicy{Lower: true, Ratio: trafficRatio}, alpha: wrong, horizon: c.Horizon})
}

// tolerated is the failure rate that is tolerated with a history. Without enough, the allowed one
// is.
func (c *Counter) tolerated(tol judge.Tolerance, h CounterHistory, wrong float64) float64 {
	rate := tol.Rate
	// Clumped failures are as much evidence as fewer independent ones.
	if n, k := math.Floor(h.Total/c.Clumping), math.Ceil((h.Failures-h.Batch)/c.Clumping); n >= enoughBefore && n < 1e12 && k >= 0 && k < n {
		rate = max(rate, tol.Ratio*judge.RateUpper(int(k), int(n), wrong)+tol.Delta)
	}
	return min(rate, judge.MaxRate)
}

// logE is the natural logarithm of the evidence: the average of what failed, what did not come,
// and what had no data.
func (c *Counter) logE() float64 {
	if c.excused() {
		return 0
	}
	if c.Levels != nil {
		return c.average(c.Levels.logE(), false)
	}
	least := c.LogE
	if c.Matched != nil {
		least = min(least, c.Matched.LogE)
	}
	if c.Shops != nil {
		least = min(least, c.Shops.LogE)
	}
	return c.average(least, c.Traffic.acts())
}

// average weighs evidence with that of traffic, where it counts, and of empty readings.
func (c *Counter) average(logE float64, traffic bool) float64 {
	rest := 1.0
	var logs []float64
	if c.Empty != nil {
		rest -= emptyShare
		logs = append(logs, math.Log(emptyShare)+c.Empty.LogE)
	}
	if traffic {
		rest -= trafficShare
		logs = append(logs, math.Log(trafficShare)+c.Traffic.Levels.logE())
	}
	return logSum(append(logs, math.Log(rest)+logE))
}

// excused reports whether it is not judged because it is a gauge and no counter. Since the deploy
// that is only asked of one that is not known from before: instances that crash again and again
// fall too.
func (c *Counter) excused() bool {
	const enoughChanges = 20
	since := CounterHistory{Falls: c.Falls, Changes: c.Changes}
	return c.Number == nil && (c.Before.isGauge() || c.Before.Changes < enoughChanges && since.isGauge())
}

// Measure takes a reading of the counters of that name. Readings before the end of the grace
// period only set the values from which counting begins.
func (w *Watch) Measure(name string, r Reading, now time.Time) *Verdict {
	if w.State.Final() || now.After(w.latest()) {
		return nil
	}
	for i := range w.Counters {
		c := &w.Counters[i]
		if c.Name != name || !r.At.After(c.LastAt) || r.Empty && r.At.Before(w.From) {
			continue
		}
		w.Seq++
		c.LastAt = clean(r.At)
		w.read(c, r)
		logE := w.logEvidence()
		w.trace(now, logE)
		if logE >= w.LogThreshold() {
			return w.end(w.failed(now))
		}
	}
	return nil
}

// DueCounters names the counters that must be read now.
func (w *Watch) DueCounters(now time.Time) []string {
	var due []string
	if w.State.Final() {
		return nil
	}
	for i := range w.Counters {
		if c := &w.Counters[i]; now.Sub(c.LastAt) >= c.Every {
			due = append(due, c.Name)
		}
	}
	return due
}

func (w *Watch) read(c *Counter, r Reading) {
	if c.Empty != nil && !r.At.Before(w.From) {
		c.Empty.observe(r.Empty)
	}
	if r.Empty {
		c.Missing++
		return
	}
	if c.Horizon == 0 {
		c.Horizon = w.planned(c.Every) // it was stored before it had one
	}
	took := r.At.Sub(c.Known)
	first := c.Known.IsZero()
	c.Known = clean(r.At)
	if c.Levels != nil {
		if !r.At.Before(w.From) {
			c.Levels.observe(c.Number.worst(r.Values, mine(w.Shops)))
			c.Readings = c.Levels.Values
		}
		return
	}
	failures, total := counterSeries{values: c.Failures}, counterSeries{values: c.Total}
	for _, s := range []*counterSeries{&failures, &total} {
		if s.values == nil { // an empty map is stored as none
			s.values = CounterValues{}
		}
	}
	var own, others judge.Increment
	own.Failures, others.Failures = failures.increase(r.Failures, mine(w.Shops))
	own.Exposure, others.Exposure = total.increase(r.Total, mine(w.Shops))
	c.Failures, c.Total = failures.values, total.values
	if first || r.At.Before(w.From) {
		c.Began = c.Known
		return
	}
	c.Falls += failures.falls + total.falls
	c.Changes += failures.changes + total.changes
	c.count(own, others, took, max(w.Policy.Ratio, 1))
	// The last quarter moves with the deadline.
	if quarter := w.Deadline.Add(-w.Policy.For / 4); r.At.Before(quarter) {
		c.Lately, c.LateFrom = judge.Increment{}, c.Known
	} else {
		c.Lately.Failures += own.Failures
		c.Lately.Exposure += own.Exposure
	}
	if s := c.Shops; s != nil && c.LateFrom.Equal(c.Known) {
		s.Lately = 0
	} else if s != nil {
		s.Lately += others.Exposure
	}
}

// count judges what was counted between two readings, at the shops of the deploy and at others.
func (c *Counter) count(own, others judge.Increment, took time.Duration, ratio float64) {
	if c.Traffic != nil {
		c.Traffic.observe(own.Exposure, others.Exposure, took)
		if own.Exposure > 0 || c.Traffic.Grew.IsZero() {
			c.Traffic.Grew = c.Known
		}
	}
	test, err := judge.NewCounts(c.Rate, c.Clumping, c.Horizon)
	if err != nil {
		return
	}
	held := c.State.Held
	if test.Observe(&c.State, own) {
		c.Readings++
	}
	c.LogE = finite(math.Log(boundsKeep) + test.LogE(c.State))
	if m := c.Matched; m != nil {
		if test, err := judge.NewCounts(m.Rate, c.Clumping, c.Horizon); err == nil {
			test.Observe(&m.State, own)
			m.LogE = finite(math.Log(boundsKeep) + test.LogE(m.State))
		}
	}
	if s := c.Shops; s != nil {
		s.Seen.Failures += others.Failures
		s.Seen.Exposure += others.Exposure
		if test, err := judge.NewPairs(ratio, c.Clumping, c.Horizon); err == nil {
			test.Observe(&s.State, others, judge.Increment{Failures: own.Failures + held, Exposure: own.Exposure})
			s.LogE = finite(test.LogE(s.State))
		}
	}
}

// join begins the comparisons anew when more shops get the deploy: the evidence so far becomes
// part of the share, so that the evidence of the watch stays the same.
func (c *Counter) join() {
	if c.Shops == nil && !c.Levels.controlled() {
		return
	}
	c.Share *= max(min(math.Exp(c.logE()), maxEValue), math.SmallestNonzeroFloat64)
	c.State, c.LogE, c.Shops, c.Traffic = judge.CountsState{}, 0, nil, nil
	if c.Matched != nil {
		c.Matched.State, c.Matched.LogE = judge.CountsState{}, 0
	}
	if c.Empty != nil {
		c.Empty.State, c.Empty.LogE = judge.ProcessState{Last: c.Empty.State.Last}, 0
	}
	if c.Levels != nil {
		c.Levels.restart()
	}
}

// own copies what a counter shares with the one that it was copied from.
func (c *Counter) own() {
	c.Failures, c.Total = maps.Clone(c.Failures), maps.Clone(c.Total)
	c.State.A = slices.Clone(c.State.A)
	if c.Matched != nil {
		m := *c.Matched
		m.State.A = slices.Clone(m.State.A)
		c.Matched = &m
	}
	if c.Shops != nil {
		s := *c.Shops
		s.State.A = slices.Clone(s.State.A)
		c.Shops = &s
	}
	if c.Empty != nil {
		s := c.Empty.clone()
		c.Empty = &s
	}
	c.Traffic, c.Levels = c.Traffic.clone(), c.Levels.clone()
}
