package judge_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"guardian/watch/judge"
)

func TestPassLengths(t *testing.T) {
	for bad, want := range map[float64]int{0.02: 258, 0.05: 102, 0.1: 50, 0.2: 24} {
		p, err := judge.NewPass(bad, 1)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for p.LogE(n, 0) < math.Log(100) {
			n++
		}
		if n != want {
			t.Errorf("bad rate %v: %d good looks pass, want %d", bad, n, want)
		}
	}
}

func TestPassRefuses(t *testing.T) {
	for _, c := range [][2]float64{{0, 1}, {1, 1}, {0.1, 0.5}, {math.NaN(), 1}, {0.1, math.Inf(1)}} {
		if _, err := judge.NewPass(c[0], c[1]); err == nil {
			t.Errorf("bad rate %v, tempering %v was accepted", c[0], c[1])
		}
	}
}

func TestPassExpectationIsAtMostOne(t *testing.T) {
	for _, phi := range []float64{1, 3} {
		p, err := judge.NewPass(0.2, phi)
		if err != nil {
			t.Fatal(err)
		}
		got := enumerate(12, func(_, k int, _ bool) float64 { return 0.2 + 0.1*float64(k%3) }, func(path []bool) float64 {
			k := 0
			for _, fail := range path {
				if fail {
					k++
				}
			}
			return p.LogE(len(path), k)
		})
		if got > 1+1e-9 {
			t.Errorf("tempering %v: expectation %v", phi, got)
		}
	}
}

func TestABadDeployWithBurstsSeldomPasses(t *testing.T) {
	n := streams(1000, 20_000)
	p, err := judge.NewPass(0.05, judge.Tempering(2.0/3))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(9, 9))
	passed := 0
	for range n {
		c := newChain(rng, 0.05, 3)
		k := 0
		for i := 1; i <= 720; i++ {
			if c.next() {
				k++
			}
			if p.LogE(i, k) >= math.Log(100) {
				passed++
				break
			}
		}
	}
	if rate := float64(passed) / float64(n); rate > 0.025 {
		t.Errorf("%.2f %% of bad deploys pass, want at most 2.5 %%", rate*100)
	}
}

func poisson(k int, mean float64) float64 {
	l, _ := math.Lgamma(float64(k + 1))
	return math.Exp(float64(k)*math.Log(mean) - mean - l)
}

func TestCountsExpectationIsOne(t *testing.T) {
	c, err := judge.NewCounts(0.01, 1, 100)
	if err != nil {
		t.Fatal(err)
	}
	// Ratios far beyond what can happen carry weight that this sum does not reach; it is at most 1.
	for _, exposure := range []float64{10, 200} {
		sum := 0.0
		for k := range 2000 {
			sum += poisson(k, 0.01*exposure) * math.Exp(c.LogE(judge.CountsState{Failures: float64(k), Exposure: exposure}))
		}
		if sum > 1+1e-9 || sum < 0.9 {
			t.Errorf("exposure %v: expectation %v", exposure, sum)
		}
	}
}

func TestCountsFindMoreFailures(t *testing.T) {
	c, err := judge.NewCounts(0.01, 1, 100)
	if err != nil {
		t.Fatal(err)
	}
	if e := c.LogE(judge.CountsState{Failures: 10, Exposure: 1000}); e > 0 {
		t.Errorf("as many as allowed: %v", e)
	}
	if e := c.LogE(judge.CountsState{Failures: 40, Exposure: 1000}); e < math.Log(1000) {
		t.Errorf("four times as many: %v", e)
	}
	tempered, err := judge.NewCounts(0.01, 9, 100)
	if err != nil {
		t.Fatal(err)
	}
	if e := tempered.LogE(judge.CountsState{Failures: 40, Exposure: 1000}); e > math.Log(1000) {
		t.Errorf("forty failures in clumps of five: %v", e)
	}
}

