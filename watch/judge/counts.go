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

// CountsPair tests whether the canary's failures per exposure are more than ratio times the
// control's. Given the failures of both in a reading, the canary's part is binomial, whatever
// the rate is: what affects both, such as seasons and incidents, cancels out. It is exact for
// Poisson counts and conservative for failures among requests.
type CountsPair struct {
	ratio, phi float64
}

// CountsPairState is the state of a CountsPair: a logarithm for each alternative.
type CountsPairState struct {
	L [rateRatios]float64 `json:"l"`
}

// NewCountsPair makes the test for a tolerated ratio of at least 1 and a tempering of at least 1.
func NewCountsPair(ratio, phi float64) (CountsPair, error) {
	if !(ratio >= 1) || math.IsInf(ratio, 0) {
		return CountsPair{}, errors.New("tolerated ratio is not at least 1")
	}
	if !(phi >= 1) || math.IsInf(phi, 0) {
		return CountsPair{}, errors.New("tempering is not at least 1")
	}
	return CountsPair{ratio, phi}, nil
}

// Observe takes one reading: failures and exposure of control and canary since the last. A
// reading without exposure of one of them is no evidence.
func (t CountsPair) Observe(s *CountsPairState, control, canary CountsState) {
	if !(control.Exposure > 0) || !(canary.Exposure > 0) {
		return
	}
	null := t.share(t.ratio, control, canary)
	for j := range s.L {
		q := t.share(t.ratio*rateRatio(j), control, canary)
		s.L[j] += (canary.Failures*math.Log(q/null) + control.Failures*(math.Log1p(-q)-math.Log1p(-null))) / t.phi
	}
}

// share is the part of all failures that the canary has at a rate ratio.
func (CountsPair) share(ratio float64, control, canary CountsState) float64 {
	return canary.Exposure * ratio / (control.Exposure + canary.Exposure*ratio)
}

// LogE is the natural logarithm of the evidence.
func (t CountsPair) LogE(s CountsPairState) float64 {
	sum := math.Inf(-1)
	for _, l := range s.L {
		sum = logAdd(sum, l)
	}
	return sum - math.Log(rateRatios)
}
