package judge_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"guardian/watch/judge"
)

func TestBetaKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"upper bound of 7 in 1440", judge.RateUpper(7, 1440, 1e-4), 0.015857986956799408},
		{"exceedance bound of the 90 % quantile", judge.BetaUpper(1e-4, 101, 900), 0.13963342279372304},
		{"ln G(7, 1440, 0.01)", judge.LogG(7, 1440, 0.01), 0.799163962804475},
		{"ln G(0, 120, 0.03)", judge.LogG(0, 120, 0.03), 2.2423554578358},
	} {
		if !near(c.got, c.want, 1e-10) {
			t.Errorf("%s: %.16g, want %.16g", c.what, c.got, c.want)
		}
	}
}

// I_x(k, n-k+1) is the chance of at least k successes in n trials.
func TestIncompleteBetaIsTheBinomialTail(t *testing.T) {
	for _, n := range []int{1, 5, 40} {
		for k := 1; k <= n; k++ {
			for _, x := range []float64{0.001, 0.05, 0.5, 0.93} {
				tail := 0.0
				for i := k; i <= n; i++ {
					a, _ := math.Lgamma(float64(n + 1))
					b, _ := math.Lgamma(float64(i + 1))
					c, _ := math.Lgamma(float64(n - i + 1))
					tail += math.Exp(a - b - c + float64(i)*math.Log(x) + float64(n-i)*math.Log1p(-x))
				}
				if got := judge.LogBetaI(float64(k), float64(n-k+1), x); math.Abs(got-math.Log(tail)) > 1e-9*math.Max(1, math.Abs(got)) {
					t.Fatalf("I_%v(%d,%d): ln %v, want %v", x, k, n-k+1, got, math.Log(tail))
				}
			}
		}
	}
}

func TestRateBounds(t *testing.T) {
	if got := judge.RateUpper(0, 100, 0.05); !near(got, 1-math.Pow(0.05, 0.01), 1e-12) {
		t.Errorf("upper bound of none in 100: %v", got)
	}
	if judge.RateUpper(5, 5, 0.05) != 1 || judge.RateLower(0, 5, 0.05) != 0 {
		t.Error("the ends of the range")
	}
}

func TestHistory(t *testing.T) {
	var h judge.History
	for _, mark := range "..xx.x.." {
		h.Observe(mark == 'x')
	}
	want := judge.History{Calm: 4, Begun: 2, Failing: 3, Again: 1, Last: 1}
	if h != want {
		t.Errorf("%+v, want %+v", h, want)
	}
	if looks, failures := h.Counts(); looks != 7 || failures != 3 {
		t.Errorf("%d looks, %d failures", looks, failures)
	}
	if p := (judge.History{Calm: 100, Begun: 1}).Persistence(); p != 0.6 {
		t.Errorf("persistence of failures that were not followed up: %v", p)
	}
	if p := (judge.History{Failing: 50, Again: 10}).Persistence(); p != 0.5 {
		t.Errorf("persistence of short bursts: %v", p)
	}
	long := judge.History{Failing: 1000, Again: 900}
	if p := long.Persistence(); p < 0.9 || p > 0.93 {
		t.Errorf("persistence of long bursts: %v", p)
	}
}

