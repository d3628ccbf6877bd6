//go:build !race

// Many streams and whole enumerations, one goroutine: under the race detector they would take
// minutes and find nothing.

package judge_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"guardian/watch/judge"
)

func TestKnownExpectationIsAtMostOne(t *testing.T) {
	const n = 12
	for _, p0 := range []float64{0.001, 0.01, 0.2, 0.5} {
		for _, horizon := range []int{1, 5, n, 200} {
			test := newKnown(t, p0, horizon)
			logE := func(path []bool) float64 {
				var s judge.KnownState
				for _, fail := range path {
					test.Observe(&s, fail)
				}
				return test.LogE(s)
			}
			if got := enumerate(n, func(int, int, bool) float64 { return p0 }, logE); !near(got, 1, 1e-9) {
				t.Errorf("p0 %v horizon %d: expectation %v, want 1", p0, horizon, got)
			}
			better := func(_, k int, _ bool) float64 { return p0 / float64(1+k%3) }
			if got := enumerate(n, better, logE); got > 1+1e-9 {
				t.Errorf("p0 %v horizon %d: expectation %v under a better target", p0, horizon, got)
			}
		}
	}
}

func TestKnownKeepsAlphaUnderContinuousPeeking(t *testing.T) {
	const alpha, horizon = 0.001, 720
	n := streams(4000, 20_000)
	for _, p0 := range []float64{0.005, 0.01, 0.05, 0.2} {
		test := newKnown(t, p0, horizon)
		threshold := test.Threshold(alpha)
		rng := rand.New(rand.NewPCG(7, uint64(p0*1000)))
		crossed := 0
		var s judge.KnownState
		for range n {
			clear(s.Late)
			s.N, s.K = 0, 0
			for range horizon {
				fail := rng.Float64() < p0
				test.Observe(&s, fail)
				if fail && test.Crossed(s, alpha, threshold) {
					crossed++
					break
				}
			}
		}
		if rate := float64(crossed) / float64(n); rate > 0.0015 {
			t.Errorf("p0 %v: %.3f %% of healthy deploys fail, want at most 0.15 %%", p0, rate*100)
		}
	}
}

