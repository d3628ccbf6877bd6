package judge_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"guardian/watch/judge"
)

// counts makes a test that is known to be valid.
func counts(t *testing.T, rate, phi float64, horizon int) judge.Counts {
	t.Helper()
	c, err := judge.NewCounts(rate, phi, horizon)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCountsRefuses(t *testing.T) {
	for _, c := range []struct {
		rate, phi float64
		horizon   int
	}{{0, 1, 1}, {math.NaN(), 1, 1}, {math.Inf(1), 1, 1}, {1, 0.9, 1}, {1, math.Inf(1), 1}, {1, 1, 0}} {
		if _, err := judge.NewCounts(c.rate, c.phi, c.horizon); err == nil {
			t.Errorf("%+v was accepted", c)
		}
		if c.rate == 1 {
			if _, err := judge.NewPairs(c.rate, c.phi, c.horizon); err == nil {
				t.Errorf("pairs: %+v was accepted", c)
			}
		}
	}
	if _, err := judge.NewPairs(0.9, 1, 1); err == nil {
		t.Error("a ratio under 1 was accepted")
	}
}

// Two readings, the exposure of each chosen by what was seen before: backward induction takes the
// one that makes the most of the evidence. Its expectation is 1. The counts go far beyond what can
// happen, because the largest rate ratios have their weight there.
func TestCountsExpectationIsOneForAnyExposures(t *testing.T) {
	const rate, readings = 0.01, 2
	c := judge.Unbounded(counts(t, rate, 1, readings))
	var worst func(s judge.CountsState, depth int) float64
	worst = func(s judge.CountsState, depth int) float64 {
		if depth == readings {
			return math.Exp(c.LogE(s))
		}
		most := 0.0
		for _, exposure := range []float64{0, 0.1, 0.15} {
			mean, expected := rate*exposure, 0.0
			for k := range 30 {
				next := s
				next.A = append(judge.Floats(nil), s.A...)
				c.Observe(&next, judge.Increment{Failures: float64(k), Exposure: exposure})
				chance := 1.0
				if mean > 0 {
					chance = poisson(k, mean)
				}
				expected += chance * worst(next, depth+1)
				if mean == 0 {
					break
				}
			}
			most = max(most, expected)
		}
		return most
	}
	if got := worst(judge.CountsState{}, 0); !(math.Abs(got-1) < 1e-6) {
		t.Errorf("expectation %v", got)
	}
}

// What a group and its control share may change with each reading: the expectation is at most 1, when the
// group fails as much more often as is tolerated.
func TestPairsExpectationIsAtMostOne(t *testing.T) {
	const ratio = 1.5
	p, err := judge.NewPairs(ratio, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	var expected func(s judge.PairsState, rates []float64) float64
	expected = func(s judge.PairsState, rates []float64) float64 {
		if len(rates) == 0 {
			return math.Exp(p.LogE(s))
		}
		a, b := 100*rates[0], 50*rates[0]*ratio
		sum := 0.0
		for i := range int(a + 8*math.Sqrt(a+1)) {
			for j := range int(b + 8*math.Sqrt(b+1)) {
				next := s
				next.A = append(judge.Floats(nil), s.A...)
				p.Observe(&next, judge.Increment{Failures: float64(i), Exposure: 100}, judge.Increment{Failures: float64(j), Exposure: 50})
				sum += poisson(i, a) * poisson(j, b) * expected(next, rates[1:])
			}
		}
		return sum
	}
	for _, rates := range [][]float64{{0.01, 0.01}, {0.001, 0.05}, {0.05, 0.002}} {
		if got := expected(judge.PairsState{}, rates); !(got < 1+1e-9 && got > 0.5) {
			t.Errorf("rates %v: expectation %v", rates, got)
		}
	}
}

// A fault that begins late is found nearly as fast as one that begins with the deploy.
func TestCountsFindALateFault(t *testing.T) {
	c := counts(t, 0.01, 1, 120)
	took := func(onset int, rate float64) int {
		r := rand.New(rand.NewPCG(1, uint64(onset)))
		var s judge.CountsState
		for i := range 120 {
			mean := 2.0
			if i >= onset {
				mean = 1000 * rate
			}
			c.Observe(&s, judge.Increment{Failures: float64(draw(r, mean)), Exposure: 1000})
			if c.LogE(s) >= math.Log(1000) {
				return i + 1 - onset
			}
		}
		return 999
	}
	for _, rate := range []float64{0.02, 0.03, 0.1} {
		early, late := took(0, rate), took(80, rate)
		if float64(late) > max(2.2*float64(early), 3) {
			t.Errorf("%v of the orders fail: found after %d readings, and after %d when it begins at reading 80", rate, early, late)
		}
	}
}

// draw is a Poisson number.
func draw(r *rand.Rand, mean float64) int {
	if mean > 500 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*r.NormFloat64())))
	}
	k, p := 0, math.Exp(-mean)
	for sum, u := p, r.Float64(); u > sum && k < 10_000; sum += p {
		k++
		p *= mean / float64(k)
	}
	return k
}

