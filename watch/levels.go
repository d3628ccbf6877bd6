package watch

import (
	"cmp"
	"math"
	"slices"

	"guardian/watch/judge"
)

// NumberPolicy is how a number is judged: which way is worse, and how much worse than before it
// may become, by a ratio and by a difference; a value counts when it is worse by both.
type NumberPolicy struct {
	Lower bool    `json:"lower,omitempty"` // lower is worse
	Ratio float64 `json:"ratio"`           // at least 1
	Delta float64 `json:"delta,omitempty"` // at least 0
}

// limit is the value up to which a number is as before, when it was x before.
func (p NumberPolicy) limit(x float64) float64 {
	ratio := max(p.Ratio, 1)
	if p.Lower {
		return min(x, x/ratio, x-p.Delta)
	}
	return max(x, x*ratio, x+p.Delta)
}

// worse reports whether a is worse than b.
func (p NumberPolicy) worse(a, b float64) bool { return p.compare(a, b) > 0 }

// compare orders values, the worst last.
func (p NumberPolicy) compare(a, b float64) int {
	if p.Lower {
		return cmp.Compare(b, a)
	}
	return cmp.Compare(a, b)
}

// worst gives the worst of the values of mine and of the others; NaN without any.
func (p NumberPolicy) worst(values CounterValues, mine func(series string) bool) (own, others float64) {
	own, others = math.NaN(), math.NaN()
	for series, v := range values {
		of := &others
		if mine(series) {
			of = &own
		}
		if math.IsNaN(*of) || p.worse(v, *of) {
			*of = v
		}
	}
	return own, others
}

// Level is a limit that a number should not be beyond more often than before the deploy.
type Level struct {
	Limit  float64 `json:"limit"`
	Before Counts  `json:"before"`           // values, and how many were beyond the percentile that the limit is made of
	Beyond int     `json:"beyond,omitempty"` // since the deploy
	Stream Stream  `json:"stream"`
	// Others is the same limit for the shops without the deploy: what they are beyond too is no
	// evidence.
	Others *float64 `json:"others,omitempty"`
}

// Levels compare a number with percentiles of its values before the deploy: how often a value is
// beyond one has an exact bound, whatever their distribution is. Recent are those of the last
// hours, Matched those of the same time of other days; the smaller evidence counts.
type Levels struct {
	NumberPolicy
	Recent  []Level `json:"recent,omitempty"`
	Matched []Level `json:"matched,omitempty"`
	Values  int     `json:"values,omitempty"` // judged
	Last    float64 `json:"last,omitempty"`
}

// levelPlan is what levels are made with.
type levelPlan struct {
	NumberPolicy
	least   float64 // a percentile closer to zero than that is no limit
	alpha   float64 // chance that one of a baseline's bounds is wrong
	horizon int
}

// percents are the percentiles that levels are made of, the median first.
func percents() []int { return []int{50, 90, 99} }

// levels makes the levels of values before a deploy, in order; NaN where nothing is known. others
// are those of the shops without the deploy at the same times, if there are any.
func (p levelPlan) levels(values, others []float64) []Level {
	sorted := p.sorted(values)
	n := len(sorted)
	if n < enoughValues {
		return nil
	}
	elsewhere := p.sorted(others)
	var all []Level
	persistence := 0.0
	for _, percent := range percents() {
		x := percentile(sorted, percent)
		limit := p.limit(x)
		if p.Lower && limit <= 0 && x >= 0 || math.Abs(x) < p.least {
			continue // what is never negative cannot fall below zero
		}
		h, above := p.beyond(values, x)
		s := known(judge.RateUpper(above, n, p.alpha/float64(len(percents()))), h.Persistence(), p.horizon)
		s.State = h.Begin()
		// Too few values were beyond a high percentile to tell how they follow each other: then as
		// those beyond the one below it do.
		if h.Begun >= enoughRuns {
			persistence = s.Persistence
		} else {
			persistence = max(persistence, s.Persistence)
		}
		s.Persistence = min(max(persistence, s.Persistence), maxPersistence)
		l := Level{Limit: limit, Before: Counts{Looks: n, Failures: above}, Stream: s}
		if len(elsewhere) >= enoughValues {
			of := p.limit(percentile(elsewhere, percent))
			l.Others = &of
		}
		all = append(all, l)
	}
	return all
}

