package watch

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/promql"

	"guardian/watch/judge"
)

// CounterEvery is how often counters and numbers are read.
const CounterEvery = 15 * time.Second

// CounterValues are the values of a counter by series, under any stable key (see keyOf). Series
// are kept apart because the sum of three instances falls when one of them restarts.
type CounterValues map[string]float64

// Reading is the values of one of metrics at a time: of a pair of counters, or of a number. One
// without any series is Empty; a query that failed gives no Reading.
type Reading struct {
	At              time.Time
	Failures, Total CounterValues
	Values          CounterValues // of a number
	Empty           bool
	// Excluded is a reading of a period that does not count, see Snapshot.
	Excluded bool
}

// maxGap is the distance of two readings from which on the increase between them is not used.
const maxGap = 4 * CounterEvery

// CounterHistory sums up the readings before a deploy.
type CounterHistory struct {
	Failures float64 `json:"failures"`
	Total    float64 `json:"total"`
	// Clumping is how much failures come in clumps, see judge.Clumping; Batch are the failures of
	// the one stretch that it leaves out.
	Clumping float64 `json:"clumping"`
	Batch    float64 `json:"batch,omitempty"`
	// Falls counts how often a series fell without beginning at zero, of so many Changes: a
	// gauge does, a counter does not.
	Falls   int `json:"falls,omitempty"`
	Changes int `json:"changes,omitempty"`
	// Empty counts the readings that were empty.
	Empty judge.History `json:"empty"`
}

// NewCounterHistory makes a history of readings, oldest first. The increase between two readings
// that are a minute apart or more is left out: there are excluded periods between them.
func NewCounterHistory(readings []Reading) CounterHistory {
	h, _ := newCounterHistory(readings, everySeries)
	return h
}

func everySeries(string) bool { return true }

// step is what a pair of counters counted between two readings.
type step struct {
	judge.Increment
	took  time.Duration
	after bool // it follows the step before without a gap
}

func newCounterHistory(readings []Reading, mine func(series string) bool) (CounterHistory, []step) {
	var h CounterHistory
	var steps []step
	var known time.Time
	failures, total := counterSeries{values: CounterValues{}}, counterSeries{values: CounterValues{}}
	gap := true
	for _, r := range readings {
		if !r.Excluded {
			h.Empty.Observe(r.Empty)
		}
		if r.Empty {
			continue
		}
		s := step{took: r.At.Sub(known), after: !gap}
		s.Failures, _ = failures.increase(r.Failures, mine)
		s.Exposure, _ = total.increase(r.Total, mine)
		if gap = known.IsZero() || r.At.Sub(known) >= maxGap || r.Excluded; !gap {
			steps = append(steps, s)
			h.Failures += s.Failures
			h.Total += s.Exposure
		}
		if known = r.At; r.Excluded {
			known = time.Time{}
		}
	}
	h.Falls, h.Changes = failures.falls+total.falls, failures.changes+total.changes
	increments := make([]judge.Increment, len(steps))
	for i, s := range steps {
		increments[i] = s.Increment
	}
	h.Clumping, h.Batch = judge.Clumping(increments)
	return h, steps
}

// isGauge reports whether the readings are those of a gauge: a series that falls, and not only
// when it begins at zero again.
func (h CounterHistory) isGauge() bool {
	const often, part = 3, 0.1
	return h.Falls >= often && float64(h.Falls) >= part*float64(h.Changes)
}

// counterSeries are the series of a counter.
type counterSeries struct {
	values         CounterValues
	falls, changes int
}

// increase gives by how much the series have grown, those of mine and the others, and keeps
// their new values. A series that is lower than before was reset, and a new one began: both
// count from zero. One that fell by less than half is a sum in which an instance was reset, or
// no counter: it counts nothing. A series that was missing for a while continues from its last
// value.
func (s *counterSeries) increase(now CounterValues, mine func(series string) bool) (own, others float64) {
	for series, v := range now {
		if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			continue
		}
		was, known := s.values[series]
		if bare, _, split := strings.Cut(series, shopMark); !known && split {
			was = s.values[bare] // as it was stored before series had shops
			delete(s.values, bare)
		}
		if v != was {
			s.changes++
		}
		if v < was {
			fell := v > was/2
			if fell {
				s.falls++
			}
			if was = 0; fell && v >= manyCounted {
				was = v
			}
		}
		if mine(series) {
			own += v - was
		} else {
			others += v - was
		}
		s.values[series] = v
	}
	return own, others
}

// manyCounted is how much a counter does not count between its start and the next reading.
const manyCounted = 100

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

// valuesAt gives the values of series by time in milliseconds.
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

// readingsAt gives the readings at each CounterEvery between two times, both included. Times
// before the first value are left out: they are not empty, there was no metric yet.
func readingsAt(from, to time.Time, read func(ms int64) Reading) []Reading {
	var readings []Reading
	for at := from; !at.After(to); at = at.Add(CounterEvery) {
		if r := read(timestamp.FromTime(at)); len(readings) > 0 || !r.Empty {
			r.At = at
			readings = append(readings, r)
		}
	}
	return readings
}

// shopMark is between the hash of a series and its shop.
const shopMark = "@"

// keyOf gives a short key for a series with its shop, because it is stored with every save of a
// watch.
func keyOf(series labels.Labels) string {
	key := strconv.FormatUint(series.Hash(), 36)
	if shop := series.Get("shop"); shop != "" {
		key += shopMark + shop
	}
	return key
}

// mine tells which series a deploy to these shops reaches.
func mine(shops []string) func(series string) bool {
	if len(shops) == 0 {
		return everySeries
	}
	return func(series string) bool {
		_, shop, ok := strings.Cut(series, shopMark)
		return !ok || slices.Contains(shops, shop)
	}
}
