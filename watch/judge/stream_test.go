package judge_test

import (
	"strings"
	"testing"

	"guardian/watch/judge"
)

func plan(change func(*judge.Plan)) judge.Plan {
	p := judge.Plan{NullRate: 0.01, Alpha: 0.001, Beta: 0.01, Horizon: 720, Tolerance: judge.Tolerance{Ratio: 1}}
	if change != nil {
		change(&p)
	}
	return p
}

// stream draws looks: "x" a failure, "." a success, "-" none.
func stream(t *testing.T, p judge.Plan, marks string) *judge.Stream {
	t.Helper()
	s, err := judge.NewStream(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range marks {
		switch m {
		case '-':
			s.Miss()
		default:
			s.Observe(m == 'x')
		}
	}
	return s
}

func TestStreams(t *testing.T) {
	quiet := judge.History{Calm: 1440, Last: 1}
	flaky := judge.History{Calm: 1000, Begun: 100, Failing: 300, Again: 200, Last: 1}
	for name, c := range map[string]struct {
		plan    func(*judge.Plan)
		marks   string
		result  judge.Result
		at      int
		missing int
	}{
		"an outage, known rate":                 {nil, "xxxx", judge.Failed, 2, 0},
		"missing looks count in at only":        {nil, "-x-x", judge.Failed, 4, 2},
		"nothing after the result":              {nil, "xx..--xx", judge.Failed, 2, 0},
		"too early to tell":                     {nil, "....", judge.Continue, 4, 0},
		"nothing at all":                        {nil, "", judge.Continue, 0, 0},
		"the horizon":                           {func(p *judge.Plan) { p.Horizon = 5 }, "..-...", judge.Inconclusive, 5, 1},
		"a horizon without a look":              {func(p *judge.Plan) { p.Horizon = 5 }, "------", judge.Inconclusive, 5, 5},
		"an early pass":                         {func(p *judge.Plan) { p.PassRate = 0.2 }, strings.Repeat(".", 200), judge.Passed, 93, 0},
		"no pass while failures weigh":          {func(p *judge.Plan) { p.PassRate = 0.2 }, strings.Repeat(".", 90) + "x" + strings.Repeat(".", 9), judge.Continue, 100, 0},
		"an outage in a world of bursts":        {func(p *judge.Plan) { p.Bursts = true }, strings.Repeat("x", 20), judge.Failed, 8, 0},
		"an outage after a quiet history":       {func(p *judge.Plan) { p.NullRate, p.Before = 0, quiet }, "xxxx", judge.Failed, 2, 0},
		"an outage after it, with bursts":       {func(p *judge.Plan) { p.NullRate, p.Before, p.Bursts = 0, quiet, true }, strings.Repeat("x", 20), judge.Failed, 3, 0},
		"a check that was as bad before":        {func(p *judge.Plan) { p.NullRate, p.Before, p.Bursts = 0, flaky, true }, strings.Repeat("xxx.......", 30), judge.Continue, 300, 0},
		"a tolerated rate covers a bad history": {func(p *judge.Plan) { p.NullRate, p.Before, p.Tolerance.Rate = 0, quiet, 0.3 }, strings.Repeat("x....", 40), judge.Continue, 200, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := stream(t, plan(c.plan), c.marks)
			if s.Result() != c.result || s.At() != c.at || s.Missing() != c.missing {
				t.Errorf("%s at %d, %d missing, ln E %.2f; want %s at %d, %d missing",
					s.Result(), s.At(), s.Missing(), s.LogE(), c.result, c.at, c.missing)
			}
		})
	}
}

func TestStreamPlansThatCannotBe(t *testing.T) {
	for name, change := range map[string]func(*judge.Plan){
		"no alpha":            func(p *judge.Plan) { p.Alpha = 0 },
		"no horizon":          func(p *judge.Plan) { p.Horizon = 0 },
		"an endless horizon":  func(p *judge.Plan) { p.Horizon = 1e9 },
		"a null rate over 1":  func(p *judge.Plan) { p.NullRate = 2 },
		"a negative rate":     func(p *judge.Plan) { p.NullRate, p.Bursts = -1, true },
		"a ratio under 1":     func(p *judge.Plan) { p.NullRate, p.Tolerance.Ratio = 0, 0.5 },
		"nothing before":      func(p *judge.Plan) { p.NullRate = 0 },
		"a pass without beta": func(p *judge.Plan) { p.PassRate, p.Beta = 0.1, 0 },
		"a pass rate over 1":  func(p *judge.Plan) { p.PassRate = 2 },
	} {
		if _, err := judge.NewStream(plan(change)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestBurstsExpectationIsAtMostOne(t *testing.T) {
	for _, c := range []struct{ p0, again float64 }{{0.01, 0.5}, {0.2, 0.7}, {0.5, 0.95}} {
		p, err := judge.NewBursts(c.p0, c.again, 8)
		if err != nil {
			t.Fatal(err)
		}
		rate := func(_, _ int, last bool) float64 {
			if last {
				return c.again
			}
			return c.p0
		}
		got := enumerate(11, rate, func(path []bool) float64 { return logEAfter(p, judge.ProcessState{}, path) })
		if !near(got, 1, 1e-9) {
			t.Errorf("%+v: expectation %v, want 1", c, got)
		}
	}
}

func TestAStreamAfterAnotherHistoryIsThatOfItsOwnPlan(t *testing.T) {
	quiet, flaky := judge.History{Calm: 500, Last: 1}, judge.History{Calm: 400, Begun: 20, Failing: 100, Again: 80, Last: 2}
	for name, change := range map[string]func(*judge.Plan){
		"a known rate":              func(*judge.Plan) {},
		"a known rate, with bursts": func(p *judge.Plan) { p.Bursts = true },
		"history":                   func(p *judge.Plan) { p.NullRate = 0 },
		"history, with bursts":      func(p *judge.Plan) { p.NullRate, p.Bursts = 0, true },
	} {
		first := plan(func(p *judge.Plan) { change(p); p.PassRate, p.Before = 0.1, quiet })
		own := first
		own.Before = flaky
		test, err := judge.NewTest(first)
		if err != nil {
			t.Fatal(err)
		}
		other, err := test.WithHistory(flaky)
		if err != nil {
			t.Fatal(err)
		}
		a, b := other.Stream(), stream(t, own, "")
		for i := range 60 {
			if a.Observe(i%13 == 0) != b.Observe(i%13 == 0) || a.LogE() != b.LogE() || a.LogPass() != b.LogPass() {
				t.Errorf("%s: look %d: %v, %v; want %v, %v", name, i+1, a.LogE(), a.LogPass(), b.LogE(), b.LogPass())
				break
			}
		}
	}
}

func BenchmarkStreamObserve(b *testing.B) {
	test, err := judge.NewTest(plan(func(p *judge.Plan) {
		p.NullRate, p.Bursts, p.PassRate, p.Horizon = 0, true, 0.02, 1000
		p.Before = judge.History{Calm: 1440, Begun: 7, Failing: 7, Again: 2, Last: 1}
	}))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	s := test.Stream()
	for b.Loop() {
		if s.Observe(s.At()%150 == 0) != judge.Continue {
			s = test.Stream()
		}
	}
}
