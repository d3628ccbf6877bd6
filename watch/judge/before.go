package judge

import (
	"errors"
	"fmt"
	"math"
)

// History counts the looks before a deploy as a Markov chain of two states: how often a failure
// follows a success, and how often one follows a failure.
type History struct {
	Calm    int `json:"calm"`    // looks that followed a success
	Begun   int `json:"begun"`   // failures among them
	Failing int `json:"failing"` // looks that followed a failure
	Again   int `json:"again"`   // failures among them
	// Last is the last look: 0 none yet, 1 a success, 2 a failure.
	Last uint8 `json:"last,omitempty"`
}

// Observe takes one look. The first one only sets the state.
func (h *History) Observe(fail bool) {
	switch h.Last {
	case 1:
		h.Calm++
		h.Begun += bit(fail)
	case 2:
		h.Failing++
		h.Again += bit(fail)
	}
	h.Last = uint8(1 + bit(fail))
}

// Add appends the counts of a later period.
func (h *History) Add(o History) {
	h.Calm += o.Calm
	h.Begun += o.Begun
	h.Failing += o.Failing
	h.Again += o.Again
	if o.Last != 0 {
		h.Last = o.Last
	}
}

// Counts gives the looks and the failures among them.
func (h History) Counts() (looks, failures int) {
	return h.Calm + h.Failing, h.Begun + h.Again
}

// Valid reports whether the counts are consistent.
func (h History) Valid() bool {
	return 0 <= h.Begun && h.Begun <= h.Calm && 0 <= h.Again && h.Again <= h.Failing && h.Last <= 2
}

// defaultPersistence is the persistence of a history in which no look followed a failure: a mean
// burst of two and a half looks. With it, healthy targets with bursts of 3 still keep an alpha
// of 0.1 %, and an outage against an allowed rate of 1 % is found at the tenth look.
const defaultPersistence = 0.6

// Persistence is the chance that a failure is followed by another one, as the null hypothesis
// assumes it: the 90 % quantile of its posterior (Beta(1+again, 2+cleared)), between 0.5 and
// 0.95; 0.6 without data. The lower limit is for histories with few failures.
func (h History) Persistence() float64 {
	if h.Failing == 0 {
		return defaultPersistence
	}
	q := betaUpper(0.1, float64(1+h.Again), float64(2+h.Failing-h.Again))
	return min(max(q, 0.5), 0.95)
}

// Tolerance is how much worse a deploy may make a check: its failure rate may be
// max(Rate, Ratio·before + Delta) afterwards.
type Tolerance struct {
	Rate  float64 `json:"rate,omitempty"` // allowed in any case; 0: none
	Ratio float64 `json:"ratio"`          // at least 1
	Delta float64 `json:"delta"`          // at least 0
}

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
	return errors.Join(errs...)
}

// allows is the failure rate that is tolerated after the deploy for a rate before it.
func (t Tolerance) allows(before float64) float64 {
	return max(t.Rate, t.Ratio*before+t.Delta)
}

// ErrNoHistory is the error of a history without looks.
var ErrNoHistory = errors.New("no looks before the deploy to compare with; use a known rate")

// sinceDeploy is the prior probability that a fault begins with the deploy.
const sinceDeploy = 0.5

// NewBefore makes the test of the looks after a deploy against those before it, when the rate
// before is only known from history, failures come in bursts, and the fault may begin at any of
// the first horizon looks.
//
// For each failure rate θ that the check may have had before, the evidence of the history
// against θ, G(θ), times the evidence against the rate that is tolerated after it, is a
// supermartingale under θ. The smallest of these products is evidence against all of them. θ
// runs over 33 points between the exact bounds that the history gives. With bursts (the
// default), the null hypothesis is a Markov chain: after a success a look fails with the
// tolerated rate, after a failure with Persistence. Without, looks are taken as independent.
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
	n, k := h.Calm, h.Begun
	if !bursts || n == 0 { // a check that was never up shows how often it fails, not how often failures begin
		n, k = h.Counts()
	}
	if n == 0 {
		return nil, ErrNoHistory
	}
	if horizon < 1 {
		return nil, errors.New("horizon is not at least 1 look")
	}
	b := builder{process: Process{atStart: sinceDeploy, horizon: horizon}, bursts: bursts}
	if bursts {
		b.again = h.Persistence()
	}
	b.plan(k, n, tol)
	return &b.process, nil
}

// NewBursts makes the test of looks against a known rate when failures come in bursts: after
// a success they are compared with the rate, after a failure with the persistence, which is
// between 0.5 and 0.95 (see History). The fault may begin at any of the first horizon looks.
func NewBursts(p0, persistence float64, horizon int) (*Process, error) {
	switch {
	case !(p0 >= MinRate && p0 <= MaxRate):
		return nil, fmt.Errorf("null rate %v is not between %v and %v", p0, MinRate, MaxRate)
	case !(persistence >= 0.5 && persistence <= 0.95):
		return nil, fmt.Errorf("persistence %v is not between 0.5 and 0.95", persistence)
	case horizon < 1:
		return nil, errors.New("horizon is not at least 1 look")
	}
	b := builder{process: Process{atStart: sinceDeploy, horizon: horizon}, bursts: true, again: persistence}
	b.fit(p0)
	b.add(1, p0)
	return &b.process, nil
}

