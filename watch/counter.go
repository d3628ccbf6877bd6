package watch

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"

	"guardian/watch/judge"
)

// CounterPolicy is what a watch needs to know of a pair of counters: failures among all.
type CounterPolicy struct {
	Name        string        `json:"name"`
	Weight      float64       `json:"weight"`       // relative to those of checks; default 1
	FailureRate float64       `json:"failure_rate"` // allowed; (0, 0.5]
	Every       time.Duration `json:"every"`        // between two readings
}

// Reading is what the counters stood at. One that could not be made is not a Reading; one that
// gave nothing is Empty.
type Reading struct {
	At              time.Time
	Failures, Total float64
	Empty           bool
}

// CounterHistory is what the readings before a deploy were like.
type CounterHistory struct {
	Failures float64 `json:"failures"`
	Total    float64 `json:"total"`
	// Clumping is how failures clump: see judge.Clumping.
	Clumping float64 `json:"clumping"`
	// Empty is how often readings gave nothing.
	Empty judge.History `json:"empty"`
}

// gap is how far apart readings are that say nothing of what came between them.
const gap = 4 * CounterEvery

// NewCounterHistory makes a history of readings, oldest first. What came between two that are a
// minute apart or more is left out: something in between was not to be counted.
func NewCounterHistory(readings []Reading) CounterHistory {
	var h CounterHistory
	var counts []float64
	var last *Reading
	for i := range readings {
		r := &readings[i]
		h.Empty.Observe(r.Empty)
		if r.Empty {
			continue
		}
		if last != nil && r.At.Sub(last.At) < gap {
			d := increments(*last, *r)
			h.Failures += d.Failures
			h.Total += d.Exposure
			counts = append(counts, d.Failures)
		}
		last = r
	}
	h.Clumping = 1
	if len(counts) > 1 {
		h.Clumping = judge.Clumping(counts)
	}
	return h
}

// increments is what came between two readings. A counter that went down was reset: it counts from
// zero.
func increments(last, next Reading) judge.CountsState {
	grown := func(a, b float64) float64 {
		if b < a {
			return max(b, 0)
		}
		return b - a
	}
	d := judge.CountsState{Failures: grown(last.Failures, next.Failures), Exposure: grown(last.Total, next.Total)}
	if !finiteCounts(d) {
		return judge.CountsState{}
	}
	return d
}

func finiteCounts(d judge.CountsState) bool {
	return !math.IsInf(d.Failures+d.Exposure, 0) && !math.IsNaN(d.Failures+d.Exposure)
}

// CounterBefore is a pair of counters with its history.
type CounterBefore struct {
	CounterPolicy
	History CounterHistory `json:"history"`
}

// Counter is what a watch knows of a pair of counters.
type Counter struct {
	CounterPolicy
	Share    float64        `json:"share"`
	Before   CounterHistory `json:"before"`
	Rate     float64        `json:"rate"`     // failures of all that are tolerated
	Clumping float64        `json:"clumping"` // how failures clump; at least 1
	// State is what was counted since the deploy, LogE what it says.
	State judge.CountsState `json:"state"`
	LogE  float64           `json:"log_e"`
	// Empty holds readings that gave nothing against how often they did before; nil where too
	// little is known of that.
	Empty    *Stream   `json:"empty,omitempty"`
	Readings int       `json:"readings"`
	Missing  int       `json:"missing,omitempty"` // readings that gave nothing
	Failures float64   `json:"failures"`          // at the last reading
	Total    float64   `json:"total"`
	LastAt   time.Time `json:"last_at,omitzero"` // of the last reading
	Known    time.Time `json:"known,omitzero"`   // of the last one that was not empty
}

// emptyShare is the part of a counter's evidence that is its emptiness.
const emptyShare = 0.2

func (w *Watch) newCounter(b CounterBefore) Counter {
	c := Counter{CounterPolicy: b.CounterPolicy, Before: b.History, Clumping: 1}
	tol := w.Policy.tolerance(CheckPolicy{FailureRate: b.FailureRate})
	c.Rate = tol.Rate
	h := b.History
	if h.Clumping >= 1 && h.Clumping < 1e6 {
		c.Clumping = h.Clumping
	}
	// Failures that clump tell as much as so many fewer that do not.
	if n, k := math.Floor(h.Total/c.Clumping), math.Ceil(h.Failures/c.Clumping); n >= enoughBefore && n < 1e12 && k >= 0 && k < n {
		c.Rate = max(c.Rate, tol.Ratio*judge.RateUpper(int(k), int(n), w.Policy.Alpha/10)+tol.Delta)
	}
	c.Rate = min(c.Rate, judge.MaxRate)
	if enough(h.Empty) {
		s := before(h.Empty, judge.Tolerance{Rate: tol.Rate, Ratio: tol.Ratio, Delta: tol.Delta}, w.planned(b.Every))
		c.Empty = &s
	}
	return c
}