func TestBeforeRefusesWhatItCannotCompare(t *testing.T) {
	some := judge.History{Calm: 100, Begun: 1}
	for name, c := range map[string]struct {
		h       judge.History
		tol     judge.Tolerance
		horizon int
	}{
		"no history":        {judge.History{}, judge.DefaultTolerance(), 10},
		"an odd history":    {judge.History{Calm: 1, Begun: 2}, judge.DefaultTolerance(), 10},
		"a ratio under 1":   {some, judge.Tolerance{Ratio: 0.5}, 10},
		"a negative delta":  {some, judge.Tolerance{Ratio: 1, Delta: -1}, 10},
		"a rate that is no": {some, judge.Tolerance{Ratio: 1, Rate: math.NaN()}, 10},
		"no horizon":        {some, judge.DefaultTolerance(), 0},
	} {
		if _, err := judge.NewBefore(c.h, c.tol, c.horizon, true); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := judge.NewBefore(judge.History{}, judge.DefaultTolerance(), 10, true); !errors.Is(err, judge.ErrNoHistory) {
		t.Errorf("error %v", err)
	}
}

func logEAfter(p *judge.Process, s judge.ProcessState, path []bool) float64 {
	for _, fail := range path {
		p.Observe(&s, fail)
	}
	return p.LogE(s)
}

// The whole experiment is enumerated: every history, and every outcome after it under rates
// that reach the tolerance. The expectation of the evidence is at most 1.
func TestBeforeExpectationIsAtMostOne(t *testing.T) {
	const before, after = 8, 7
	for _, tol := range []judge.Tolerance{{Ratio: 1}, {Ratio: 1.5, Delta: 0.01}, {Ratio: 1, Rate: 0.1}} {
		for _, theta := range []float64{0.01, 0.1, 0.4} {
			allowed := math.Max(tol.Rate, tol.Ratio*theta+tol.Delta)
			total := 0.0
			for k := range before + 1 { // failures of independent looks: the order does not matter
				a, _ := math.Lgamma(before + 1)
				b, _ := math.Lgamma(float64(k + 1))
				c, _ := math.Lgamma(float64(before - k + 1))
				chance := math.Exp(a - b - c + float64(k)*math.Log(theta) + float64(before-k)*math.Log1p(-theta))
				p, err := judge.NewBefore(judge.History{Calm: before, Begun: k}, tol, after, false)
				if err != nil {
					t.Fatal(err)
				}
				total += chance * enumerate(after, func(int, int, bool) float64 { return allowed }, func(path []bool) float64 {
					return logEAfter(p, judge.ProcessState{}, path)
				})
			}
			if total > 1+1e-9 {
				t.Errorf("tolerance %+v, rate before %v: expectation %v", tol, theta, total)
			}
		}
	}
}

// Given the history, a chain that fails at most at the tolerated rate after a success and at
// most at the persistence after a failure leaves every bracket at most 1.
func TestBurstsDoNotRaiseTheExpectation(t *testing.T) {
	h := judge.History{Calm: 200, Begun: 4, Failing: 4, Again: 2, Last: 1}
	tol := judge.Tolerance{Ratio: 1, Rate: 0.9} // one null only: the tolerated rate itself
	tol.Rate = 0.3
	p, err := judge.NewBefore(h, tol, 12, true)
	if err != nil {
		t.Fatal(err)
	}
	rate := func(_, _ int, last bool) float64 {
		if last {
			return h.Persistence()
		}
		return tol.Rate
	}
	got := enumerate(12, rate, func(path []bool) float64 { return logEAfter(p, h.Begin(), path) })
	if got > 1+1e-9 {
		t.Errorf("expectation %v", got)
	}
}

// chain draws looks that fail at a rate in bursts of a mean length.
type chain struct {
	rng         *rand.Rand
	start, stay float64
	last        bool
}

func newChain(rng *rand.Rand, rate, burst float64) *chain {
	stay := 1 - 1/burst
	return &chain{rng: rng, start: rate * (1 - stay) / (1 - rate), stay: stay}
}

func (c *chain) next() bool {
	p := c.start
	if c.last {
		p = c.stay
	}
	c.last = c.rng.Float64() < p
	return c.last
}

// streams is how many streams a simulation draws: few in everyday tests, and many, as the
// bounds deserve, with GUARDIAN_LONG_TESTS set.
func streams(few, many int) int {
	if os.Getenv("GUARDIAN_LONG_TESTS") != "" {
		return many
	}
	return few
}

func TestBurstsDoNotFailHealthyDeploys(t *testing.T) {
	const alpha, horizon = 0.001, 720
	n := streams(300, 20_000)
	for _, c := range []struct {
		rate, burst float64
		history     int
		most        float64
	}{
		{0.005, 1, 1440, 0.002},
		{0.02, 1, 1440, 0.002},
		{0.005, 3, 1440, 0.002},
		{0.02, 3, 1440, 0.002},
		{0.02, 10, 20_000, 0.004},
	} {
		t.Run(fmt.Sprintf("%v in bursts of %v", c.rate, c.burst), func(t *testing.T) {
			t.Parallel()
			failed := 0
			rng := rand.New(rand.NewPCG(11, uint64(c.rate*1e4+c.burst)))
			for range n {
				x := newChain(rng, c.rate, c.burst)
				var h judge.History
				for range c.history {
					h.Observe(x.next())
				}
				p, err := judge.NewBefore(h, judge.Tolerance{Ratio: 1}, horizon, true)
				if err != nil {
					t.Fatal(err)
				}
				s := h.Begin()
				for range horizon {
					fail := x.next()
					p.Observe(&s, fail)
					if fail && p.LogE(s) >= math.Log(1/alpha) {
						failed++
						break
					}
				}
			}
			// Of so few streams a rate just at the bound gives this many at the very most (4 sigma).
			bound := c.most*float64(n) + 4*math.Sqrt(c.most*float64(n))
			if float64(failed) > bound {
				t.Errorf("%d of %d healthy deploys fail", failed, n)
			}
			t.Logf("%d of %d", failed, n)
		})
	}
}

func TestDelayAgainstAHistory(t *testing.T) {
	const alpha, horizon, before, p0 = 0.001, 720, 2880, 0.005
	n := streams(100, 2000)
	for _, c := range []struct{ p1, most float64 }{{0.05, 2.0}, {0.2, 2.0}, {1, 0}} {
		rng := rand.New(rand.NewPCG(5, uint64(c.p1*100)))
		sum := 0
		for range n {
			var h judge.History
			for range before {
				h.Observe(rng.Float64() < p0)
			}
			p, err := judge.NewBefore(h, judge.Tolerance{Ratio: 1}, horizon, false)
			if err != nil {
				t.Fatal(err)
			}
			s := h.Begin()
			for s.N < 5000 && p.LogE(s) < math.Log(1/alpha) {
				p.Observe(&s, rng.Float64() < c.p1)
			}
			sum += s.N
		}
		mean := float64(sum) / float64(n)
		if c.p1 == 1 {
			if mean > 3 {
				t.Errorf("an outage is found after %.2f looks, want at most 3", mean)
			}
			continue
		}
		bound := math.Log(1/alpha) / (c.p1*math.Log(c.p1/p0) + (1-c.p1)*math.Log((1-c.p1)/(1-p0)))
		if mean/bound > c.most {
			t.Errorf("p1 %v: %.2f times Wald's bound, want at most %v", c.p1, mean/bound, c.most)
		}
		t.Logf("p1 %v: %.2f looks, %.2f times Wald's bound", c.p1, mean, mean/bound)
	}
}

func TestAnOutageWithAQuietHistory(t *testing.T) {
	p, err := judge.NewBefore(judge.History{Calm: 1440, Last: 1}, judge.Tolerance{Ratio: 1}, 720, true)
	if err != nil {
		t.Fatal(err)
	}
	var s judge.ProcessState
	for p.LogE(s) < math.Log(1000) && s.N < 100 {
		p.Observe(&s, true)
	}
	if s.N > 10 {
		t.Errorf("found after %d looks, want at most 10", s.N)
	}
}

// Where nothing is known of bursts, an outage is found as soon as where single failures are.
func TestAnOutageWhereNothingIsKnownOfBursts(t *testing.T) {
	for _, h := range []judge.History{{Calm: 1440, Begun: 7}, {Calm: 2880, Begun: 14}} {
		p, err := judge.NewBefore(h, judge.Tolerance{Ratio: 1}, 720, true)
		if err != nil {
			t.Fatal(err)
		}
		var s judge.ProcessState
		for p.LogE(s) < math.Log(1000) && s.N < 100 {
			p.Observe(&s, true)
		}
		if s.N > 10 {
			t.Errorf("%+v: found after %d looks, want at most 10", h, s.N)
		}
	}
}

func TestProcessStateIsSmallAndSurvivesJSON(t *testing.T) {
	for _, tol := range []judge.Tolerance{judge.DefaultTolerance(), {Ratio: 1}, {Ratio: 1, Rate: 1e-5}} {
		p, err := judge.NewBefore(judge.History{Calm: 100_000, Begun: 3, Last: 1}, tol, 720, true)
		if err != nil {
			t.Fatal(err)
		}
		var s judge.ProcessState
		for i := range 30 {
			p.Observe(&s, i%8 == 0)
			b, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) > 8<<10 {
				t.Fatalf("%d bytes", len(b))
			}
			var back judge.ProcessState
			if err := json.Unmarshal(b, &back); err != nil {
				t.Fatal(err)
			}
			if !p.Fits(back) || p.LogE(back) != p.LogE(s) {
				t.Fatalf("%v came back as %v", p.LogE(s), p.LogE(back))
			}
			s = back
		}
	}
}

