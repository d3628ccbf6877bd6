package judge

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// rateRatios is the number of rate ratios that the tests of counts test for: 1.5, 3, 6, … up to
// 3072.
const rateRatios = 12

func rateRatio(j int) float64 { return 1.5 * math.Exp2(float64(j)) }

// Counts tests whether failures come more often, per unit of exposure (orders, requests,
// seconds), than a known rate allows: a mixture of Poisson likelihood ratios over rate ratios
// (Lindon and Malek 2022, one-sided) and over the reading with which it begins (see Process):
//
//	A_j ← (A_j + π_n)·LR_j(y_n, m_n);   E_n = 1/J Σ_j A_j + rem_n
//
// Failures that come in clumps (retries) are tempered by phi, which is at least E[C²]/E[C] for
// clumps of the size C: the logarithm of each likelihood ratio is divided by it.
type Counts struct {
	rate, phi float64
	most      float64 // see mostOfReading
	onset     onsetPrior
}

// mostOfReading bounds the logarithm of the likelihood ratio of one reading: a single batch of
// failures, however large, does not decide. What is less than a likelihood ratio is evidence as
// well.
const mostOfReading = 5

// CountsState is the state of a Counts: the sums of the increments, and the evidence by rate
// ratio. The increment of a counter that was reset is its new value; after a missed reading it
// covers the time since the last.
type CountsState struct {
	Failures float64 `json:"failures"`
	Exposure float64 `json:"exposure"`
	// N counts the readings with exposure; Held are failures of readings without, which are
	// judged with the next exposure.
	N    int     `json:"n,omitempty"`
	Held float64 `json:"held,omitempty"`
	// A is ln A_j by rate ratio. A state with sums alone is taken for one reading.
	A Floats `json:"a,omitempty"`
}

// Increment is what was counted between two readings.
type Increment struct {
	Failures float64 `json:"failures"`
	Exposure float64 `json:"exposure"`
}

// NewCounts makes the test for an allowed rate over 0, a tempering of at least 1 and a planned
// number of readings. There may be more, but a fault that begins after them is not found.
func NewCounts(rate, phi float64, horizon int) (Counts, error) {
	switch {
	case !(rate > 0) || math.IsInf(rate, 0):
		return Counts{}, errors.New("allowed rate of failures is not over 0")
	case !(phi >= 1) || math.IsInf(phi, 0):
		return Counts{}, errors.New("tempering is not at least 1")
	case horizon < 1:
		return Counts{}, fmt.Errorf("horizon of %d readings: at least 1", horizon)
	}
	return Counts{rate, phi, mostOfReading, onsetPrior{sinceDeploy, horizon}}, nil
}

// Observe takes what was counted between two readings, and reports whether that is a reading:
// without exposure there is nothing to judge.
func (t Counts) Observe(s *CountsState, d Increment) bool {
	if !(d.Exposure > 0) {
		s.Failures += d.Failures
		s.Held += d.Failures
		return false
	}
	s.A = t.begun(*s)
	if s.Exposure > 0 {
		s.N = max(s.N, 1)
	}
	s.N++
	s.Failures += d.Failures
	s.Exposure += d.Exposure
	t.observe(s.A, s.N, Increment{d.Failures + s.Held, d.Exposure})
	s.Held = 0
	return true
}

// begun gives the evidence by rate ratio of a state, also of one that has only sums.
func (t Counts) begun(s CountsState) Floats {
	if len(s.A) == rateRatios {
		return s.A
	}
	a := Floats(slices.Repeat([]float64{math.Inf(-1)}, rateRatios))
	if s.Exposure > 0 {
		t.most = math.Inf(1) // there were many readings
		t.observe(a, 1, Increment{s.Failures - s.Held, s.Exposure})
	}
	return a
}

// observe is the recursion for reading n.
func (t Counts) observe(a Floats, n int, d Increment) {
	begins := math.Log(t.onset.at(n))
	for j := range a {
		r := rateRatio(j)
		a[j] = logAdd(a[j], begins) + min((d.Failures*math.Log(r)-(r-1)*t.rate*d.Exposure)/t.phi, t.most)
	}
}

// LogE is the natural logarithm of the evidence.
func (t Counts) LogE(s CountsState) float64 {
	if !(s.Exposure > 0) {
		return 0
	}
	sum := math.Inf(-1)
	for _, a := range t.begun(s) {
		sum = logAdd(sum, a)
	}
	return logAdd(sum-math.Log(rateRatios), math.Log(t.onset.after(max(s.N, 1))))
}

// UpperRate is an upper bound of the rate of failures that are tempered by phi: the rate is above
// it with a chance of at most alpha. It is Garwood's exact bound (1936) for failures/phi
// clumps, computed as the binomial bound for very small pieces of exposure.
func (s CountsState) UpperRate(phi, alpha float64) float64 {
	clumps := s.Failures / phi
	pieces := 1e6 * (clumps + 1)
	return betaUpper(alpha, clumps+1, pieces-clumps) * pieces * phi / s.Exposure
}

