package judge

import "math"

// Process is evidence that may begin to grow at any observation: a mixture over the size of
// the regression (alternatives), over its onset, and, where the rate before the deploy is only estimated, the
// smallest over what that rate may have been (nulls).
//
//	A_ij ← (A_ij + π_n)·LR_ij(x_n);   E_n = min_i G_i·(Σ_j w_j A_ij + rem_n)
//
// π is the prior of the onset: π0 on "since the deploy" and the rest evenly on the first H
// observations; rem is what of it is still to come (Shiryaev's mixture with a finite prior
// mass; Shin, Ramdas, Rinaldo 2022). For each null i the bracket is a supermartingale with
// expectation at most 1, so E reaches 1/alpha with a chance of at most alpha.
//
// A Process is immutable and may be shared; what it remembers is in a ProcessState.
type Process struct {
	nulls  []float64 // G by null
	weight []float64 // w by alternative; they add up to 1
	// factor[previous][x] holds LR by null and alternative, null by null. previous and x are 1
	// for a failure; the two previous differ in the burst-aware process only.
	factor  [2][2][]float64
	atStart float64 // π0
	horizon int     // H
}

// ProcessState is what a Process remembers: 8 bytes for each null and alternative.
type ProcessState struct {
	N    int       `json:"n"`
	Last bool      `json:"last,omitempty"` // the previous observation was a failure
	A    []float64 `json:"a,omitempty"`    // by null and alternative; empty before the first
}

// The range in which A is kept: beyond it evidence is overwhelming or gone.
const (
	vanished     = 1e-200
	overwhelming = 1e200
)

// prior is the mass of the onset at observation n, counted from 1.
func (p *Process) prior(n int) float64 {
	if n > p.horizon {
		return 0
	}
	share := (1 - p.atStart) / float64(p.horizon)
	if n == 1 {
		return p.atStart + share
	}
	return share
}

// rest is the mass of the onsets after observation n.
func (p *Process) rest(n int) float64 {
	switch {
	case n <= 0:
		return 1
	case n >= p.horizon:
		return 0
	}
	return (1 - p.atStart) * float64(p.horizon-n) / float64(p.horizon)
}

// Fits tells whether a state that was read from outside can be one of this process.
func (p *Process) Fits(s ProcessState) bool {
	if s.N < 0 || len(s.A) != 0 && len(s.A) != len(p.nulls)*len(p.weight) || len(s.A) == 0 && s.N != 0 {
		return false
	}
	for _, a := range s.A {
		if !(a >= 0 && a <= overwhelming) {
			return false
		}
	}
	return true
}

// Observe takes one observation. It allocates for the first one only. A state that does not
// fit begins afresh.
func (p *Process) Observe(s *ProcessState, fail bool) {
	if !p.Fits(*s) {
		*s = ProcessState{}
	}
	if len(s.A) == 0 {
		s.A = make([]float64, len(p.nulls)*len(p.weight))
	}
	s.N++
	begins := p.prior(s.N)
	for c, f := range p.factor[bit(s.Last)][bit(fail)] {
		a := (s.A[c] + begins) * f
		switch {
		case a < vanished:
			a = 0
		case a > overwhelming:
			a = overwhelming
		}
		s.A[c] = a
	}
	s.Last = fail
}

// LogE is the natural logarithm of the evidence; 0 for a state that does not fit. It does not
// allocate.
func (p *Process) LogE(s ProcessState) float64 {
	if !p.Fits(s) || s.N == 0 {
		return 0
	}
	least, rest := math.Inf(1), p.rest(s.N)
	for i, g := range p.nulls {
		sum := rest
		for j, w := range p.weight {
			sum += w * s.A[i*len(p.weight)+j]
		}
		least = min(least, g*sum)
	}
	return math.Log(max(least, vanished))
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// uniform gives n weights of 1/n.
func uniform(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 1 / float64(n)
	}
	return w
}
