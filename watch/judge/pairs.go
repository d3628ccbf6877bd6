package judge

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Pairs tests whether one group counts failures more often, per unit of exposure, than a control
// does over the same time: given the failures of both, how many of them are the group's does not
// depend on the rate that they share (Lindon and Malek 2022, one-sided). The alternatives, the
// onset and the tempering are those of Counts.
type Pairs struct {
	ratio, phi float64
	onset      onsetPrior
}

// PairsState is the state of a Pairs: the readings so far, and ln A_j by rate ratio.
type PairsState struct {
	N int    `json:"n,omitempty"`
	A Floats `json:"a,omitempty"`
}

// NewPairs makes the test for a tolerated rate ratio and a tempering of at least 1, and a planned
// number of readings.
func NewPairs(ratio, phi float64, horizon int) (Pairs, error) {
	switch {
	case !(ratio >= 1) || math.IsInf(ratio, 0):
		return Pairs{}, errors.New("tolerated ratio is not at least 1")
	case !(phi >= 1) || math.IsInf(phi, 0):
		return Pairs{}, errors.New("tempering is not at least 1")
	case horizon < 1:
		return Pairs{}, fmt.Errorf("horizon of %d readings: at least 1", horizon)
	}
	return Pairs{ratio, phi, onsetPrior{sinceDeploy, horizon}}, nil
}

// Observe takes what both counted between two readings. Without exposure of both there is nothing
// to compare.
func (t Pairs) Observe(s *PairsState, control, group Increment) {
	if !(control.Exposure > 0) || !(group.Exposure > 0) {
		return
	}
	if len(s.A) != rateRatios {
		*s = PairsState{A: slices.Repeat([]float64{math.Inf(-1)}, rateRatios)}
	}
	s.N++
	begins := math.Log(t.onset.at(s.N))
	share := func(ratio float64) float64 {
		return group.Exposure * ratio / (control.Exposure + group.Exposure*ratio)
	}
	null := share(t.ratio)
	for j := range s.A {
		q := share(t.ratio * rateRatio(j))
		is := group.Failures*math.Log(q/null) + control.Failures*(math.Log1p(-q)-math.Log1p(-null))
		s.A[j] = logAdd(s.A[j], begins) + min(is/t.phi, mostOfReading)
	}
}

// LogE is the natural logarithm of the evidence.
func (t Pairs) LogE(s PairsState) float64 {
	if len(s.A) != rateRatios {
		return 0
	}
	sum := math.Inf(-1)
	for _, a := range s.A {
		sum = logAdd(sum, a)
	}
	return logAdd(sum-math.Log(rateRatios), math.Log(t.onset.after(s.N)))
}
