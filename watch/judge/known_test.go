package judge_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"guardian/watch/judge"
)

func newKnown(tb testing.TB, p0 float64, horizon int) *judge.Known {
	tb.Helper()
	k, err := judge.NewKnown(p0, horizon)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func TestKnownRefusesWhatCannotBeTested(t *testing.T) {
	if _, err := judge.NewKnown(0.01, 0); err == nil {
		t.Error("a horizon of 0 was accepted")
	}
	if _, err := judge.NewKnown(0, 100); err == nil {
		t.Error("a null rate of 0 was accepted")
	}
}

// enumerate gives the expectation of exp(logE) over all histories of n observations that
// fail at the rate that the past determines.
func enumerate(n int, rate func(n, k int, last bool) float64, logE func(path []bool) float64) float64 {
	sum := 0.0
	path := make([]bool, n)
	for bits := range 1 << n {
		p, k, last := 1.0, 0, false
		for i := range n {
			path[i] = bits>>i&1 == 1
			q := rate(i, k, last)
			if path[i] {
				p *= q
				k++
			} else {
				p *= 1 - q
			}
			last = path[i]
		}
		sum += p * math.Exp(logE(path))
	}
	return sum
}

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

func TestKnownStateSurvivesJSON(t *testing.T) {
	test := newKnown(t, 0.01, 100)
	var s, back judge.KnownState
	for i := range 50 {
		test.Observe(&s, i%9 == 0)
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		back = judge.KnownState{}
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		if len(b) > 8<<10 {
			t.Fatalf("the state has %d bytes", len(b))
		}
		if test.LogE(back) != test.LogE(s) {
			t.Fatalf("after %d observations %v came back as %v", i+1, test.LogE(s), test.LogE(back))
		}
	}
}

func TestStatesThatDoNotFit(t *testing.T) {
	test := newKnown(t, 0.01, 100)
	for name, s := range map[string]judge.KnownState{
		"more failures than looks": {N: 1, K: 2, Late: make([]float64, 9)},
		"negative looks":           {N: -1},
		"of another grid":          {N: 3, K: 1, Late: []float64{1}},
		"nothing kept":             {N: 3, K: 1},
		"negative evidence":        {N: 1, Late: []float64{0, 0, 0, 0, -1, 0, 0, 0, 0}},
		"not a number":             {N: 1, Late: []float64{0, 0, 0, 0, math.NaN(), 0, 0, 0, 0}},
	} {
		if test.Fits(s) {
			t.Errorf("%s: fits", name)
		}
	}
	if !test.Fits(judge.KnownState{}) {
		t.Error("the zero state does not fit")
	}
}

func TestKnownDoesNotAllocate(t *testing.T) {
	test := newKnown(t, 0.01, 720)
	var s judge.KnownState
	test.Observe(&s, false)
	sink := 0.0
	if n := testing.AllocsPerRun(100, func() {
		test.Observe(&s, s.N%7 == 0)
		sink += test.LogE(s)
	}); n != 0 {
		t.Errorf("%v allocations per observation", n)
	}
	_ = sink
}

func BenchmarkKnownObserve(b *testing.B) {
	test := newKnown(b, 0.01, 720)
	b.ReportAllocs()
	var s judge.KnownState
	sink := 0.0
	for b.Loop() {
		test.Observe(&s, s.N%97 == 0)
		sink += test.LogE(s)
	}
	_ = sink
}