// clumpScales are the lengths of time, in readings, over which clumps of failures are measured
// beside one reading: 1, 5 and 30 minutes for the counters of a watch. Retries come within one
// reading; a rate that wanders shows only over a longer time.
func clumpScales() []int { return []int{4, 20, 120} }

const (
	// clumpSafety is the factor on a measured dispersion of readings, slowSafety on that of longer
	// scales, which is measured on fewer blocks.
	clumpSafety = 1.5
	slowSafety  = 2
	// minBlocks is how many blocks a dispersion is measured on at least.
	minBlocks = 4
	// batchLength bounds the one stretch of readings that is taken for an exception, and
	// batchFactor is by how much it must enlarge the dispersion.
	batchLength = 40
	batchFactor = 4
)

// Clumping estimates phi from the readings of a baseline, in order: their index of dispersion, at
// the scale of time where it is largest, and half as much again (twice it, for the longer ones);
// at least 1.
//
// One extreme stretch of readings, an outage of up to ten minutes, is winsorised: it counts as
// much as the next heaviest does. Otherwise it would pass for how failures come, and hide the
// next outage. batch is how many of its failures are not counted; 0 without such a stretch.
func Clumping(readings []Increment) (phi, batch float64) {
	phi = dispersion(readings)
	kept, left := winsorised(readings)
	if left > 0 {
		if without := dispersion(kept); phi > batchFactor*without {
			return without, left
		}
	}
	return phi, 0
}

// dispersion is the index of dispersion, at the scale where it is largest, with its safety. A
// longer scale has fewer blocks: it counts where it is surely larger than chance makes it.
func dispersion(readings []Increment) float64 {
	largest, _ := index(readings, 1)
	phi := max(1, clumpSafety*largest)
	for _, size := range clumpScales() {
		is, blocks := index(readings, size)
		if blocks >= minBlocks && is > max(largest, 1)*byChance(blocks-1) {
			largest, phi = is, max(phi, slowSafety*is)
		}
	}
	return phi
}

// byChance is the index of dispersion that independent counts exceed once in two thousand times:
// a quantile of chi-squared by its degrees of freedom (Wilson and Hilferty 1931).
func byChance(freedom int) float64 {
	const normal = 3.3
	v := 2 / (9 * float64(freedom))
	return math.Pow(1-v+normal*math.Sqrt(v), 3)
}

// index is the index of dispersion of the failures in blocks of so many readings, given their
// exposures (Pearson's statistic by its degrees of freedom), and the number of blocks.
func index(readings []Increment, size int) (is float64, blocks int) {
	rate := sum(readings).rate()
	total := 0.0
	for block := range slices.Chunk(readings, size) {
		if b := sum(block); len(block) == size && b.Exposure > 0 {
			off := b.Failures - rate*b.Exposure
			total += off * off / (max(rate, math.SmallestNonzeroFloat64) * b.Exposure)
			blocks++
		}
	}
	if blocks < 2 || rate == 0 {
		return 0, blocks
	}
	return total / float64(blocks-1), blocks
}

func sum(readings []Increment) (all Increment) {
	for _, d := range readings {
		all.Failures += d.Failures
		all.Exposure += d.Exposure
	}
	return all
}

func (d Increment) rate() float64 {
	if !(d.Exposure > 0) {
		return 0
	}
	return d.Failures / d.Exposure
}

// winsorised gives the readings with those of the heaviest stretch at the rate of the next
// heaviest, and how many failures less that are.
func winsorised(readings []Increment) (kept []Increment, left float64) {
	length := min(batchLength, len(readings)/minBlocks)
	if length < 1 {
		return readings, 0
	}
	rate := sum(readings).rate()
	first := heaviest(readings, rate, length, -length)
	second := heaviest(readings, rate, length, first)
	outside := sum(readings[:first])
	after := sum(readings[first+length:])
	outside.Failures += after.Failures
	outside.Exposure += after.Exposure
	as := max(outside.rate(), sum(readings[second:second+length]).rate())
	kept = slices.Clone(readings)
	for i := first; i < first+length; i++ {
		kept[i].Failures = as * kept[i].Exposure
		left += readings[i].Failures - kept[i].Failures
	}
	return kept, max(left, 0)
}

// heaviest finds the stretch of a length with the most failures beyond a rate that does not
// overlap with the one that begins at taken.
func heaviest(readings []Increment, rate float64, length, taken int) (begin int) {
	excess := func(i int) float64 { return readings[i].Failures - rate*readings[i].Exposure }
	most, is := math.Inf(-1), 0.0
	for end := range readings {
		is += excess(end)
		if end >= length {
			is -= excess(end - length)
		}
		if at := end - length + 1; at >= 0 && is > most && (at >= taken+length || at+length <= taken) {
			most, begin = is, at
		}
	}
	return begin
}