// Readings without exposure are none: they neither use up the prior of the onset nor count.
func TestCountsWithoutExposureAreNoReadings(t *testing.T) {
	c := counts(t, 0.01, 1, 10)
	var with, without judge.CountsState
	for i := range 10 {
		d := judge.Increment{Failures: float64(i), Exposure: 100}
		c.Observe(&with, d)
		c.Observe(&without, d)
		if c.Observe(&without, judge.Increment{}) {
			t.Fatal("no exposure counts as a reading")
		}
	}
	if c.LogE(with) != c.LogE(without) || without.N != 10 {
		t.Errorf("evidence %v with %d readings, want %v with 10", c.LogE(without), without.N, c.LogE(with))
	}
	// Failures that are counted before their total are judged with it.
	var early, together judge.CountsState
	c.Observe(&early, judge.Increment{Failures: 30})
	c.Observe(&early, judge.Increment{Exposure: 100})
	c.Observe(&together, judge.Increment{Failures: 30, Exposure: 100})
	if c.LogE(early) != c.LogE(together) {
		t.Errorf("evidence %v, want %v", c.LogE(early), c.LogE(together))
	}
}

// One batch of failures, however large, does not decide; two readings do.
func TestCountsAreNotDecidedByOneReading(t *testing.T) {
	c := counts(t, 0.01, 1, 120)
	var s judge.CountsState
	for i, want := range []bool{false, true, true} {
		c.Observe(&s, judge.Increment{Failures: 1000, Exposure: 1000})
		if got := c.LogE(s) >= math.Log(1000); got != want {
			t.Errorf("after %d readings in which everything failed: %v", i+1, c.LogE(s))
		}
	}
}

// A watch that an earlier build stored has sums alone: they are one reading, and it goes on.
func TestCountsOfAnEarlierBuildGoOn(t *testing.T) {
	c := counts(t, 0.01, 1, 100)
	var old judge.CountsState
	if err := json.Unmarshal([]byte(`{"failures": 20, "exposure": 1000}`), &old); err != nil {
		t.Fatal(err)
	}
	var one judge.CountsState
	c.Observe(&one, judge.Increment{Failures: 20, Exposure: 1000})
	if c.LogE(old) != c.LogE(one) {
		t.Errorf("evidence %v, want %v", c.LogE(old), c.LogE(one))
	}
	for _, s := range []*judge.CountsState{&old, &one} {
		c.Observe(s, judge.Increment{Failures: 10, Exposure: 500})
	}
	if c.LogE(old) != c.LogE(one) || old.N != 2 || old.Failures != 30 {
		t.Errorf("%+v gives %v, want %v", old, c.LogE(old), c.LogE(one))
	}
	b, err := json.Marshal(one)
	if err != nil || len(b) > 300 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	var back judge.CountsState
	if err := json.Unmarshal(b, &back); err != nil || c.LogE(back) != c.LogE(one) {
		t.Errorf("%v comes back as %v, %v", c.LogE(one), c.LogE(back), err)
	}
}

// baseline makes four hours of readings with so many failures of 5,000 orders.
func baseline(failures func(i int) float64) []judge.Increment {
	all := make([]judge.Increment, 960)
	for i := range all {
		all[i] = judge.Increment{Failures: failures(i), Exposure: 5000}
	}
	return all
}

func TestClumpingIsMeasuredAtSeveralScales(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	steady := func(int) float64 { return float64(draw(r, 10)) }
	phi, batch := judge.Clumping(baseline(steady))
	if phi > 4 || batch != 0 {
		t.Errorf("independent failures: phi %v, batch %v", phi, batch)
	}
	// A rate that stays high for five minutes at a time does not show from one reading to the next.
	waves := func(i int) float64 { return float64(draw(r, 10*(1+0.6*float64(i/20%2)))) }
	if slow, _ := judge.Clumping(baseline(waves)); slow < 2*phi {
		t.Errorf("a rate that stays high for minutes: phi %v, want more than that of independent failures, %v", slow, phi)
	}
	// What varies with the number of orders is no clump.
	busy := baseline(steady)
	for i := range busy {
		if i/120%2 == 0 {
			busy[i].Failures, busy[i].Exposure = float64(draw(r, 100)), 50_000
		}
	}
	if got, _ := judge.Clumping(busy); got > 4 {
		t.Errorf("ten times as many orders, and failures, in every other half hour: phi %v", got)
	}
}

func TestOneBatchOfFailuresIsNoClumping(t *testing.T) {
	for name, length := range map[string]int{"one reading": 1, "one minute": 4, "five minutes": 20} {
		r := rand.New(rand.NewPCG(8, 8))
		phi, batch := judge.Clumping(baseline(func(i int) float64 {
			if 400 <= i && i < 400+length {
				return 5000
			}
			return float64(draw(r, 10))
		}))
		if lost := 5000 * float64(length); phi > 6 || math.Abs(batch-lost) > 0.02*lost {
			t.Errorf("an outage of %s: phi %v, batch %v of %v", name, phi, batch, lost)
		}
	}
	// Two are how it is.
	r := rand.New(rand.NewPCG(9, 9))
	if phi, _ := judge.Clumping(baseline(func(i int) float64 {
		if i%400 < 4 && i > 4 {
			return 500
		}
		return float64(draw(r, 10))
	})); phi < 100 {
		t.Errorf("two batches: phi %v", phi)
	}
}
