package judge

import (
	"errors"
	"math"
)

// rateRatios is the number of rate ratios that the tests of counts test for: 1.5, 3, 6, … up to
// 3072.
const rateRatios = 12

func rateRatio(j int) float64 { return 1.5 * math.Exp2(float64(j)) }

// Counts tests whether failures come more often, per unit of exposure (orders, requests,
// seconds), than a known rate allows: a mixture of Poisson likelihood ratios over rate ratios
// (Lindon and Malek 2022, one-sided).
//
// Failures that come in clumps (retries) are tempered by phi, which is at least E[C²]/E[C] for
// clumps of the size C.
type Counts struct {
	rate, phi float64
}

// CountsState is the state of a Counts: the sums of the increments. The increment of a counter
// that was reset is its new value; after a missed reading it covers the time since the last.
type CountsState struct {
	Failures float64 `json:"failures"`
	Exposure float64 `json:"exposure"`
}

// NewCounts makes the test for an allowed rate over 0 and a tempering of at least 1.
func NewCounts(rate, phi float64) (Counts, error) {
	if !(rate > 0) || math.IsInf(rate, 0) {
		return Counts{}, errors.New("allowed rate of failures is not over 0")
	}
	if !(phi >= 1) || math.IsInf(phi, 0) {
		return Counts{}, errors.New("tempering is not at least 1")
	}
	return Counts{rate, phi}, nil
}

// LogE is the natural logarithm of the evidence.
func (t Counts) LogE(s CountsState) float64 {
	sum := math.Inf(-1)
	for j := range rateRatios {
		r := rateRatio(j)
		sum = logAdd(sum, (s.Failures*math.Log(r)-(r-1)*t.rate*s.Exposure)/t.phi)
	}
	return sum - math.Log(rateRatios)
}

// UpperRate is an upper bound of the rate of failures that are tempered by phi: the rate is above
// it with a chance of at most alpha. It is Garwood's exact bound (1936) for failures/phi
// clumps, computed as the binomial bound for very small pieces of exposure.
func (s CountsState) UpperRate(phi, alpha float64) float64 {
	clumps := s.Failures / phi
	pieces := 1e6 * (clumps + 1)
	return betaUpper(alpha, clumps+1, pieces-clumps) * pieces * phi / s.Exposure
}

// Clumping estimates phi from the counts of baseline readings: one and a half times their
// index of dispersion, at least 1.
func Clumping(counts []float64) float64 {
	n := float64(len(counts))
	if n < 2 {
		return 1
	}
	mean, ss := 0.0, 0.0
	for _, c := range counts {
		mean += c / n
	}
	for _, c := range counts {
		ss += (c - mean) * (c - mean)
	}
	if mean == 0 {
		return 1
	}
	return max(1, 1.5*ss/(n-1)/mean)
}
