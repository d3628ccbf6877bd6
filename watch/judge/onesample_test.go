package judge_test

import (
	"math"
	"testing"

	"guardian/watch/judge"
)

func newOneSample(tb testing.TB, p0 float64) judge.OneSample {
	tb.Helper()
	o, err := judge.NewOneSample(p0)
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

// near compares to a relative precision.
func near(got, want, rel float64) bool {
	return math.Abs(got-want) <= rel*math.Max(1, math.Abs(want))
}

func TestOneSampleKnownAnswers(t *testing.T) {
	o := newOneSample(t, 0.01)
	for _, c := range []struct {
		n, k int
		want float64
	}{
		{0, 0, 0},
		{2, 2, 7.69679986659664},
		{20, 3, 4.17882528266809},
		{360, 3, -3.69304886285444},
	} {
		if got := o.LogE(c.n, c.k); !near(got, c.want, 1e-12) {
			t.Errorf("logE(%d,%d) = %.15g, want %.15g", c.n, c.k, got, c.want)
		}
	}
}

func TestNullRatesThatCannotBeTestedAreRefused(t *testing.T) {
	for _, p0 := range []float64{-1, 0, judge.MinRate / 2, 0.995, 1, 2, math.NaN(), math.Inf(1)} {
		if _, err := judge.NewOneSample(p0); err == nil {
			t.Errorf("null rate %v was accepted", p0)
		}
	}
	for _, p0 := range []float64{judge.MinRate, 0.5, judge.MaxRate} {
		if _, err := judge.NewOneSample(p0); err != nil {
			t.Errorf("null rate %v: %v", p0, err)
		}
	}
}

// All 2^n histories are enumerated under a rate that depends on the past and stays at or
// under p0: the expectation of the evidence is at most 1, and exactly 1 at p0.
func TestExpectationUnderTheNullIsAtMostOne(t *testing.T) {
	const n = 14
	for _, p0 := range []float64{0.001, 0.01, 0.2, 0.5, 0.9} {
		o := newOneSample(t, p0)
		atNull, below := 0.0, 0.0
		for path := range 1 << n {
			p1, p2, k := 1.0, 1.0, 0
			for i := range n {
				q := p0
				if k%2 == 1 { // after an odd number of failures the target does better
					q = p0 / 3
				}
				if path>>i&1 == 1 {
					p1, p2, k = p1*p0, p2*q, k+1
				} else {
					p1, p2 = p1*(1-p0), p2*(1-q)
				}
			}
			e := math.Exp(o.LogE(n, k))
			atNull += p1 * e
			below += p2 * e
		}
		if !near(atNull, 1, 1e-9) {
			t.Errorf("p0 %v: expectation at the null rate is %v, want 1", p0, atNull)
		}
		if below > 1 {
			t.Errorf("p0 %v: expectation under a better target is %v, want at most 1", p0, below)
		}
	}
}

// crossingByHand walks the same chain without any of the shortcuts of Crossing.
func crossingByHand(o judge.OneSample, p0, b float64, horizon int) float64 {
	open := map[int]float64{0: 1}
	crossed := 0.0
	for n := 1; n <= horizon; n++ {
		next := map[int]float64{}
		for k, p := range open {
			next[k] += p * (1 - p0)
			next[k+1] += p * p0
		}
		for k, p := range next {
			if o.LogE(n, k) >= b {
				crossed += p
				delete(next, k)
			}
		}
		open = next
	}
	return crossed
}

func TestThresholdKeepsAlphaAndIsTight(t *testing.T) {
	for _, p0 := range []float64{0.005, 0.01, 0.05, 0.2, 0.5} {
		for _, alpha := range []float64{0.05, 0.01, 0.001} {
			o := newOneSample(t, p0)
			const horizon = 120
			b := o.Threshold(alpha, horizon)
			if b > math.Log(1/alpha)+1e-9 {
				t.Errorf("p0 %v alpha %v: threshold %v is above ln(1/alpha)", p0, alpha, b)
			}
			got := crossingByHand(o, p0, b, horizon)
			if got > alpha {
				t.Errorf("p0 %v alpha %v: crossed with chance %v", p0, alpha, got)
			}
			if fast := o.Crossing(b, horizon); !near(fast, got, 1e-9) {
				t.Errorf("p0 %v alpha %v: Crossing says %v, by hand it is %v", p0, alpha, fast, got)
			}
			if below := crossingByHand(o, p0, b-1e-5, horizon); below <= alpha {
				t.Errorf("p0 %v alpha %v: a lower threshold would have done (%v)", p0, alpha, below)
			}
		}
	}
}

func TestPlainThresholdKeepsAlpha(t *testing.T) {
	for _, p0 := range []float64{0.001, 0.01, 0.1, 0.4} {
		o := newOneSample(t, p0)
		if got := o.Crossing(math.Log(1000), 2000); got > 0.001 {
			t.Errorf("p0 %v: ln(1000) is crossed with chance %v within 2000 looks", p0, got)
		}
	}
}

func TestEvidenceIsFiniteForAnyCount(t *testing.T) {
	for _, p0 := range []float64{judge.MinRate, 0.01, judge.MaxRate} {
		o := newOneSample(t, p0)
		for _, k := range []int{0, 1, 1e6, 1e9} {
			if got := o.LogE(1e9, k); math.IsNaN(got) || math.IsInf(got, 0) {
				t.Errorf("p0 %v: logE(1e9,%d) = %v", p0, k, got)
			}
		}
	}
}

func BenchmarkThreshold(b *testing.B) {
	o := newOneSample(b, 0.01)
	for b.Loop() {
		_ = o.Threshold(0.001, 360)
	}
}
