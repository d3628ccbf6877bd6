package watch

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"guardian/internal/reason"
	"guardian/watch/judge"
)

// CounterPolicy is what a watch needs to know of a pair of counters: failures among all.
type CounterPolicy struct {
	Name        string        `json:"name"`
	Weight      float64       `json:"weight"`       // relative to those of checks; default 1
	FailureRate float64       `json:"failure_rate"` // allowed; (0, 0.5]
	Every       time.Duration `json:"every"`        // between two readings
}

// CounterValues is what a counter stood at, series by series, under any key that stays the same: a
// counter of three instances falls when one of them starts again, and nothing was counted twice.
type CounterValues map[string]float64

// Reading is what the counters stood at. One that could not be made is not a Reading; one that
// gave nothing is Empty.
type Reading struct {
	At              time.Time
	Failures, Total CounterValues
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
	var known time.Time
	failures, total := CounterValues{}, CounterValues{}
	for _, r := range readings {
		h.Empty.Observe(r.Empty)
		if r.Empty {
			continue
		}
		d := judge.CountsState{Failures: failures.take(r.Failures), Exposure: total.take(r.Total)}
		if !known.IsZero() && r.At.Sub(known) < gap {
			h.Failures += d.Failures
			h.Total += d.Exposure
			counts = append(counts, d.Failures)
		}
		known = r.At
	}
	h.Clumping = 1
	if len(counts) > 1 {
		h.Clumping = judge.Clumping(counts)
	}
	return h
}

// take gives what was counted since, and remembers where each series stands. One that is lower than
// it was began again, and one that was not there before began: both count from zero. One that is
// gone for a while goes on from where it was.
func (s CounterValues) take(now CounterValues) (counted float64) {
	for series, v := range now {
		if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			continue
		}
		was := s[series]
		if v < was {
			was = 0
		}
		counted += v - was
		s[series] = v
	}
	return counted
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
	Empty    *Stream `json:"empty,omitempty"`
	Readings int     `json:"readings"`
	Missing  int     `json:"missing,omitempty"` // readings that gave nothing
	// Failures and Total are what they stood at last.
	Failures CounterValues `json:"standing_failures,omitempty"`
	Total    CounterValues `json:"standing_total,omitempty"`
	LastAt   time.Time     `json:"last_at,omitzero"` // of the last reading
	Known    time.Time     `json:"known,omitzero"`   // of the last one that was not empty
}

// emptyShare is the part of a counter's evidence that is its emptiness.
const emptyShare = 0.2

