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

// CounterPolicy is the part of a pair of counters' configuration that a watch needs: one counts
// failures, the other everything among which they are.
type CounterPolicy struct {
	Name        string        `json:"name"`
	Weight      float64       `json:"weight"`       // relative to those of checks; default 1
	FailureRate float64       `json:"failure_rate"` // allowed; (0, 0.5]
	Every       time.Duration `json:"every"`        // between two readings
}

// CounterValues are the values of a counter by series, under any stable key. Series are kept
// apart because the sum of three instances falls when one of them restarts.
type CounterValues map[string]float64

// Reading is the values of a pair of counters at a time. One without any series is Empty; a query
// that failed gives no Reading.
type Reading struct {
	At              time.Time
	Failures, Total CounterValues
	Empty           bool
}

// CounterHistory sums up the readings before a deploy.
type CounterHistory struct {
	Failures float64 `json:"failures"`
	Total    float64 `json:"total"`
	// Clumping is how much failures come in clumps, see judge.Clumping.
	Clumping float64 `json:"clumping"`
	// Empty counts the readings that were empty.
	Empty judge.History `json:"empty"`
}

// maxGap is the distance of two readings from which on the increase between them is not used.
const maxGap = 4 * CounterEvery

// NewCounterHistory makes a history of readings, oldest first. The increase between two readings
// that are a minute apart or more is left out: there are excluded periods between them.
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
		d := judge.CountsState{Failures: failures.increase(r.Failures), Exposure: total.increase(r.Total)}
		if !known.IsZero() && r.At.Sub(known) < maxGap {
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

// increase gives by how much the series have grown, and keeps their new values. A series that is
// lower than before was reset, and a new one began: both count from zero. A series that was
// missing for a while continues from its last value.
func (s CounterValues) increase(now CounterValues) (counted float64) {
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
	Rate     float64        `json:"rate"`     // tolerated failure rate
	Clumping float64        `json:"clumping"` // how much failures come in clumps; at least 1
	// State is what was counted since the deploy, LogE its evidence.
	State judge.CountsState `json:"state"`
	LogE  float64           `json:"log_e"`
	// Empty compares how often readings are empty with before the deploy; nil without enough
	// history.
	Empty    *Stream `json:"empty,omitempty"`
	Readings int     `json:"readings"`
	Missing  int     `json:"missing,omitempty"` // empty readings
	// Failures and Total are the last values.
	Failures CounterValues `json:"standing_failures,omitempty"`
	Total    CounterValues `json:"standing_total,omitempty"`
	LastAt   time.Time     `json:"last_at,omitzero"` // of the last reading
	Known    time.Time     `json:"known,omitzero"`   // of the last one that was not empty
}

// emptyShare is the part of a counter's evidence that comes from empty readings.
const emptyShare = 0.2

// newCounter makes one of so many counters of the watch.
func (w *Watch) newCounter(b CounterBefore, counters int) Counter {
	c := Counter{CounterPolicy: b.CounterPolicy, Before: b.History, Clumping: 1}
	tol := w.Policy.tolerance(CheckPolicy{FailureRate: b.FailureRate})
	c.Rate = tol.Rate
	h := b.History
	if h.Clumping >= 1 && h.Clumping < 1e6 {
		c.Clumping = h.Clumping
	}
	// Clumped failures are as much evidence as fewer independent ones.
	if n, k := math.Floor(h.Total/c.Clumping), math.Ceil(h.Failures/c.Clumping); n >= enoughBefore && n < 1e12 && k >= 0 && k < n {
		// The bound of the failure rate may be wrong with a tenth of alpha, as those of durations.
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
		c.read(r, w.From)
		w.trace(now)
		if w.crossed() {
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
	if c.Failures == nil { // no failures yet; an empty map is stored as none
		c.Failures = CounterValues{}
	}
	c.Known = clean(r.At)
	d := judge.CountsState{Failures: c.Failures.increase(r.Failures), Exposure: c.Total.increase(r.Total)}
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

// CounterSettings is one of "metrics": two counters that other systems keep, as PromQL on the
// guardian's series or another server's.
type CounterSettings struct {
	Name        string  `yaml:"name" required:"true" doc:"Its name in verdicts."`
	Failures    string  `yaml:"failures" required:"true" doc:"PromQL of a counter of failures, such as orders_failed_total. The increases of its series are summed, also when it is written as their sum."`
	Total       string  `yaml:"total" required:"true" doc:"PromQL of a counter of everything among which the failures are."`
	FailureRate Share   `yaml:"failure_rate" doc:"Share that may fail in good times; at most 50%."`
	Weight      float64 `yaml:"weight" doc:"Its weight among the service's checks."`
	Source      string  `yaml:"source" doc:"Which of rule_sources answers the queries; without, the guardian's own series."`
}

// DefaultCounter are the settings of a counter that sets none.
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

// EachSeries gives the expression without the sums around it, so that its result has each series:
// a sum hides which of them was reset.
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

// CounterValuesOf gives the values in the result of an expression from EachSeries.
func CounterValuesOf(v promql.Vector) CounterValues {
	all := CounterValues{}
	for _, s := range v {
		if s.H == nil && !math.IsNaN(s.F) {
			all[keyOf(s.Metric)] = s.F
		}
	}
	return all
}

// ReadingsOf gives the readings at each CounterEvery between two times, both included, from the
// results of range queries. Times before the first total are left out: they are not empty, the
// counter did not exist yet.
func ReadingsOf(failures, total promql.Matrix, from, to time.Time) []Reading {
	failed, all := valuesAt(failures), valuesAt(total)
	var readings []Reading
	for at := from; !at.After(to); at = at.Add(CounterEvery) {
		values := all[timestamp.FromTime(at)]
		if len(readings) > 0 || len(values) > 0 {
			readings = append(readings, Reading{At: at, Failures: failed[timestamp.FromTime(at)], Total: values, Empty: len(values) == 0})
		}
	}
	return readings
}

// valuesAt gives the values of counters by time in milliseconds.
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

// keyOf gives a short key for a series, because it is stored with every save of a watch.
func keyOf(series labels.Labels) string { return strconv.FormatUint(series.Hash(), 36) }

// CounterEvery is how often counters are read.
const CounterEvery = 15 * time.Second

// Policy gives the settings as watches use and store them.
func (s CounterSettings) Policy() CounterPolicy {
	return CounterPolicy{Name: s.Name, Weight: s.Weight, FailureRate: float64(s.FailureRate), Every: CounterEvery}
}
