package judge

import (
	"fmt"
	"math"
)

// Pass tests whether failures are rarer than the failure rate of a clearly bad deploy: the
// counterpart (non-inferiority) of the tests for a regression, with which the watch of a healthy
// deploy can end its fast phase.
//
// Null: each look fails with a chance of at least bad. The evidence is the likelihood ratio
// against bad/100, bad/8 and bad/3, tempered: its logarithm is divided by phi, since with bursts
// of failures the quiet periods of healthy and bad deploys look the same. Without tempering, a
// bad deploy with bursts of 3 passes in 31 % of cases at a nominal 1 %.
//
// A Pass can only end a fast phase: it does not cover faults that begin later. It should also
// wait for a minimum duration and for evidence of a regression below 1.
type Pass struct {
	phi float64
	alt [3]alternative
}

// NewPass makes the test for a bad rate in [MinRate, MaxRate] and a tempering of at least 1.
func NewPass(bad, phi float64) (Pass, error) {
	if !(bad >= MinRate && bad <= MaxRate) {
		return Pass{}, fmt.Errorf("bad rate %v is not between %v and %v", bad, MinRate, MaxRate)
	}
	if !(phi >= 1) || math.IsInf(phi, 0) {
		return Pass{}, fmt.Errorf("tempering %v is not at least 1", phi)
	}
	t := Pass{phi: phi}
	for j, part := range []float64{100, 8, 3} {
		p := bad / part
		t.alt[j] = alternative{fail: -math.Log(part), ok: math.Log1p(-p) - math.Log1p(-bad)}
	}
	return t, nil
}

// Tempering is the phi for a persistence of failures: (1+ρ)/(1-ρ) for correlation ρ, at least 3.
func Tempering(persistence float64) float64 { return max(3, 2/(1-persistence)-1) }

// LogE is the natural logarithm of the evidence after n looks, k of them failures. At
// ln(1/beta), a bad deploy passes with a chance of at most beta.
func (t Pass) LogE(n, k int) float64 {
	sum := math.Inf(-1)
	for _, a := range t.alt {
		sum = logAdd(sum, (float64(k)*a.fail+float64(n-k)*a.ok)/t.phi)
	}
	return sum - math.Log(float64(len(t.alt)))
}
