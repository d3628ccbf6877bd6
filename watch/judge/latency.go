package judge

import (
	"fmt"
	"math"
	"slices"
)

// Latency tests whether looks take longer than before the deploy, for any distribution of
// latencies: it counts how often the median, the 90th and the 99th percentile of before are
// exceeded, and averages the evidence of the three.
//
// How often healthy looks exceed an order statistic is uncertain; its exact bound (a Beta
// quantile) costs a tenth of alpha. A slow look is often followed by another one: with Bursts, the
// persistence of the looks over each percentile is taken from before the deploy.
type Latency struct {
	limits [3]float64 // seconds
	known  [3]*Known  // without Bursts
	bursts [3]*Process
}

// LatencyState is the state of a Latency.
type LatencyState struct {
	Over [3]KnownState   `json:"over,omitzero"` // without Bursts
	Runs [3]ProcessState `json:"runs,omitzero"`
}

// LatencyPlan is how latencies are judged.
type LatencyPlan struct {
	// A look exceeds a percentile when it is longer by both the tolerated part and the tolerated
	// seconds.
	Part, Seconds float64
	Alpha         float64 // of the watch
	Horizon       int     // planned looks
	Bursts        bool    // slow looks may follow each other at a healthy target too
}

// MinLatencies is how many latencies before the deploy are needed.
const MinLatencies = 20

// NewLatency makes the test from the latencies before the deploy, in seconds and in their order. A
// look that failed has none.
func NewLatency(before []float64, p LatencyPlan) (*Latency, error) {
	before = slices.DeleteFunc(slices.Clone(before), func(x float64) bool { return !hasDuration(x) })
	n := len(before)
	switch {
	case n < MinLatencies:
		return nil, fmt.Errorf("%d latencies before the deploy: at least %d are needed", n, MinLatencies)
	case !(p.Part >= 0) || !(p.Seconds >= 0):
		return nil, fmt.Errorf("tolerated latency of %v and %v s is negative", p.Part, p.Seconds)
	case !(p.Alpha > 0 && p.Alpha < 1):
		return nil, fmt.Errorf("alpha %v is not between 0 and 1", p.Alpha)
	}
	sorted := slices.Sorted(slices.Values(before))
	t := &Latency{}
	persistence := 0.0
	for i, percent := range []int{50, 90, 99} {
		k := (percent*n + 99) / 100
		x := sorted[k-1]
		t.limits[i] = max(x*(1+p.Part), x+p.Seconds)
		var h History
		var long Runs
		if p.Bursts {
			for _, seconds := range before {
				long.ObserveLong(h, seconds > x)
				h.Observe(seconds > x)
			}
		}
		alike := h.Clustering()
		null := min(max(betaUpper(p.Alpha/30, float64(n-k+1)/alike, float64(k)/alike), MinRate), MaxRate)
		var err error
		if !p.Bursts {
			t.known[i], err = NewKnown(null, p.Horizon)
		} else {
			// Looks over a high percentile are few: they persist no less than those over a lower one.
			persistence = max(persistence, h.PersistenceWith(long), min(null, maxPersistence))
			t.bursts[i], err = NewBursts(null, persistence, p.Horizon)
		}
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// hasDuration reports whether a latency is one: a look that timed out has none.
func hasDuration(seconds float64) bool { return seconds >= 0 && !math.IsInf(seconds, 1) }

// Observe takes one look's latency in seconds. One that is not finite is none: the look failed, which
// is for the test of failures.
func (t *Latency) Observe(s *LatencyState, seconds float64) {
	if !hasDuration(seconds) {
		return
	}
	for i, limit := range t.limits {
		if t.bursts[i] != nil {
			t.bursts[i].Observe(&s.Runs[i], seconds > limit)
		} else {
			t.known[i].Observe(&s.Over[i], seconds > limit)
		}
	}
}

// LogE is the natural logarithm of the evidence, less the tenth of alpha that the limits cost:
// compare it with ln(1/alpha) for the alpha of NewLatency.
func (t *Latency) LogE(s LatencyState) float64 {
	sum := math.Inf(-1)
	for i := range t.limits {
		if t.bursts[i] != nil {
			sum = logAdd(sum, t.bursts[i].LogE(s.Runs[i]))
		} else {
			sum = logAdd(sum, t.known[i].LogE(s.Over[i]))
		}
	}
	return math.Log(0.9) + sum - math.Log(float64(len(t.limits)))
}