func (c *Counter) logE() float64 {
	if c.Empty == nil {
		return c.LogE
	}
	return logSum([]float64{math.Log(1-emptyShare) + c.LogE, math.Log(emptyShare) + c.Empty.LogE})
}

// Measure takes a reading of the counters of that name. Readings before the grace is over set
// where counting begins.
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
		c.read(r, w.From)
		w.trace(now)
		if w.crossed() {
			return w.end(w.failed(now))
		}
	}
	return nil
}

// DueCounters names the counters that are to be read now.
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

func (c *Counter) read(r Reading, from time.Time) {
	if c.Empty != nil && !r.At.Before(from) {
		c.Empty.observe(r.Empty)
	}
	if r.Empty {
		c.Missing++
		return
	}
	first := c.Known.IsZero()
	last := Reading{Failures: c.Failures, Total: c.Total}
	c.Failures, c.Total, c.Known = finite(r.Failures), finite(r.Total), clean(r.At)
	if first || r.At.Before(from) {
		return
	}
	test, err := judge.NewCounts(c.Rate, c.Clumping)
	if err != nil {
		return
	}
	d := increments(last, r)
	c.State.Failures += d.Failures
	c.State.Exposure += d.Exposure
	c.Readings++
	c.LogE = finite(test.LogE(c.State))
}

// said words what was counted.
func (c *Counter) said(since time.Time) string {
	if c.Empty != nil && c.Empty.LogE > c.LogE {
		return fmt.Sprintf("%s gave nothing at %d of %s since %s; before the deploy it did", c.Name, c.Missing, plural(c.Missing+c.Readings, "reading", "readings"), clock(since))
	}
	text := fmt.Sprintf("%s counted %s failures of %s since %s; tolerated is %s", c.Name, number(c.State.Failures), number(c.State.Exposure), clock(since), oneIn(c.Rate))
	if c.Before.Total > 0 {
		text += fmt.Sprintf("; before the deploy %s of %s", number(c.Before.Failures), number(c.Before.Total))
	}
	return text
}

// heaviestCounter is the counter that weighs most, when none of the checks weighs more.
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

// CounterSettings is one of "metrics": two counters that others keep, as PromQL over the
// guardian's series.
type CounterSettings struct {
	Name        string  `yaml:"name" required:"true" doc:"What it is called in verdicts."`
	Failures    string  `yaml:"failures" required:"true" doc:"PromQL of a counter of failures, such as sum(orders_failed_total); its series are added up."`
	Total       string  `yaml:"total" required:"true" doc:"PromQL of a counter of everything among which the failures are."`
	FailureRate Share   `yaml:"failure_rate" doc:"The part that may fail in good times; at most 50%."`
	Weight      float64 `yaml:"weight" doc:"How much it weighs among the service's checks."`
}

// DefaultCounter are the settings of one that says nothing.
func DefaultCounter() CounterSettings {
	return CounterSettings{FailureRate: DefaultFailureRate, Weight: 1}
}

// Validate gives every mistake, joined.
func (s CounterSettings) Validate() error {
	var errs []error
	if !(s.FailureRate > 0 && s.FailureRate <= maxAllowed) {
		errs = append(errs, fmt.Errorf("failure_rate: %v is not between 0%% and 50%%", s.FailureRate))
	}
	if !(s.Weight > 0 && s.Weight <= 1000) {
		errs = append(errs, fmt.Errorf("weight: %v is not between 0 and 1000", s.Weight))
	}
	return errors.Join(errs...)
}

// CounterEvery is how often counters are read.
const CounterEvery = 15 * time.Second

// Policy is what the settings mean.
func (s CounterSettings) Policy() CounterPolicy {
	return CounterPolicy{Name: s.Name, Weight: s.Weight, FailureRate: float64(s.FailureRate), Every: CounterEvery}
}
