package judge

import (
	"errors"
	"fmt"
	"math"
)

// Plan is how a stream of looks is judged.
type Plan struct {
	// NullRate is the allowed failure rate; 0: the looks are compared with Before.
	NullRate  float64
	Before    History
	Tolerance Tolerance // against Before
	// Bursts allows failures to come in bursts on a healthy target too.
	Bursts  bool
	Alpha   float64 // chance of a false Failed
	Horizon int     // looks, including missing ones, after which it is inconclusive
	// PassRate is the failure rate of a clearly bad deploy: looks that show a lower one pass
	// early. 0: never.
	PassRate float64
	Beta     float64 // chance of a false Passed
}

// Result is the result of a stream of looks.
type Result string

// The results; Continue until one of the others is reached.
const (
	Continue     Result = "continue"
	Failed       Result = "failed"
	Passed       Result = "passed"
	Inconclusive Result = "inconclusive"
)

// Test is a Plan made ready to judge looks: immutable, and shared by any number of streams.
type Test struct {
	plan Plan

	known     *Known // of a known rate without bursts
	threshold float64
	process   *Process // of everything else
	pass      *Pass
}

// Stream judges looks one by one until there is a result, as a watch does with one check; it is
// for tools that have looks of their own.
type Stream struct {
	test *Test

	at, missing, n, k int
	knownState        KnownState
	state             ProcessState
	result            Result
}

// NewStream begins a stream with a test of its own; the error lists every mistake of the plan.
func NewStream(p Plan) (*Stream, error) {
	t, err := NewTest(p)
	if err != nil {
		return nil, err
	}
	return t.Stream(), nil
}

// maxHorizon is a week of looks, sixteen each second.
const maxHorizon = 10_000_000

// NewTest makes a test; the error lists every mistake of the plan. A known rate without bursts
// costs milliseconds, anything else a tenth of one.
func NewTest(p Plan) (*Test, error) {
	var errs []error
	if !(p.Alpha > 0 && p.Alpha < 0.5) {
		errs = append(errs, fmt.Errorf("alpha %v is not between 0 and 0.5", p.Alpha))
	}
	if p.Horizon < 1 || p.Horizon > maxHorizon {
		errs = append(errs, fmt.Errorf("horizon %d is not between 1 and %d looks", p.Horizon, maxHorizon))
	}
	if p.NullRate != 0 && !(p.NullRate >= MinRate && p.NullRate <= MaxRate) {
		errs = append(errs, fmt.Errorf("null rate %v is not between %v and %v", p.NullRate, MinRate, MaxRate))
	}
	if p.NullRate == 0 {
		errs = append(errs, p.Tolerance.validate())
	}
	if p.PassRate != 0 {
		if !(p.Beta > 0 && p.Beta < 0.5) {
			errs = append(errs, fmt.Errorf("beta %v is not between 0 and 0.5", p.Beta))
		}
		_, err := NewPass(p.PassRate, 1)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	t := &Test{plan: p}
	if p.NullRate != 0 && !p.Bursts {
		known, err := NewKnown(p.NullRate, p.Horizon)
		if err != nil {
			return nil, err
		}
		t.known, t.threshold = known, known.Threshold(p.Alpha)
	}
	return t, t.setHistory(p.Before)
}

// WithHistory gives the same test for another history. What does not depend on it is shared.
func (t *Test) WithHistory(h History) (*Test, error) {
	other := *t
	if err := other.setHistory(h); err != nil {
		return nil, err
	}
	return &other, nil
}

// setHistory makes the parts that depend on the history.
func (t *Test) setHistory(h History) (err error) {
	t.plan.Before = h
	p := t.plan
	if p.PassRate != 0 {
		pass, err := NewPass(p.PassRate, Tempering(h.Persistence()))
		if err != nil {
			return err
		}
		t.pass = &pass
	}
	switch {
	case t.known != nil:
	case p.NullRate != 0:
		t.process, err = NewBursts(p.NullRate, h.Persistence(), p.Horizon)
	default:
		t.process, err = NewBefore(h, p.Tolerance, p.Horizon, p.Bursts)
	}
	return err
}

// Stream begins a stream.
func (t *Test) Stream() *Stream {
	return &Stream{test: t, state: t.plan.Before.Begin(), result: Continue}
}

// Miss counts a look without a result: neither good nor bad. It counts towards the horizon, so
// that a stream without results ends inconclusive.
func (s *Stream) Miss() Result {
	if s.result == Continue {
		s.at++
		s.missing++
		s.end()
	}
	return s.result
}

// Observe takes a look. After a result, looks are ignored.
func (s *Stream) Observe(fail bool) Result {
	if s.result != Continue {
		return s.result
	}
	s.at++
	s.n++
	s.k += bit(fail)
	t := s.test
	var crossed bool
	if t.known != nil {
		t.known.Observe(&s.knownState, fail)
		crossed = fail && t.known.Crossed(s.knownState, t.plan.Alpha, t.threshold)
	} else {
		t.process.Observe(&s.state, fail)
		crossed = fail && t.process.LogE(s.state) >= -math.Log(t.plan.Alpha)
	}
	switch {
	case crossed:
		s.result = Failed
	case !fail && t.pass != nil && s.LogPass() >= -math.Log(t.plan.Beta) && s.LogE() < 0:
		s.result = Passed
	default:
		s.end()
	}
	return s.result
}

// end ends a stream at its horizon.
func (s *Stream) end() {
	if s.at >= s.test.plan.Horizon {
		s.result = Inconclusive
	}
}

// Result is the result so far.
func (s *Stream) Result() Result { return s.result }

// At is the number of looks, including missing ones.
func (s *Stream) At() int { return s.at }

// Missing is the number of looks without a result.
func (s *Stream) Missing() int { return s.missing }

// LogE is the natural logarithm of the evidence of a regression.
func (s *Stream) LogE() float64 {
	if s.test.known != nil {
		return s.test.known.LogE(s.knownState)
	}
	return s.test.process.LogE(s.state)
}

// LogPass is the natural logarithm of the evidence that failures are rarer than PassRate; 0
// without one.
func (s *Stream) LogPass() float64 {
	if s.test.pass == nil {
		return 0
	}
	return s.test.pass.LogE(s.n, s.k)
}
