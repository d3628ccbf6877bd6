package judge

import (
	"errors"
	"fmt"
	"math"
)

// Tolerance is how much worse a deploy may make a check: its failure rate may be
// max(Rate, Ratio·before + Delta) afterwards.
type Tolerance struct {
	Rate  float64 `json:"rate,omitempty"` // allowed in any case; 0: none
	Ratio float64 `json:"ratio"`          // at least 1
	Delta float64 `json:"delta"`          // at least 0
	// Healthy is the share of looks that may fail while history is short; 0: history decides from its
	// first look.
	Healthy float64 `json:"healthy,omitempty"`
}

// ShortHistory is the number of looks under which a history is short: one past outage in it would
// pass for the check's normal failure rate and hide the next one.
const ShortHistory = 200

// DefaultTolerance allows for the natural drift of failure rates: with a Ratio of 1, drift causes
// 0.8 to 5.5 % false alarms at a nominal 0.1 %.
func DefaultTolerance() Tolerance { return Tolerance{Ratio: 1.5, Delta: 0.005} }

func (t Tolerance) validate() error {
	var errs []error
	if !(t.Rate >= 0 && t.Rate < 1) {
		errs = append(errs, errors.New("tolerated rate is not between 0 and 1"))
	}
	if !(t.Ratio >= 1) || math.IsInf(t.Ratio, 0) {
		errs = append(errs, errors.New("tolerated ratio is not at least 1"))
	}
	if !(t.Delta >= 0 && t.Delta < 1) {
		errs = append(errs, errors.New("tolerated delta is not between 0 and 1"))
	}
	if !(t.Healthy >= 0 && t.Healthy < 1) {
		errs = append(errs, errors.New("healthy share is not between 0 and 1"))
	}
	return errors.Join(errs...)
}

// allows is the failure rate that is tolerated after the deploy for a rate before it.
func (t Tolerance) allows(before float64) float64 {
	return max(t.Rate, t.Ratio*before+t.Delta)
}

// ErrNoHistory is the error of a history without looks.
var ErrNoHistory = errors.New("no looks before the deploy to compare with; use a known rate")

// NewBefore makes the test of the looks after a deploy against those before it, when the rate
// before is only known from history, failures come in bursts, and the fault may begin at any of
// the first horizon looks.
//
// For each failure rate θ that the check may have had before, the evidence of the history
// against θ, G(θ), times the evidence against the rate that is tolerated after it, is a
// supermartingale under θ. The smallest of these products is evidence against all of them. θ
// runs over points between the exact bounds that the history gives. With bursts (the
// default), the null hypothesis is a Markov chain: after a success a look fails with the
// tolerated rate, after a failure with Persistence. Without, looks are taken as independent.
//
// With fewer than ShortHistory looks the null hypothesis is wider: after the deploy any share of
// failures up to tol.Healthy is healthy, whatever the persistence up to that of the history. What
// is tolerated for the rates before it joins once failures began three times: those of a
// switch that was announced after it began once or twice.
//
// The guarantee does not cover drift beyond the tolerance, bursts longer than in the history,
// and outside incidents during the watch.
func NewBefore(h History, tol Tolerance, horizon int, bursts bool) (*Process, error) {
	if err := tol.validate(); err != nil {
		return nil, err
	}
	if !h.Valid() {
		return nil, errors.New("history has more failures than looks")
	}
	looks, failures := h.Counts()
	n, k := h.Calm, h.Begun
	if !bursts || n == 0 { // a check that was never up shows how often it fails, not how often failures begin
		n, k = looks, failures
	}
	short := tol.Healthy > 0 && looks < ShortHistory
	if n == 0 && !short {
		return nil, ErrNoHistory
	}
	if horizon < 1 {
		return nil, errors.New("horizon is not at least 1 look")
	}
	b := newBuilder(horizon, bursts)
	if bursts {
		b.deployAgain, b.again = h.persistences()
	}
	var nulls []null
	covered := tol.Rate
	switch {
	case short:
		nulls = b.share(max(tol.Healthy, tol.Rate))
		covered = nulls[len(nulls)-1].rate
	case tol.Rate > 0: // one point for all rates before the deploy for which Rate decides
		nulls = append(nulls, null{1, tol.Rate, b.again})
	}
	if !short || h.Begun >= fewRuns {
		nulls = append(nulls, b.rates(k, n, tol, covered)...)
	}
	return b.build(nulls), nil
}

// NewBursts makes the test of looks against a known rate when failures come in bursts: after
// a success they are compared with the rate, after a failure with the persistence, which is
// between 0.5 and 0.95 (see History). The fault may begin at any of the first horizon looks.
func NewBursts(p0, persistence float64, horizon int) (*Process, error) {
	switch {
	case !(p0 >= MinRate && p0 <= MaxRate):
		return nil, fmt.Errorf("null rate %v is not between %v and %v", p0, MinRate, MaxRate)
	case !(persistence >= minPersistence && persistence <= maxPersistence):
		return nil, fmt.Errorf("persistence %v is not between 0.5 and 0.95", persistence)
	case horizon < 1:
		return nil, errors.New("horizon is not at least 1 look")
	}
	b := newBuilder(horizon, true)
	b.again, b.deployAgain = persistence, persistence
	return b.build([]null{{1, p0, persistence}}), nil
}