// Begin is the state before the first look: a burst that began before the deploy goes on.
func (h History) Begin() ProcessState { return ProcessState{Last: h.Last == 2} }

// builder makes a Process, one null hypothesis after the other.
type builder struct {
	process Process
	bursts  bool
	again   float64 // persistence
	spacing float64 // of the odds ratios
	width   int     // alternatives of each null
}

// A state stays under 8 KiB with these.
const (
	nullRates       = 33 // failure rates before the deploy that are considered
	maxAlternatives = 10 // alternatives to each
)

func (b *builder) plan(k, n int, tol Tolerance) {
	lo := RateLower(k, n, 0.4)
	if k == 0 {
		lo = 0.02 / float64(n)
	}
	hi := max(RateUpper(k, n, 1e-5), lo)
	type null struct{ g, q float64 }
	var nulls []null
	if tol.Rate > 0 {
		// One point for all rates before the deploy for which Rate decides.
		nulls = append(nulls, null{1, tol.Rate})
	}
	for i := range nullRates {
		theta := min(lo*math.Pow(hi/lo, float64(i)/(nullRates-1)), 1-1e-12)
		if tol.Rate > 0 && tol.Ratio*theta+tol.Delta <= tol.Rate {
			continue
		}
		g := math.Exp(min(logG(k, n, theta), 200))
		if i == 0 {
			g = min(g, 0.5) // stands for all smaller rates, where G is at least a half
		}
		nulls = append(nulls, null{g, tol.allows(theta)})
	}
	least := 1.0
	for _, x := range nulls {
		least = min(least, x.q)
	}
	b.fit(min(max(least, MinRate), MaxRate))
	for _, x := range nulls {
		b.add(x.g, x.q)
	}
}

// fit chooses the spacing of the alternatives such that the lowest null rate has at most
// maxAlternatives.
func (b *builder) fit(least float64) {
	b.spacing = 2
	for b.width = len(ratios(least, b.spacing)); b.width > maxAlternatives; b.width = len(ratios(least, b.spacing)) {
		b.spacing *= 2
	}
}

// logG is the logarithm of the evidence of a history, k failures of n, that the rate was below
// theta: a Jeffreys mixture over the rates below theta against theta itself, averaged with 1.
func logG(k, n int, theta float64) float64 {
	a, b := float64(k)+0.5, float64(n-k)+0.5
	l := logBeta(a, b) + logIncBeta(a, b, theta) -
		logBeta(0.5, 0.5) - logIncBeta(0.5, 0.5, theta) -
		float64(k)*math.Log(theta) - float64(n-k)*math.Log1p(-theta)
	return logAdd(math.Log(0.5), math.Log(0.5)+l)
}

// ratios gives the alternatives to the rate q: failure rates whose odds are multiples of q's, and
// last an outage.
func ratios(q, spacing float64) []float64 {
	var rates []float64
	for o := spacing; ; o *= spacing {
		p := shiftOdds(q, o)
		if p >= 0.76 {
			return append(rates, max(0.95, shiftOdds(q, 2)))
		}
		rates = append(rates, p)
	}
}

// outagePart is the weight of the outage among the alternatives when failures come in bursts:
// there an outage takes longest to find.
const outagePart = 0.3

// add appends a null hypothesis with the tolerated rate q.
func (b *builder) add(g, q float64) {
	p := &b.process
	p.nulls = append(p.nulls, g)
	var rates []float64
	if q < MaxRate {
		rates = ratios(max(q, MinRate), b.spacing)
	}
	for j := range b.width {
		// Nulls with a higher rate have fewer alternatives; the cells that are left have the
		// factor 1 and the weight 0. A null that tolerates every rate has no alternative.
		fails, oks, weight := 1.0, 1.0, 0.0
		switch {
		case len(rates) == 0:
			weight = 1 / float64(b.width)
		case j < len(rates):
			q := max(q, MinRate)
			fails, oks = rates[j]/q, (1-rates[j])/(1-q)
			weight = b.weight(j, len(rates))
		}
		if !b.bursts {
			b.cell(weight, fails, oks, fails, oks)
			continue
		}
		// After a failure, half of the weight ignores the next look, the other half expects that the
		// failure persists.
		persists := max(0.99, shiftOdds(b.again, 2))
		b.cell(weight/2, fails, oks, 1, 1)
		if len(rates) == 0 {
			b.cell(weight/2, 1, 1, 1, 1)
		} else {
			b.cell(weight/2, fails, oks, persists/b.again, (1-persists)/(1-b.again))
		}
	}
}

// weight is the weight of alternative j of n; the last is the outage.
func (b *builder) weight(j, n int) float64 {
	switch {
	case !b.bursts || n == 1:
		return 1 / float64(n)
	case j == n-1:
		return outagePart
	default:
		return (1 - outagePart) / float64(n-1)
	}
}

// cell appends one alternative: its weight, and its factors after a success and after a failure.
func (b *builder) cell(weight, fails, oks, failsAgain, clears float64) {
	p := &b.process
	p.weight = append(p.weight, weight)
	f := &p.factor
	f[0][0], f[0][1] = append(f[0][0], oks), append(f[0][1], fails)
	f[1][0], f[1][1] = append(f[1][0], clears), append(f[1][1], failsAgain)
}
