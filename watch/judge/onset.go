package judge

// onsetRatio is the odds ratio that Onset tests for: with it, an isolated failure at an allowed
// rate of 1 % is forgotten after about thirty successes.
const onsetRatio = 8

// Onset estimates since when failures are more than chance: the time at which the cumulative sum
// of log-likelihood ratios last left zero (Page 1954). It decides nothing. The value is the sum;
// at zero there is no onset.
type Onset float64

// Observe takes one observation at the null rate p0.
func (o *Onset) Observe(p0 float64, fail bool) {
	p0 = min(max(p0, MinRate), MaxRate)
	t := OneSample{p0: p0}
	t.add(min(shiftOdds(p0, onsetRatio), 0.99), 1)
	step := t.alt[0].ok
	if fail {
		step = t.alt[0].fail
	}
	*o = max(0, *o+Onset(step))
}
