package judge

import (
	"errors"
	"fmt"
	"math"
)

// History is what was seen before the deploy, as a chain of two states: how often a failure
// follows a success, and how often one follows a failure.
type History struct {
	Calm    int `json:"calm"`    // looks that followed a success
	Begun   int `json:"begun"`   // of these, failures
	Failing int `json:"failing"` // looks that followed a failure
	Again   int `json:"again"`   // of these, failures
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

// Add joins another stretch of looks. The state is that of the later one.
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

// Valid tells whether the counts can be.
func (h History) Valid() bool {
	return 0 <= h.Begun && h.Begun <= h.Calm && 0 <= h.Again && h.Again <= h.Failing && h.Last <= 2
}

// unseen is the persistence where no failure was followed up: bursts of two and a half in the
// mean. Healthy targets with bursts of 3 still keep an alpha of 0.1 %, and an outage
// against an allowed rate of 1 % is found with the tenth look.
const unseen = 0.6

// Persistence is the chance that a failure is followed by another one, as the null assumes it:
// the 90 % quantile of what history says (Beta(1+again, 2+cleared)), between 0.5 and 0.95; 0.6
// where it says nothing. The floor is for a history that has seen few hiccups.
func (h History) Persistence() float64 {
	if h.Failing == 0 {
		return unseen
	}
	q := betaUpper(0.1, float64(1+h.Again), float64(2+h.Failing-h.Again))
	return min(max(q, 0.5), 0.95)
}

// Tolerance is how much worse than before a deploy may make it: a rate after of at most
// max(Rate, Ratio·before + Delta).
type Tolerance struct {
	Rate  float64 `json:"rate,omitempty"` // allowed whatever was before; 0: none
	Ratio float64 `json:"ratio"`          // at least 1
	Delta float64 `json:"delta"`          // at least 0
}

// DefaultTolerance takes natural drift of the rate into account: with Ratio 1 it causes
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

// allows is the rate after that is tolerated for a rate before.
func (t Tolerance) allows(before float64) float64 {
	return max(t.Rate, t.Ratio*before+t.Delta)
}

// ErrNoHistory says that nothing was seen before the deploy to compare with.
var ErrNoHistory = errors.New("no looks before the deploy to compare with; use a known rate")

// sinceDeploy is the prior mass of "broken since the deploy".
const sinceDeploy = 0.5

// NewBefore makes the test of the looks after a deploy against those before it, when the rate
// before is only known from history, failures come in bursts, and the fault may begin at any of
// the first horizon looks.
//
// For each rate θ that may have been before, the evidence against it in history, G(θ), times
// the evidence against the tolerated rate after, is a supermartingale under that θ; the least of
// these products is evidence against all of them. The rates are 33 points between the exact bounds of what
// history allows. With bursts (the default), the null is a chain of two states: after a
// success the tolerated rate, after a failure Persistence; otherwise looks are taken for independent.
//
// The guarantee does not cover drift beyond the tolerance, bursts longer than history shows, and
// an outside incident that falls into the watch.
func NewBefore(h History, tol Tolerance, horizon int, bursts bool) (*Process, error) {
	if err := tol.validate(); err != nil {
		return nil, err
	}
	if !h.Valid() {
		return nil, errors.New("history has more failures than looks")
	}
	n, k := h.Calm, h.Begun
	if !bursts || n == 0 { // what never was up tells how often it fails, not how often it begins to
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
// a success they are held against the rate, after a failure against the persistence, which is
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

// Begin is the state before the first look: bursts that began before the deploy go on.
func (h History) Begin() ProcessState { return ProcessState{Last: h.Last == 2} }

// builder puts a Process together, null by null.
type builder struct {
	process Process
	bursts  bool
	again   float64 // persistence
	spacing float64 // of the odds ratios
	width   int     // alternatives of each null
}

// points is how many rates before are considered; widest how many alternatives each has, so
// that a state stays under 8 KiB.
const (
	points = 33
	widest = 10
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
		// One point for all rates before that the tolerated rate covers anyway.
		nulls = append(nulls, null{1, tol.Rate})
	}
	for i := range points {
		theta := min(lo*math.Pow(hi/lo, float64(i)/(points-1)), 1-1e-12)
		if tol.Rate > 0 && tol.Ratio*theta+tol.Delta <= tol.Rate {
			continue
		}
		g := math.Exp(min(logG(k, n, theta), 200))
		if i == 0 {
			g = min(g, 0.5) // covers all smaller rates, where G is at least a half
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

// fit chooses the spacing of the alternatives such that the lowest null has no more than widest.
func (b *builder) fit(least float64) {
	b.spacing = 2
	for b.width = len(ratios(least, b.spacing)); b.width > widest; b.width = len(ratios(least, b.spacing)) {
		b.spacing *= 2
	}
}

// logG is the evidence in history, k failures of n, that the rate was under theta: a Jeffreys
// mixture truncated to rates under theta against theta itself, half of it held back.
func logG(k, n int, theta float64) float64 {
	a, b := float64(k)+0.5, float64(n-k)+0.5
	l := logBeta(a, b) + logIncBeta(a, b, theta) -
		logBeta(0.5, 0.5) - logIncBeta(0.5, 0.5, theta) -
		float64(k)*math.Log(theta) - float64(n-k)*math.Log1p(-theta)
	return logAdd(math.Log(0.5), math.Log(0.5)+l)
}

// ratios is the grid of failure rates against q with odds ratios of a spacing, outage last.
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

// outagePart is the weight of the outage in the burst-aware mixture: there an outage takes
// longest, and is what must be found.
const outagePart = 0.3

// add puts in a null whose tolerated rate is q.
func (b *builder) add(g, q float64) {
	p := &b.process
	p.nulls = append(p.nulls, g)
	var rates []float64
	if q < MaxRate {
		rates = ratios(max(q, MinRate), b.spacing)
	}
	for j := range b.width {
		// Nulls with a higher rate have fewer alternatives; the rest bets nothing and weighs
		// nothing. A null that tolerates everything bets nothing at all.
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
		// After a failure: no bet, or a bet that it persists.
		persists := max(0.99, shiftOdds(b.again, 2))
		b.cell(weight/2, fails, oks, 1, 1)
		if len(rates) == 0 {
			b.cell(weight/2, 1, 1, 1, 1)
		} else {
			b.cell(weight/2, fails, oks, persists/b.again, (1-persists)/(1-b.again))
		}
	}
}

// weight is that of alternative j of n; the last is the outage.
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
