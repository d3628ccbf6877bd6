package judge

import (
	"fmt"
	"math"
)

// latePart is the part of alpha that is spent on faults that begin after the deploy. With a
// fifth, a fault at the deploy is found at 1.2 times Wald's bound, and one that begins two
// hundred looks later within half the looks that it takes otherwise.
const latePart = 0.2

// Known tests whether failures come more often than a known rate allows, since the deploy or
// since some later moment: OneSample for the one, a Process with an even onset for the other.
type Known struct {
	now     OneSample
	late    Process
	horizon int
}

// KnownState is what a Known test remembers.
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
	rates := grid(p0, nil)
	late := Process{nulls: []float64{1}, weight: uniform(len(rates)), horizon: horizon}
	fails, oks := make([]float64, len(rates)), make([]float64, len(rates))
	for j, p := range rates {
		fails[j], oks[j] = p/p0, (1-p)/(1-p0)
	}
	for previous := range 2 {
		late.factor[previous] = [2][]float64{oks, fails}
	}
	return &Known{now: now, late: late, horizon: horizon}, nil
}

// Fits tells whether a state that was read from outside can be one of this test.
func (t *Known) Fits(s KnownState) bool {
	return 0 <= s.K && s.K <= s.N && t.late.Fits(s.process())
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

// LogE is the logarithm of the evidence of both parts together, which reaches 1/alpha with
// a chance of at most alpha and may be averaged with that of other tests.
func (t *Known) LogE(s KnownState) float64 {
	return logAdd(math.Log(1-latePart)+t.now.LogE(s.N, s.K), math.Log(latePart)+t.late.LogE(s.process()))
}

// mostExact bounds what an exact threshold may cost, in observations times failures: a second.
const mostExact = 1e8

// Threshold is that of OneSample for the part of alpha that is spent on faults since the
// deploy, within the planned observations. It costs milliseconds; the caller keeps it for Crossed.
// Where so many observations are planned that it would cost seconds it is the plain one.
func (t *Known) Threshold(alpha float64) float64 {
	alpha *= 1 - latePart
	if n := float64(t.horizon); n*n*t.now.p0 > mostExact {
		return -math.Log(alpha)
	}
	return t.now.Threshold(alpha, t.horizon)
}

// Crossed tells whether the test alone has found a regression: the first part by the exact
// threshold given (from Threshold, for the same alpha), the second by the plain one. Each keeps
// its part of alpha. The exact threshold knows nothing of looks beyond the planned ones: after
// them the second part, which covers every onset, goes on alone.
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
