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
// quantile) costs a tenth of alpha.
type Latency struct {
	limits [3]float64 // seconds
	tests  [3]*Known
}

// LatencyState is the state of a Latency.
type LatencyState struct {
	Over [3]KnownState `json:"over"`
}

// MinLatencies is how many latencies before the deploy are needed.
const MinLatencies = 20

// NewLatency makes the test from latencies before the deploy, in seconds, for a watch with this
// alpha. A look exceeds a percentile when it is longer by both the tolerated part and the
// tolerated seconds.
func NewLatency(before []float64, part, seconds, alpha float64, horizon int) (*Latency, error) {
	n := len(before)
	switch {
	case n < MinLatencies:
		return nil, fmt.Errorf("%d latencies before the deploy: at least %d are needed", n, MinLatencies)
	case !(part >= 0) || !(seconds >= 0):
		return nil, fmt.Errorf("tolerated latency of %v and %v s is negative", part, seconds)
	case !(alpha > 0 && alpha < 1):
		return nil, fmt.Errorf("alpha %v is not between 0 and 1", alpha)
	}
	sorted := slices.Sorted(slices.Values(before))
	t := &Latency{}
	for i, percent := range []int{50, 90, 99} {
		k := (percent*n + 99) / 100
		x := sorted[k-1]
		t.limits[i] = max(x*(1+part), x+seconds)
		null := betaUpper(alpha/30, float64(n-k+1), float64(k))
		test, err := NewKnown(min(max(null, MinRate), MaxRate), horizon)
		if err != nil {
			return nil, err
		}
		t.tests[i] = test
	}
	return t, nil
}

// Observe takes one look's latency in seconds; math.Inf(1) for a look that failed or timed out.
func (t *Latency) Observe(s *LatencyState, seconds float64) {
	for i, test := range t.tests {
		test.Observe(&s.Over[i], seconds > t.limits[i])
	}
}

// LogE is the natural logarithm of the evidence, less the tenth of alpha that the limits cost:
// compare it with ln(1/alpha) for the alpha of NewLatency.
func (t *Latency) LogE(s LatencyState) float64 {
	sum := math.Inf(-1)
	for i, test := range t.tests {
		sum = logAdd(sum, test.LogE(s.Over[i]))
	}
	return math.Log(0.9) + sum - math.Log(float64(len(t.tests)))
}
