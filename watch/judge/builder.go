package judge

import "math"

// builder makes a Process of its null hypotheses.
type builder struct {
	process Process
	bursts  bool
	again   float64 // persistence of failures
	// deployAgain is the persistence of a run that begins with the deploy.
	deployAgain float64
	spacing     float64 // of the odds ratios
	width       int     // alternatives of each null, the small ones apart
}

// null is one null hypothesis: looks fail with at most the rate, and after a failure with at most
// the persistence again. The evidence against it counts g times.
type null struct{ g, rate, again float64 }

// sinceDeploy is the prior probability that a fault begins with the deploy.
const sinceDeploy = 0.5

// A state stays under 8 KiB with these.
const (
	nullRates       = 33 // failure rates before the deploy that are considered
	nullShares      = 5  // persistences that are considered for a share of failures
	maxAlternatives = 10 // alternatives to each, the small ones apart
)

func newBuilder(horizon int, bursts bool) *builder {
	return &builder{process: Process{atStart: sinceDeploy, horizon: horizon, outage: bursts}, bursts: bursts}
}

// rates gives the null hypotheses for the failure rates that a check may have had that failed k of
// n times before the deploy; those for which no more than the covered rate is tolerated are left
// out.
func (b *builder) rates(k, n int, tol Tolerance, covered float64) []null {
	lo := RateLower(k, n, 0.4)
	if k == 0 {
		lo = 0.02 / float64(n)
	}
	hi := max(RateUpper(k, n, 1e-5), lo)
	var nulls []null
	for i := range nullRates {
		theta := min(lo*math.Pow(hi/lo, float64(i)/(nullRates-1)), 1-1e-12)
		if tol.allows(theta) <= covered {
			continue
		}
		g := math.Exp(min(logG(k, n, theta), 200))
		if i == 0 {
			g = min(g, 0.5) // stands for all smaller rates, where G is at least a half
		}
		nulls = append(nulls, null{g, tol.allows(theta), b.again})
	}
	return nulls
}

// share gives the null hypotheses "at most this share of looks fail, and failures persist with at
// most b.again". The longer runs are, the fewer begin: with a persistence of ρ at most
// share·(1-ρ)/(1-share) of the looks that follow a success. Each null covers the persistences
// between two steps: with the rate of the lower one and the persistence of the upper one.
func (b *builder) share(share float64) []null {
	if !b.bursts {
		return []null{{1, share, 0}}
	}
	var nulls []null
	for i := range nullShares {
		cleared := func(step int) float64 { return math.Pow(1-b.again, float64(step)/nullShares) }
		nulls = append(nulls, null{1, share * cleared(i) / (1 - share), 1 - cleared(i+1)})
	}
	return nulls
}

// build makes the process. The lowest null rate decides the spacing of the alternatives.
func (b *builder) build(nulls []null) *Process {
	least := 1.0
	for _, x := range nulls {
		least = min(least, x.rate)
	}
	b.fit(min(max(least, MinRate), MaxRate))
	for _, x := range nulls {
		b.add(x)
	}
	return &b.process
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

// smallRatios are the odds ratios of faults under twice as many failures. Each has smallPart of the
// weight, since such a fault takes long to find anyway.
func smallRatios() [smallCount]float64 { return [2]float64{1.25, 1.5} }

const (
	smallCount = 2
	smallPart  = 0.04
)

// What an outage takes of the weight when failures come in bursts: there it takes longest to find.
const (
	outagePart = 0.2 // of the alternatives that begin at any look
	// outageSinceDeploy is the part of an outage that begins with the deploy, of all; it has its own
	// onset, see Process.
	outageSinceDeploy = 0.35
)

// add appends a null hypothesis.
func (b *builder) add(x null) {
	p := &b.process
	p.nulls = append(p.nulls, x.g)
	q := max(x.rate, MinRate)
	var rates []float64
	if q < MaxRate {
		rates = ratios(q, b.spacing)
	}
	all := 1.0
	if b.bursts {
		// A look fails after a failure at least as often as after a success.
		x.again = max(x.again, min(q, maxPersistence))
		l := likelihood{1, 1, 1, 1}
		if len(rates) > 0 {
			again := max(min(x.again, b.deployAgain), min(q, maxPersistence))
			l = against(q, min(max(0.99, shiftOdds(q, 2)), mostOfOneLook*q)).persisting(again)
		}
		b.cell(outageSinceDeploy, l) // nothing works since the deploy
		all -= outageSinceDeploy
	}
	if len(rates) == 0 {
		// Every rate is tolerated: there is no alternative.
		for range b.cells() {
			b.cell(all/float64(b.cells()), likelihood{1, 1, 1, 1})
		}
		return
	}
	for _, ratio := range smallRatios() {
		l := against(q, shiftOdds(q, ratio))
		if b.bursts {
			l.again, l.clears = 1, 1
		}
		b.cell(all*smallPart, l)
	}
	all *= 1 - smallPart*smallCount
	// Nulls with a higher rate have fewer alternatives; the cells that are left have the factor 1 and
	// the weight 0.
	none := likelihood{1, 1, 1, 1}
	for j := range b.width {
		l, weight := none, 0.0
		if j < len(rates) {
			l, weight = against(q, rates[j]), all*b.weight(j, len(rates))
		}
		if b.bursts {
			// After a failure, the next look is ignored.
			l.again, l.clears = 1, 1
			if j >= len(rates)-persistent {
				weight *= 1 - persistPart
			}
		}
		b.cell(weight, l)
	}
	for i := range b.persistent() {
		// The rest of the weight of the highest rates expects that failures persist.
		if j := len(rates) - 1 - i; j >= 0 {
			b.cell(all*b.weight(j, len(rates))*persistPart, against(q, rates[j]).persisting(x.again))
		} else {
			b.cell(0, none)
		}
	}
}

const (
	// persistent is how many alternatives, those with the highest rates, may have failures that
	// persist: an outage that begins late. persistPart of their weight expects that.
	persistent  = 3
	persistPart = 2.0 / 3
)

func (b *builder) persistent() int {
	if b.bursts {
		return persistent
	}
	return 0
}

// cells is the number of alternatives of each null, the outage since the deploy apart.
func (b *builder) cells() int { return smallCount + b.width + b.persistent() }

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

// mostOfOneLook bounds what the first failure since the deploy weighs as part of an outage.
const mostOfOneLook = 1000

// likelihood is the likelihood ratio of an alternative for a failure and a success after a success,
// and for a failure and a success after a failure.
type likelihood struct{ fails, succeeds, again, clears float64 }

// against is the likelihood ratio of independent looks with the rate p against q.
func against(q, p float64) likelihood {
	return likelihood{p / q, (1 - p) / (1 - q), p / q, (1 - p) / (1 - q)}
}

// persisting is the likelihood ratio of a fault whose failures hardly ever clear, against a
// persistence.
func (l likelihood) persisting(again float64) likelihood {
	persists := max(0.99, shiftOdds(again, 2))
	l.again, l.clears = persists/again, (1-persists)/(1-again)
	return l
}

// cell appends one alternative with its weight.
func (b *builder) cell(weight float64, l likelihood) {
	p := &b.process
	p.weight = append(p.weight, weight)
	f := &p.factor
	f[0][0], f[0][1] = append(f[0][0], l.succeeds), append(f[0][1], l.fails)
	f[1][0], f[1][1] = append(f[1][0], l.clears), append(f[1][1], l.again)
}