func TestCountsUpperRate(t *testing.T) {
	for _, c := range []struct {
		failures, exposure, phi, alpha, want float64
	}{
		{0, 1, 1, 0.05, 2.995732}, // the rule of three
		{10, 1, 1, 0.025, 18.390356},
		{10, 1000, 1, 0.025, 0.018390356},
		{30, 1, 3, 0.025, 3 * 18.390356}, // clumps of three are a third as many
	} {
		got := judge.CountsState{Failures: c.failures, Exposure: c.exposure}.UpperRate(c.phi, c.alpha)
		if !near(got, c.want, 1e-5) {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// each gives readings of one exposure each.
func each(failures ...float64) []judge.Increment {
	all := make([]judge.Increment, len(failures))
	for i, f := range failures {
		all[i] = judge.Increment{Failures: f, Exposure: 1}
	}
	return all
}

func TestClumping(t *testing.T) {
	if got, _ := judge.Clumping(each(0, 0, 5, 0, 0, 5, 0, 0, 5, 0)); got < 5 || got > 10 {
		t.Errorf("clumps of five: %v", got)
	}
	for _, quiet := range [][]float64{nil, {3}, {0, 0, 0}, {1, 1, 1}} {
		if got, _ := judge.Clumping(each(quiet...)); got != 1 {
			t.Errorf("%v: %v", quiet, got)
		}
	}
}

func TestCanaryKnownAnswer(t *testing.T) {
	b := judge.Block{ControlFailures: 1, Control: 9, CanaryFailures: 1, Canary: 1}
	if got := math.Exp(judge.BlockLogE(b, 0.05, 0.4)); !near(got, 3.7377670740664812, 1e-12) {
		t.Errorf("%.16g", got)
	}
}

func binomial(k, n int, p float64) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return math.Exp(a - b - c + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

// Two blocks with different common rates, all outcomes: the expectation is at most 1.
func TestCanaryExpectationIsAtMostOne(t *testing.T) {
	var test judge.Canary
	const ma, mb = 6, 3
	for _, rates := range [][2]float64{{0.01, 0.01}, {0.05, 0.9}, {0.5, 0.02}} {
		total := 0.0
		for a1 := range ma + 1 {
			for b1 := range mb + 1 {
				for a2 := range ma + 1 {
					for b2 := range mb + 1 {
						var s judge.CanaryState
						for _, b := range []judge.Block{{a1, ma, b1, mb}, {a2, ma, b2, mb}} {
							if err := test.Observe(&s, b); err != nil {
								t.Fatal(err)
							}
						}
						total += binomial(a1, ma, rates[0]) * binomial(b1, mb, rates[0]) *
							binomial(a2, ma, rates[1]) * binomial(b2, mb, rates[1]) * math.Exp(test.LogE(s))
					}
				}
			}
		}
		if total > 1+1e-9 {
			t.Errorf("rates %v: expectation %v", rates, total)
		}
	}
}

// What both share may drift in any way, and know what was seen: backward induction takes, before each
// block, the common rate that makes the most of the evidence so far. It is still at most 1.
func TestCanaryExpectationIsAtMostOneUnderAnyCommonDrift(t *testing.T) {
	var test judge.Canary
	sizes := []judge.Block{{Control: 4, Canary: 2}, {Control: 1, Canary: 3}, {Control: 5, Canary: 1}}
	var worst func(s judge.CanaryState, depth int) float64
	worst = func(s judge.CanaryState, depth int) float64 {
		if depth == len(sizes) {
			return math.Exp(test.LogE(s))
		}
		rates := []float64{0, 0.001, 0.01, 0.1, 0.3, 0.5, 0.8, 0.99, 1}
		sums := make([]float64, len(rates))
		b := sizes[depth]
		for b.ControlFailures = 0; b.ControlFailures <= b.Control; b.ControlFailures++ {
			for b.CanaryFailures = 0; b.CanaryFailures <= b.Canary; b.CanaryFailures++ {
				next := s
				if err := test.Observe(&next, b); err != nil {
					t.Fatal(err)
				}
				e := worst(next, depth+1)
				for i, rate := range rates {
					sums[i] += chanceOf(b.ControlFailures, b.Control, rate) * chanceOf(b.CanaryFailures, b.Canary, rate) * e
				}
			}
		}
		return slices.Max(sums)
	}
	for _, seen := range []judge.CanaryState{{}, {Looks: 1000, Failures: 10}, {Looks: 10, Failures: 10}} {
		if got := worst(seen, 0); got > 1+1e-9 {
			t.Errorf("control so far %d of %d: expectation %v", seen.Failures, seen.Looks, got)
		}
	}
}

// chanceOf is binomial, also for rates of 0 and 1.
func chanceOf(k, n int, p float64) float64 {
	switch {
	case p == 0 && k == 0, p == 1 && k == n:
		return 1
	case p == 0 || p == 1:
		return 0
	}
	return binomial(k, n, p)
}

func TestCanary(t *testing.T) {
	var test judge.Canary
	var s judge.CanaryState
	for _, b := range []judge.Block{{-1, 1, 0, 0}, {2, 1, 0, 0}, {0, 0, 1, 0}} {
		if err := test.Observe(&s, b); err == nil {
			t.Errorf("%+v was accepted", b)
		}
	}
	observe := func(b judge.Block, times int) float64 {
		s = judge.CanaryState{}
		for range times {
			if err := test.Observe(&s, b); err != nil {
				t.Fatal(err)
			}
		}
		return test.LogE(s)
	}
	if e := observe(judge.Block{9, 10, 9, 10}, 20); e > 0 {
		t.Errorf("a common incident weighs %v", e)
	}
	if e := observe(judge.Block{0, 10, 2, 10}, 20); e < math.Log(1000) {
		t.Errorf("a bad canary weighs only %v", e)
	}
	if e := observe(judge.Block{0, 0, 10, 10}, 20); math.Abs(e) > 1e-12 {
		t.Errorf("blocks without a control weigh %v", e)
	}
}

func TestLatencyRefuses(t *testing.T) {
	some := make([]float64, 100)
	for name, err := range map[string]error{
		"few latencies":      second(judge.NewLatency(some[:19], latencyPlan(0, 0.001, 10))),
		"negative tolerance": second(judge.NewLatency(some, latencyPlan(-1, 0.001, 10))),
		"no alpha":           second(judge.NewLatency(some, latencyPlan(0, 0, 10))),
		"no horizon":         second(judge.NewLatency(some, latencyPlan(0, 0.001, 0))),
	} {
		if err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A watch that is taken over goes on with the same evidence, whatever the test.
func TestStatesAreSmallAndSurviveJSON(t *testing.T) {
	l, err := judge.NewLatency(slices.Repeat([]float64{0.1, 0.2, 0.3}, 100), latencyPlan(0, 0.001, 720))
	if err != nil {
		t.Fatal(err)
	}
	var canary judge.CanaryState
	var latency, latencyBack judge.LatencyState
	for i := range 100 {
		l.Observe(&latency, float64(i%7)/10)
		if err := (judge.Canary{}).Observe(&canary, judge.Block{ControlFailures: i % 3, Control: 5, CanaryFailures: i % 4, Canary: 3}); err != nil {
			t.Fatal(err)
		}
	}
	var canaryBack judge.CanaryState
	for _, c := range []struct{ from, into any }{{latency, &latencyBack}, {canary, &canaryBack}} {
		b, err := json.Marshal(c.from)
		if err != nil || len(b) > 8<<10 {
			t.Fatalf("%T: %d bytes, %v", c.from, len(b), err)
		}
		if err := json.Unmarshal(b, c.into); err != nil {
			t.Fatal(err)
		}
	}
	if l.LogE(latencyBack) != l.LogE(latency) || canaryBack != canary {
		t.Error("the evidence came back changed")
	}
}

func BenchmarkLatencyObserve(b *testing.B) {
	l, err := judge.NewLatency(slices.Repeat([]float64{0.1, 0.2, 0.3}, 100), latencyPlan(0, 0.001, 720))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var s judge.LatencyState
	sink := 0.0
	for i := 0; b.Loop(); i++ {
		l.Observe(&s, float64(i%7)/30)
		sink += l.LogE(s)
	}
	_ = sink
}

func BenchmarkCanaryObserve(b *testing.B) {
	b.ReportAllocs()
	var s judge.CanaryState
	sink := 0.0
	for i := 0; b.Loop(); i++ {
		if err := (judge.Canary{}).Observe(&s, judge.Block{ControlFailures: i % 3, Control: 10, CanaryFailures: i % 2, Canary: 10}); err != nil {
			b.Fatal(err)
		}
		sink += judge.Canary{}.LogE(s)
	}
	_ = sink
}

func latencyPlan(part, alpha float64, horizon int) judge.LatencyPlan {
	return judge.LatencyPlan{Part: part, Alpha: alpha, Horizon: horizon, Bursts: true}
}
