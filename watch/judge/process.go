package judge

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
)

// Process is the evidence of a regression that may begin at any observation: a mixture over the
// size of the regression (alternatives) and over its onset, and the minimum over the rates that
// the check may have had before the deploy (nulls), where that is not known exactly.
//
//	A_ij ← (A_ij + π_n)·LR_ij(x_n);   E_n = min_i G_i·(Σ_j w_ij A_ij + rem_n)
//
// π is the prior of the onset: π0 on the deploy itself and the rest evenly on the first H
// observations; rem is the prior of the observations still to come (Shiryaev's mixture with a
// finite prior mass; Shin, Ramdas, Rinaldo 2022). An outage since the deploy has an onset of its
// own: one of the first observations. For each null i the bracket is a
// supermartingale with expectation at most 1, so E reaches 1/alpha with a chance of at most
// alpha.
//
// A Process is immutable and may be shared; its state is a ProcessState.
type Process struct {
	nulls  []float64 // G by null
	weight []float64 // w by null and alternative; those of a null add up to 1
	// factor[previous][x] is LR by null and alternative. previous and x are 1 for a failure;
	// previous matters only when failures come in bursts.
	factor  [2][2][]float64
	atStart float64 // π0
	horizon int     // H
	// outage reports that the first alternative of each null is an outage since the deploy.
	outage bool
}

// ProcessState is the state of a Process: 8 bytes for each null and alternative.
type ProcessState struct {
	N    int    `json:"n"`
	Last bool   `json:"last,omitempty"` // the previous observation was a failure
	A    Floats `json:"a,omitempty"`    // by null and alternative; empty before the first
}

// Floats is written to JSON as base64 of its bytes: half the size of decimal digits, and exact.
type Floats []float64

// MarshalText implements encoding.TextMarshaler.
func (f Floats) MarshalText() ([]byte, error) {
	raw := make([]byte, 0, 8*len(f))
	for _, v := range f {
		raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(v))
	}
	return base64.StdEncoding.AppendEncode(nil, raw), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *Floats) UnmarshalText(b []byte) error {
	raw, err := base64.StdEncoding.AppendDecode(nil, b)
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	if len(raw)%8 != 0 {
		return fmt.Errorf("evidence of %d bytes is cut off", len(raw))
	}
	*f = make(Floats, len(raw)/8)
	for i := range *f {
		(*f)[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
	}
	return nil
}

// The range in which A is kept: beyond it, evidence is overwhelming or none.
const (
	vanished     = 1e-200
	overwhelming = 1e200
)

// onsetPrior is the prior of the onset: a part on the first observation, and the rest evenly on
// the first horizon ones.
type onsetPrior struct {
	atStart float64
	horizon int
}

// at is the prior probability of an onset at observation n, counted from 1.
func (p onsetPrior) at(n int) float64 {
	if n > p.horizon {
		return 0
	}
	share := (1 - p.atStart) / float64(p.horizon)
	if n == 1 {
		return p.atStart + share
	}
	return share
}

// after is the prior probability of an onset after observation n.
func (p onsetPrior) after(n int) float64 {
	switch {
	case n <= 0:
		return 1
	case n >= p.horizon:
		return 0
	}
	return (1 - p.atStart) * float64(p.horizon-n) / float64(p.horizon)
}

func (p *Process) prior(n int) float64 { return onsetPrior{p.atStart, p.horizon}.at(n) }

func (p *Process) rest(n int) float64 { return onsetPrior{p.atStart, p.horizon}.after(n) }

// outagePrior is the prior probability that an outage since the deploy begins at observation n, and
// after it: most begin with the first look, some need a moment.
func outagePrior(n int) (begins, rest float64) {
	switch n {
	case 1:
		return 0.8, 0.2
	case 2:
		return 0.15, 0.05
	case 3:
		return 0.05, 0
	default:
		return 0, 0
	}
}

// Fits reports whether a stored state can be one of this process. It is checked once, when the
// state is read.
func (p *Process) Fits(s ProcessState) bool {
	if s.N < 0 || !p.sized(s) {
		return false
	}
	for _, a := range s.A {
		if !(a >= 0 && a <= overwhelming) {
			return false
		}
	}
	return true
}

// sized reports whether a state has the size of this process or is the zero state.
func (p *Process) sized(s ProcessState) bool {
	return len(s.A) == len(p.weight) || len(s.A) == 0 && s.N == 0
}

// Observe takes one observation and gives LogE after it. It allocates for the first one only. A
// state of another size is reset.
func (p *Process) Observe(s *ProcessState, fail bool) float64 {
	if !p.sized(*s) {
		*s = ProcessState{}
	}
	if len(s.A) == 0 {
		s.A = make(Floats, len(p.weight))
	}
	s.N++
	begins, rest := p.prior(s.N), p.rest(s.N)
	outage, outageRest := outagePrior(s.N)
	factors := p.factor[bit(s.Last)][bit(fail)]
	s.Last = fail
	least, width := math.Inf(1), len(p.weight)/len(p.nulls)
	for i, g := range p.nulls {
		a, f, w := s.A[i*width:(i+1)*width], factors[i*width:(i+1)*width], p.weight[i*width:(i+1)*width]
		sum := rest
		if p.outage {
			a[0] = inRange((a[0] + outage) * f[0])
			sum = w[0]*(a[0]+outageRest) + (1-w[0])*rest
			a, f, w = a[1:], f[1:], w[1:]
		}
		for c := range a {
			v := inRange((a[c] + begins) * f[c])
			a[c] = v
			sum += w[c] * v
		}
		least = min(least, g*sum)
	}
	return math.Log(max(least, vanished))
}

func inRange(a float64) float64 {
	switch {
	case a < vanished:
		return 0
	case a > overwhelming:
		return overwhelming
	}
	return a
}

// LogE is the natural logarithm of the evidence; 0 for a state of another size. It does not
// allocate.
func (p *Process) LogE(s ProcessState) float64 {
	if !p.sized(s) || s.N == 0 {
		return 0
	}
	rest, least, width := p.rest(s.N), math.Inf(1), len(p.weight)/len(p.nulls)
	_, outageRest := outagePrior(s.N)
	for i, g := range p.nulls {
		a, w := s.A[i*width:(i+1)*width], p.weight[i*width:(i+1)*width]
		sum := rest
		if p.outage {
			sum = w[0]*(a[0]+outageRest) + (1-w[0])*rest
			a, w = a[1:], w[1:]
		}
		for c := range a {
			sum += w[c] * a[c]
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