func TestProcessStatesThatCannotBeRead(t *testing.T) {
	for _, bad := range []string{`{"n":1,"a":"AAA"}`, `{"n":1,"a":"AAAA"}`, `{"n":1,"a":"!"}`} {
		var s judge.ProcessState
		if err := json.Unmarshal([]byte(bad), &s); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestProcessDoesNotAllocate(t *testing.T) {
	p, err := judge.NewBefore(judge.History{Calm: 1440, Begun: 7}, judge.DefaultTolerance(), 720, true)
	if err != nil {
		t.Fatal(err)
	}
	var s judge.ProcessState
	p.Observe(&s, false)
	sink := 0.0
	if n := testing.AllocsPerRun(100, func() {
		p.Observe(&s, s.N%9 == 0)
		sink += p.LogE(s)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	_ = sink
}

func BenchmarkBeforeObserve(b *testing.B) {
	p, err := judge.NewBefore(judge.History{Calm: 1440, Begun: 7, Failing: 7, Again: 2}, judge.DefaultTolerance(), 720, true)
	if err != nil {
		b.Fatal(err)
	}
	var s judge.ProcessState
	b.ReportAllocs()
	sink := 0.0
	for b.Loop() {
		p.Observe(&s, s.N%97 == 0)
		sink += p.LogE(s)
	}
	_ = sink
}