func TestKnownDelay(t *testing.T) {
	const p0, alpha, horizon = 0.01, 0.001, 720
	many := streams(1000, 5000)
	test := newKnown(t, p0, horizon)
	threshold := test.Threshold(alpha)
	delay := func(p1 float64, onset int) float64 {
		rng := rand.New(rand.NewPCG(3, uint64(p1*100)))
		sum, n := 0, 0
		for range many {
			var s judge.KnownState
			for {
				p := p0
				if s.N >= onset {
					p = p1
				}
				test.Observe(&s, rng.Float64() < p)
				if test.Crossed(s, alpha, threshold) {
					break
				}
			}
			if s.N > onset {
				sum += s.N - onset
				n++
			}
		}
		return float64(sum) / float64(n)
	}
	for _, p1 := range []float64{0.05, 0.1, 0.2, 0.5} {
		bound := math.Log(1/alpha) / (p1*math.Log(p1/p0) + (1-p1)*math.Log((1-p1)/(1-p0)))
		if got := delay(p1, 0) / bound; got > 1.25 {
			t.Errorf("p1 %v: %.2f times Wald's bound, want at most 1.25", p1, got)
		}
	}
	if got := delay(0.2, 240); got > 40 {
		t.Errorf("a fault of 20 %% at look 240 is found after %.1f looks, want at most 40", got)
	}
	if got := delay(1, 0); got > 3 {
		t.Errorf("an outage is found after %.1f looks, want at most 3", got)
	}
	if got := delay(1, 240); got > 5 {
		t.Errorf("an outage at look 240 is found after %.1f looks, want at most 5", got)
	}
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
// most at the persistence after a failure leaves every bracket at most 1. With fewer than three runs in
// history, a run that begins with one of the first three looks persists at most with the default.
func TestBurstsDoNotRaiseTheExpectation(t *testing.T) {
	for name, h := range map[string]judge.History{
		"many runs": {Calm: 200, Begun: 4, Failing: 8, Again: 4, Last: 1, Longest: 3},
		"two runs":  {Calm: 200, Begun: 2, Failing: 8, Again: 6, Last: 1, Longest: 6},
		"no run":    {Calm: 200, Last: 1},
	} {
		tol := judge.Tolerance{Ratio: 1, Rate: 0.3, Healthy: 0.3} // one rate only: the tolerated one
		p, err := judge.NewBefore(h, tol, 12, true)
		if err != nil {
			t.Fatal(err)
		}
		early := false // the run that goes on began with one of the first three looks
		rate := func(n, _ int, last bool) float64 {
			switch {
			case !last:
				early = n < 3
				return tol.Rate
			case early && h.Runs().Ended < 3:
				return min(h.Persistence(), 0.6)
			default:
				return h.Persistence()
			}
		}
		got := enumerate(12, rate, func(path []bool) float64 { return logEAfter(p, h.Begin(), path) })
		if got > 1+1e-9 {
			t.Errorf("%s: expectation %v", name, got)
		}
	}
}

// While history is short, a share of failures is healthy: for every persistence that the history does
// not rule out, so many failures begin that this share of the looks fails. The expectation of the
// evidence is at most 1.
func TestAShareOfFailuresIsHealthyWithEveryPersistence(t *testing.T) {
	const share, n = 0.05, 12
	tol := judge.Tolerance{Ratio: 1.5, Delta: 0.005, Rate: 0.01, Healthy: share}
	for _, h := range []judge.History{{}, {Calm: 30, Last: 1}, {Calm: 150, Begun: 6, Failing: 9, Again: 3, Last: 1, Longest: 2}} {
		p, err := judge.NewBefore(h, tol, n, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, persistence := range []float64{0, 0.05, 0.2, 0.3, 0.4, 0.5, h.Persistence()} {
			if persistence > h.Persistence() {
				continue
			}
			rate := func(_, _ int, last bool) float64 {
				if last {
					return persistence
				}
				return share * (1 - persistence) / (1 - share)
			}
			got := enumerate(n, rate, func(path []bool) float64 { return logEAfter(p, h.Begin(), path) })
			if got > 1+1e-9 {
				t.Errorf("history %+v, persistence %v: expectation %v", h, persistence, got)
			}
		}
	}
}

// What was seen of a short history is compared too: a check that failed a fifth of 120 looks is not
// blamed for failing a fifth.
func TestAShortHistoryThatFailedOftenIsHealthyAsItWas(t *testing.T) {
	n := streams(300, 20_000)
	rng := rand.New(rand.NewPCG(31, 32))
	failed := 0
	for range n {
		var h judge.History
		for range 120 {
			h.Observe(rng.Float64() < 0.2)
		}
		p, err := judge.NewBefore(h, judge.Tolerance{Ratio: 1.5, Delta: 0.005, Rate: 0.01, Healthy: 0.05}, 120, true)
		if err != nil {
			t.Fatal(err)
		}
		s := h.Begin()
		for range 120 {
			if p.Observe(&s, rng.Float64() < 0.2) >= math.Log(1000) {
				failed++
				break
			}
		}
	}
	if float64(failed) > 0.001*float64(n)+3 {
		t.Errorf("%d of %d healthy deploys fail", failed, n)
	}
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

// The delay stays near Wald's bound ln(1/alpha)/KL(p1,p0), which no test can beat.
func TestDelayIsNearTheInformationBound(t *testing.T) {
	const p0, alpha, horizon = 0.01, 0.001, 720
	many := streams(2000, 20_000)
	o := newOneSample(t, p0)
	exact, plain := o.Threshold(alpha, horizon), math.Log(1/alpha)
	for _, p1 := range []float64{0.05, 0.1, 0.2, 0.5} {
		bound := math.Log(1/alpha) / (p1*math.Log(p1/p0) + (1-p1)*math.Log((1-p1)/(1-p0)))
		rng := rand.New(rand.NewPCG(1, uint64(p1*100)))
		mean := func(b float64) float64 {
			sum := 0
			for range many {
				n, k := 0, 0
				for o.LogE(n, k) < b {
					n++
					if rng.Float64() < p1 {
						k++
					}
				}
				sum += n
			}
			return float64(sum) / float64(many)
		}
		if got := mean(exact) / bound; got > 1.25 {
			t.Errorf("p1 %v: %.2f times Wald's bound with the exact threshold, want at most 1.25", p1, got)
		}
		if got := mean(plain) / bound; got > 1.45 {
			t.Errorf("p1 %v: %.2f times Wald's bound with 1/alpha, want at most 1.45", p1, got)
		}
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

func TestLatency(t *testing.T) {
	const alpha = 0.001
	for _, c := range []struct {
		bursts      bool
		ten, double int // looks until found
	}{
		{false, 10, 300},
		{true, 16, 500}, // slow looks may follow each other, so they prove less
	} {
		rng := rand.New(rand.NewPCG(4, 4))
		draw := func() float64 { return math.Exp(rng.NormFloat64()) / 10 }
		found := func(slower float64) int {
			before := make([]float64, 1000)
			for i := range before {
				before[i] = draw()
			}
			l, err := judge.NewLatency(before, judge.LatencyPlan{Alpha: alpha, Horizon: 720, Bursts: c.bursts})
			if err != nil {
				t.Fatal(err)
			}
			var s judge.LatencyState
			for i := 1; i <= 720; i++ {
				l.Observe(&s, draw()*slower)
				if l.LogE(s) >= math.Log(1/alpha) {
					return i
				}
			}
			return 0
		}
		n, false1 := streams(200, 5000), 0
		for range n {
			if found(1) > 0 {
				false1++
			}
		}
		if false1 > 1+n/500 {
			t.Errorf("bursts %v: %d of %d unchanged deploys are found slower", c.bursts, false1, n)
		}
		if at := found(10); at == 0 || at > c.ten {
			t.Errorf("bursts %v: ten times slower is found after %d looks", c.bursts, at)
		}
		if at := found(2); at == 0 || at > c.double {
			t.Errorf("bursts %v: twice as slow is found after %d looks", c.bursts, at)
		}
		// A timeout is a failure: it has no duration, and is counted among the failures.
		if at := found(math.Inf(1)); at != 0 {
			t.Errorf("bursts %v: timeouts are found to be slow after %d looks", c.bursts, at)
		}
	}
}

// Durations that follow each other closely: a slow look is often followed by another one.
func TestLatencyOfLooksThatDependOnEachOther(t *testing.T) {
	const alpha, horizon = 0.001, 720
	n := streams(300, 20_000)
	for _, depends := range []float64{0.5, 0.9} {
		rng := rand.New(rand.NewPCG(6, uint64(depends*10)))
		x := rng.NormFloat64()
		draw := func() float64 {
			x = depends*x + math.Sqrt(1-depends*depends)*rng.NormFloat64()
			return math.Exp(x) / 10
		}
		failed := 0
		before := make([]float64, 1000)
		for range n {
			for i := range before {
				before[i] = draw()
			}
			l, err := judge.NewLatency(before, judge.LatencyPlan{Alpha: alpha, Horizon: horizon, Bursts: true})
			if err != nil {
				t.Fatal(err)
			}
			var s judge.LatencyState
			for range horizon {
				l.Observe(&s, draw())
				if l.LogE(s) >= math.Log(1/alpha) {
					failed++
					break
				}
			}
		}
		if float64(failed) > 0.002*float64(n)+2 {
			t.Errorf("correlation %v: %d of %d unchanged deploys are found slower", depends, failed, n)
		}
		t.Logf("correlation %v: %d of %d", depends, failed, n)
	}
}

func TestBurstsAgainstAKnownRateKeepAlpha(t *testing.T) {
	n := streams(500, 20_000)
	rng := rand.New(rand.NewPCG(21, 22))
	failed := 0
	p := plan(func(p *judge.Plan) { p.Bursts = true })
	for range n {
		s, err := judge.NewStream(p)
		if err != nil {
			t.Fatal(err)
		}
		c := newChain(rng, 0.01, 2) // bursts of 2 persist with a chance of 0.5
		for s.Result() == judge.Continue {
			s.Observe(c.next())
		}
		if s.Result() == judge.Failed {
			failed++
		}
	}
	if float64(failed) > 0.0015*float64(n)+2 {
		t.Errorf("%d of %d healthy deploys fail", failed, n)
	}
}