// newCounter prepares a counter, one of so many of the watch.
func (w *Watch) newCounter(b CounterBefore, counters int) Counter {
	c := Counter{CounterPolicy: b.CounterPolicy, Before: b.History, Clumping: 1}
	tol := w.Policy.tolerance(CheckPolicy{FailureRate: b.FailureRate})
	c.Rate = tol.Rate
	h := b.History
	if h.Clumping >= 1 && h.Clumping < 1e6 {
		c.Clumping = h.Clumping
	}
	// Failures that clump tell as much as so many fewer that do not.
	if n, k := math.Floor(h.Total/c.Clumping), math.Ceil(h.Failures/c.Clumping); n >= enoughBefore && n < 1e12 && k >= 0 && k < n {
		// The bound of how often they fail may be wrong: with a tenth of alpha, as those of durations.
		bound := judge.RateUpper(int(k), int(n), w.Policy.Alpha*(1-boundsKeep)/float64(counters))
		c.Rate = max(c.Rate, tol.Ratio*bound+tol.Delta)
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
	first := len(c.Total) == 0
	if first {
		c.Total = CounterValues{}
	}
	if c.Failures == nil { // no failures yet, perhaps also since before the guardian was started again
		c.Failures = CounterValues{}
	}
	c.Known = clean(r.At)
	d := judge.CountsState{Failures: c.Failures.take(r.Failures), Exposure: c.Total.take(r.Total)}
	if first || r.At.Before(from) {
		return
	}
	test, err := judge.NewCounts(c.Rate, c.Clumping)
	if err != nil {
		return
	}
	c.State.Failures += d.Failures
	c.State.Exposure += d.Exposure
	c.Readings++
	c.LogE = finite(math.Log(boundsKeep) + test.LogE(c.State))
}

// reason is what was counted since the deploy.
func (c *Counter) reason(since time.Time) reason.Reason {
	if c.Empty != nil && c.Empty.LogE > c.LogE {
		return reason.New("counter_empty", "counter", c.Name, "missing", c.Missing, "readings", c.Missing+c.Readings, "since", since)
	}
	var before reason.Reason
	if c.Before.Total > 0 {
		before = reason.New("counted_before", "failures", c.Before.Failures, "total", c.Before.Total)
	}
	return reason.New("counter_failed", "counter", c.Name, "failures", c.State.Failures, "total", c.State.Exposure,
		"since", since, "allowed", c.Rate, "before", before)
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
// guardian's series or another server's.
type CounterSettings struct {
	Name        string  `yaml:"name" required:"true" doc:"What it is called in verdicts."`
	Failures    string  `yaml:"failures" required:"true" doc:"PromQL of a counter of failures, such as orders_failed_total; what its series grow by is added up, also when it is written as their sum."`
	Total       string  `yaml:"total" required:"true" doc:"PromQL of a counter of everything among which the failures are."`
	FailureRate Share   `yaml:"failure_rate" doc:"The part that may fail in good times; at most 50%."`
	Weight      float64 `yaml:"weight" doc:"How much it weighs among the service's checks."`
	Source      string  `yaml:"source" doc:"Which of rule_sources is asked; without, the guardian's own series."`
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

// EachSeries is the expression whose result has each of the series that expr adds up: a sum hides
// which of them began again.
func EachSeries(expr string) string {
	e, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return expr
	}
	for {
		switch of := e.(type) {
		case *parser.ParenExpr:
			e = of.Expr
		case *parser.AggregateExpr:
			if of.Op != parser.SUM {
				return e.String()
			}
			e = of.Expr
		default:
			return e.String()
		}
	}
}

// CounterValuesOf is what an answer says that was asked for each series.
func CounterValuesOf(v promql.Vector) CounterValues {
	all := CounterValues{}
	for _, s := range v {
		if s.H == nil && !math.IsNaN(s.F) {
			all[keyOf(s.Metric)] = s.F
		}
	}
	return all
}

// ReadingsOf are the readings at each CounterEvery from a time to another, both included, as
// answers over that time have them. What was before the first total that there ever was is not
// emptiness: nobody counted yet.
func ReadingsOf(failures, total promql.Matrix, from, to time.Time) []Reading {
	failed, all := valuesAt(failures), valuesAt(total)
	var readings []Reading
	for at := from; !at.After(to); at = at.Add(CounterEvery) {
		stands := all[timestamp.FromTime(at)]
		if len(readings) > 0 || len(stands) > 0 {
			readings = append(readings, Reading{At: at, Failures: failed[timestamp.FromTime(at)], Total: stands, Empty: len(stands) == 0})
		}
	}
	return readings
}

// valuesAt is what counters stood at, by time in milliseconds.
func valuesAt(m promql.Matrix) map[int64]CounterValues {
	at := map[int64]CounterValues{}
	for _, s := range m {
		key := keyOf(s.Metric)
		for _, f := range s.Floats {
			if math.IsNaN(f.F) {
				continue
			}
			if at[f.T] == nil {
				at[f.T] = CounterValues{}
			}
			at[f.T][key] = f.F
		}
	}
	return at
}

// keyOf names a series, shortly: what a watch remembers of it is written down again and again.
func keyOf(series labels.Labels) string { return strconv.FormatUint(series.Hash(), 36) }

// CounterEvery is how often counters are read.
const CounterEvery = 15 * time.Second

// Policy is what the settings mean.
func (s CounterSettings) Policy() CounterPolicy {
	return CounterPolicy{Name: s.Name, Weight: s.Weight, FailureRate: float64(s.FailureRate), Every: CounterEvery}
}
