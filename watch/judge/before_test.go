package judge_test

import (
	"encoding/json"
	"errors"
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
	want := judge.History{Calm: 4, Begun: 2, Failing: 3, Again: 1, Last: 1, Longest: 2}
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

// Persistence counts runs of failures, not looks: one outage is one run.
func TestPersistenceCountsRuns(t *testing.T) {
	history := func(runs ...int) judge.History {
		var h judge.History
		for range 400 {
			h.Observe(false)
		}
		for _, n := range runs {
			for range n {
				h.Observe(true)
			}
			for range 20 {
				h.Observe(false)
			}
		}
		return h
	}
	repeat := func(times int, runs ...int) (all []int) {
		for range times {
			all = append(all, runs...)
		}
		return all
	}
	for name, c := range map[string]struct {
		h           judge.History
		least, most float64
	}{
		"no run":                               {history(), 0.6, 0.6},
		"one outage":                           {history(20), 0.8, 0.92},
		"a longer one":                         {history(200), 0.8, 0.92},
		"an outage among single failures":      {history(1, 20, 1, 1), 0.5, 0.6},
		"an outage among many":                 {history(append(repeat(30, 1), 40)...), 0.5, 0.55},
		"three outages":                        {history(20, 20, 20), 0.9, 0.95},
		"runs of three":                        {history(repeat(10, 1, 2, 6)...), 0.65, 0.75},
		"runs of ten":                          {history(repeat(4, 4, 8, 18)...), 0.88, 0.95},
		"those of other checks":                {judge.History{Calm: 400, Last: 1, Others: judge.Runs{Ended: 10, Again: 90, Longest: 20}}, 0.88, 0.95},
		"its own, where there are enough":      {judge.History{Calm: 400, Begun: 9, Failing: 9, Last: 1, Others: judge.Runs{Ended: 10, Again: 90, Longest: 20}}, 0.5, 0.5},
		"one whose longest run nobody counted": {judge.History{Calm: 400, Begun: 5, Failing: 50, Again: 45, Last: 1}, 0.9, 0.95},
	} {
		if got := c.h.Persistence(); got < c.least || got > c.most {
			t.Errorf("%s: %.3f, want %v to %v", name, got, c.least, c.most)
		}
	}
}

// One old outage does not hide the next one.
func TestAnOutageAfterOneOldOutage(t *testing.T) {
	for _, looks := range []int{4, 8, 20, 60} {
		var h judge.History
		for i := range 960 {
			h.Observe(400 <= i && i < 400+looks)
		}
		p, err := judge.NewBefore(h, judge.DefaultTolerance(), 120, true)
		if err != nil {
			t.Fatal(err)
		}
		s := h.Begin()
		for s.N < 120 && p.Observe(&s, true) < math.Log(1000) {
		}
		if s.N > 14 {
			t.Errorf("after an outage of %d looks, found after %d looks, want at most 14", looks, s.N)
		}
	}
}

func TestAHistoryOfAnEarlierBuildIsRead(t *testing.T) {
	var h judge.History
	if err := json.Unmarshal([]byte(`{"calm":900,"begun":4,"failing":40,"again":36,"last":1}`), &h); err != nil {
		t.Fatal(err)
	}
	if !h.Valid() || h.Persistence() < 0.85 {
		t.Errorf("%+v persists with %v", h, h.Persistence())
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
