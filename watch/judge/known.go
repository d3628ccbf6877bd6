package judge

import (
	"fmt"
	"math"
)

// latePart is the part of alpha for faults that begin after the deploy. With a fifth, a fault that
// begins with the deploy is found at 1.2 times Wald's bound, and one that begins two hundred
// looks later in half the looks that it would take without.
const latePart = 0.2

// Known tests whether failures come more often than a known rate allows, since the deploy (a
// OneSample) or since any later look (a Process).
type Known struct {
	now     OneSample
	late    Process
	horizon int
}

// KnownState is the state of a Known test.
type KnownState struct {
	N    int       `json:"n"` // judged observations
	K    int       `json:"k"` // failures among them
	Late []float64 `json:"late,omitempty"`
}

// NewKnown makes the test for a null rate between MinRate and MaxRate and a planned number
// of observations; there may be more, but a fault that begins after them is found later.
func NewKnown(p0 float64, horizon int) (*Known, error) {
	if horizon < 1 {
		return nil, fmt.Errorf("horizon of %d observations: at least 1", horizon)
	}
	now, err := NewOneSample(p0)
	if err != nil {
		return nil, err
	}
	late := newBuilder(horizon, false)
	late.process.atStart = 0
	return &Known{now: now.withSmall(), late: *late.build([]null{{1, p0, 0}}), horizon: horizon}, nil
}

func (s KnownState) process() ProcessState { return ProcessState{N: s.N, A: s.Late} }

// Observe takes one observation. It allocates for the first one only.
func (t *Known) Observe(s *KnownState, fail bool) {
	p := s.process()
	t.late.Observe(&p, fail)
	s.N++
	s.K += bit(fail)
	s.Late = p.A
}

// LogE is the natural logarithm of the evidence of both parts, which reaches 1/alpha with a
// chance of at most alpha and may be averaged with that of other tests.
func (t *Known) LogE(s KnownState) float64 {
	return logAdd(math.Log(1-latePart)+t.now.LogE(s.N, s.K), math.Log(latePart)+t.late.LogE(s.process()))
}

// maxExactCost bounds the cost of an exact threshold, in observations times failures, to a second.
const maxExactCost = 1e8

// Threshold is that of OneSample for the part of alpha for faults that begin with the deploy,
// within the planned observations. It costs milliseconds; keep it for Crossed. With so many
// planned observations that it would cost seconds, it is ln(1/alpha).
func (t *Known) Threshold(alpha float64) float64 {
	alpha *= 1 - latePart
	if n := float64(t.horizon); n*n*t.now.p0 > maxExactCost {
		return -math.Log(alpha)
	}
	return t.now.Threshold(alpha, t.horizon)
}

// Crossed reports whether the test alone has found a regression: its first part at the exact
// threshold (from Threshold, for the same alpha), its second at ln(1/alpha). Each keeps its
// part of alpha. The exact threshold does not hold beyond the planned observations: after
// them only the second part, which covers every onset, goes on.
func (t *Known) Crossed(s KnownState, alpha, threshold float64) bool {
	return s.N <= t.horizon && t.now.LogE(s.N, s.K) >= threshold ||
		t.late.LogE(s.process()) >= -math.Log(latePart*alpha)
}

// logAdd is ln(e^a + e^b).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(a, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