// enoughValues is how many values before a deploy make a baseline: their bounds are exact, but
// wide with fewer.
const enoughValues = 100

// enoughRuns is how many stretches of values beyond a percentile tell how persistent they are.
const enoughRuns = 5

// sorted gives the values that are known, the worst last.
func (p NumberPolicy) sorted(values []float64) []float64 {
	all := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	slices.SortFunc(all, p.compare)
	return all
}

func percentile(sorted []float64, percent int) float64 {
	return sorted[(percent*len(sorted)+99)/100-1]
}

// beyond counts how values that are worse than x follow each other, and how many there are.
func (p NumberPolicy) beyond(values []float64, x float64) (h judge.History, above int) {
	for _, v := range values {
		if math.IsNaN(v) {
			h.Last, h.Run = 0, 0
			continue
		}
		yes := p.worse(v, x)
		h.Observe(yes)
		if yes {
			above++
		}
	}
	return h, above
}

// observe takes a value, and that of the shops without the deploy: NaN when it is not known.
func (l *Levels) observe(v, others float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	l.Values++
	l.Last = v
	for _, levels := range [][]Level{l.Recent, l.Matched} {
		for i := range levels {
			level := &levels[i]
			yes := l.worse(v, level.Limit)
			if level.Others != nil {
				if math.IsNaN(others) {
					continue // it may be the same there
				}
				yes = yes && !l.worse(others, *level.Others)
			}
			if yes {
				level.Beyond++
			}
			level.Stream.observe(yes)
		}
	}
}

// known reports whether there is anything to compare with.
func (l *Levels) known() bool { return l != nil && len(l.Recent)+len(l.Matched) > 0 }

// controlled reports whether it is compared with shops that do not have the deploy.
func (l *Levels) controlled() bool {
	if l == nil {
		return false
	}
	has := func(l Level) bool { return l.Others != nil }
	return slices.ContainsFunc(l.Recent, has) || slices.ContainsFunc(l.Matched, has)
}

// logE is the natural logarithm of the evidence.
func (l *Levels) logE() float64 {
	least := math.Inf(1)
	for _, levels := range [][]Level{l.Recent, l.Matched} {
		if len(levels) > 0 {
			least = min(least, averageE(levels))
		}
	}
	if math.IsInf(least, 1) {
		return 0
	}
	return least
}

func averageE(levels []Level) float64 {
	logs := make([]float64, len(levels))
	for i := range levels {
		logs[i] = levels[i].Stream.LogE - math.Log(float64(len(levels)))
	}
	return math.Log(boundsKeep) + logSum(logs)
}

// heaviest is the level with the most evidence, of the baseline with the least.
func (l *Levels) heaviest() (Level, bool) {
	of := l.Recent
	if len(of) == 0 || len(l.Matched) > 0 && averageE(l.Matched) < averageE(of) {
		of = l.Matched
	}
	if len(of) == 0 {
		return Level{}, false
	}
	return slices.MaxFunc(of, func(a, b Level) int { return cmp.Compare(a.Stream.LogE, b.Stream.LogE) }), true
}

// restart forgets the evidence, and the shops without the deploy.
func (l *Levels) restart() {
	for _, levels := range [][]Level{l.Recent, l.Matched} {
		for i := range levels {
			s := &levels[i].Stream
			s.State, s.LogE, levels[i].Others = judge.ProcessState{Last: s.State.Last}, 0, nil
		}
	}
}

func (l *Levels) clone() *Levels {
	if l == nil {
		return nil
	}
	c := *l
	c.Recent, c.Matched = cloneLevels(l.Recent), cloneLevels(l.Matched)
	return &c
}

func cloneLevels(levels []Level) []Level {
	all := slices.Clone(levels)
	for i := range all {
		all[i].Stream = all[i].Stream.clone()
	}
	return all
}
