package judge

import (
	"errors"
	"fmt"
	"math"
)

// Plan is how a stream of looks is judged.
type Plan struct {
	// NullRate is the allowed failure rate; 0: the looks are held against Before.
	NullRate  float64
	Before    History
	Tolerance Tolerance // against Before
	// Bursts says that a failure may be followed by others because of it, on a healthy target too.
	Bursts  bool
	Alpha   float64 // chance of a false Failed
	Horizon int     // looks after which it is inconclusive; missing ones do not count
	// PassRate is a failure rate that would be bad: looks that show a lower one pass early. 0:
	// never.
	PassRate float64
	Beta     float64 // chance of a false Passed
}

// Result is what a stream of looks came to.
type Result string

// The results. Continue means that the stream ended before anything was decided.
const (
	Continue     Result = "continue"
	Failed       Result = "failed"
	Passed       Result = "passed"
	Inconclusive Result = "inconclusive"
)

// Stream judges looks one by one until there is a result. It is what a watch does with one
// check, for tools that have looks and no guardian.
type Stream struct {
	plan Plan

	known     *Known // of a known rate without bursts
	threshold float64
	process   *Process // of everything else
	pass      *Pass

	at, missing, n, k int
	knownState        KnownState
	state             ProcessState
	result            Result
}

// NewStream prepares a stream; every mistake of the plan is in the error.
func NewStream(p Plan) (*Stream, error) {
	var errs []error
	if !(p.Alpha > 0 && p.Alpha < 0.5) {
		errs = append(errs, fmt.Errorf("alpha %v is not between 0 and 0.5", p.Alpha))
	}
	if p.Horizon < 1 || p.Horizon > maxHorizon {
		errs = append(errs, fmt.Errorf("horizon %d is not between 1 and %d looks", p.Horizon, maxHorizon))
	}
	s := &Stream{plan: p, result: Continue}
	if p.PassRate != 0 {
		if !(p.Beta > 0 && p.Beta < 0.5) {
			errs = append(errs, fmt.Errorf("beta %v is not between 0 and 0.5", p.Beta))
		}
		pass, err := NewPass(p.PassRate, Tempering(p.Before.Persistence()))
		errs = append(errs, err)
		s.pass = &pass
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, s.prepare()
}

// maxHorizon bounds the cost of the exact threshold.
const maxHorizon = 100_000

func (s *Stream) prepare() (err error) {
	p := s.plan
	switch {
	case p.NullRate == 0:
		if s.process, err = NewBefore(p.Before, p.Tolerance, p.Horizon, p.Bursts); err != nil {
			return err
		}
		s.state = p.Before.Begin()
	case p.Bursts:
		if s.process, err = NewBursts(p.NullRate, p.Before.Persistence(), p.Horizon); err != nil {
			return err
		}
		s.state = p.Before.Begin()
	default:
		if s.known, err = NewKnown(p.NullRate, p.Horizon); err != nil {
			return err
		}
		s.threshold = s.known.Threshold(p.Alpha)
	}
	return nil
}

// Miss counts a look that could not see: neither good nor bad.
func (s *Stream) Miss() {
	if s.result == Continue {
		s.at++
		s.missing++
	}
}

// Observe takes a look. After a result it takes nothing more.
func (s *Stream) Observe(fail bool) Result {
	if s.result != Continue {
		return s.result
	}
	s.at++
	s.n++
	s.k += bit(fail)
	var crossed bool
	if s.known != nil {
		s.known.Observe(&s.knownState, fail)
		crossed = fail && s.known.Crossed(s.knownState, s.plan.Alpha, s.threshold)
	} else {
		s.process.Observe(&s.state, fail)
		crossed = fail && s.process.LogE(s.state) >= -math.Log(s.plan.Alpha)
	}
	switch {
	case crossed:
		s.result = Failed
	case !fail && s.pass != nil && s.pass.LogE(s.n, s.k) >= -math.Log(s.plan.Beta) && s.LogE() < 0:
		s.result = Passed
	case s.n >= s.plan.Horizon:
		s.result = Inconclusive
	}
	return s.result
}

// Result is where the stream stands.
func (s *Stream) Result() Result { return s.result }

// At is the number of looks taken, missing ones included.
func (s *Stream) At() int { return s.at }

// Missing is the number of looks that could not see.
func (s *Stream) Missing() int { return s.missing }

// LogE is the natural logarithm of the evidence of a regression.
func (s *Stream) LogE() float64 {
	if s.known != nil {
		return s.known.LogE(s.knownState)
	}
	return s.process.LogE(s.state)
}

// LogPass is the natural logarithm of the evidence that failures are rarer than PassRate; 0
// without one.
func (s *Stream) LogPass() float64 {
	if s.pass == nil {
		return 0
	}
	return s.pass.LogE(s.n, s.k)
}
