package judge

import (
	"fmt"
	"math"
)

// canaryRatios is the number of odds ratios that Canary tests for: 2, 4, … 4096.
const canaryRatios = 12

// Canary tests whether a canary fails more often than a control over the same time (Turner, Ly,
// Grünwald 2024, one-sided). The null hypothesis is "not more often", for each block of time
// apart: what affects both, such as seasons and outside incidents, cancels out.
//
// The looks of a block are taken as independent given the rate that both share. Where failures come in
// bursts they are not: then the evidence is tempered, see Clumps. The zero value does not temper;
// its state is a CanaryState.
type Canary struct {
	// Tempering divides the logarithm of each block's evidence; 0: by 1. It may depend on earlier blocks.
	Tempering float64
}

// CanaryState is the state of a Canary: a logarithm for each alternative, and the counts of the
// control, from which the rate of the next block is predicted.
type CanaryState struct {
	S        [canaryRatios]float64 `json:"s"`
	Looks    int                   `json:"looks"` // of the control
	Failures int                   `json:"failures"`
}

// Block counts the looks of one period. Its sizes may depend on earlier looks, but not on the
// results of its own.
type Block struct {
	ControlFailures, Control int
	CanaryFailures, Canary   int
}

func (b Block) validate() error {
	if b.ControlFailures < 0 || b.ControlFailures > b.Control || b.CanaryFailures < 0 || b.CanaryFailures > b.Canary {
		return fmt.Errorf("block %+v has more failures than looks", b)
	}
	return nil
}

// Observe takes one block. A block without looks at one of the two is no evidence, but its
// counts of the control are kept.
func (c Canary) Observe(s *CanaryState, b Block) error {
	if err := b.validate(); err != nil {
		return err
	}
	if b.Control > 0 && b.Canary > 0 {
		pa := (float64(s.Failures) + 0.5) / (float64(s.Looks) + 50)
		for j := range s.S {
			pb := max(min(shiftOdds(pa, math.Exp2(float64(j+1))), 0.97), pa)
			s.S[j] += b.logE(pa, pb) / max(c.Tempering, 1)
		}
	}
	s.Looks += b.Control
	s.Failures += b.ControlFailures
	return nil
}

// logE is the logarithm of the block's e-variable for rates of control and canary.
func (b Block) logE(pa, pb float64) float64 {
	ma, mb := float64(b.Control), float64(b.Canary)
	p := (ma*pa + mb*pb) / (ma + mb)
	ya, yb := float64(b.ControlFailures), float64(b.CanaryFailures)
	return ya*math.Log(pa/p) + (ma-ya)*(math.Log1p(-pa)-math.Log1p(-p)) +
		yb*math.Log(pb/p) + (mb-yb)*(math.Log1p(-pb)-math.Log1p(-p))
}

// LogE is the natural logarithm of the evidence.
func (Canary) LogE(s CanaryState) float64 {
	sum := math.Inf(-1)
	for _, l := range s.S {
		sum = logAdd(sum, l)
	}
	return sum - math.Log(canaryRatios)
}
