package judge_test

import (
	"encoding/json"
	"math"
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
