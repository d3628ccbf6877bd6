package watch_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"guardian/watch"
)

// metric opens a watch of one of metrics, with four hours of readings before it and, if there
// are any, those of the same time the day before.
func metric(p watch.CounterPolicy, shops []string, recent, matched []watch.Reading) *watch.Watch {
	p.Name, p.Weight, p.Every = "orders", 1, every
	snap := green()
	snap.Counters = []watch.CounterBefore{{CounterPolicy: p, Recent: recent, Matched: matched}}
	d := deploy()
	d.Shops = shops
	return watch.Open(d, policy(), nil, snap, t0())
}

// readingsOf gives n readings up to a time.
func readingsOf(until time.Time, n int, read func(at time.Time) watch.Reading) []watch.Reading {
	all := make([]watch.Reading, n)
	for i := range all {
		at := until.Add(time.Duration(i+1-n) * every)
		all[i] = read(at)
		all[i].At = at
	}
	return all
}

// measure feeds a watch until its end, and gives the verdict and after how many readings it fell.
func measure(w *watch.Watch, read func(at time.Time) watch.Reading) (*watch.Verdict, int) {
	for i := range 120 {
		at := t0().Add(time.Duration(i+1) * every)
		r := read(at)
		r.At = at
		if v := w.Measure("orders", r, at); v != nil {
			return v, i + 1
		}
	}
	return w.Tick(w.Deadline), 120
}

// counter grows by what it is told; each shop has a series.
type counter struct{ failures, total watch.CounterValues }

func newCounter() *counter {
	return &counter{failures: watch.CounterValues{}, total: watch.CounterValues{}}
}

func (c *counter) add(series string, orders, failures float64) *counter {
	c.total[series] += orders
	c.failures[series] += failures
	return c
}

func (c *counter) read() watch.Reading {
	r := watch.Reading{Failures: watch.CounterValues{}, Total: watch.CounterValues{}}
	for series := range c.total {
		r.Failures[series], r.Total[series] = c.failures[series], c.total[series]
	}
	return r
}

func TestOrdersThatStop(t *testing.T) {
	day := t0().Add(-24*time.Hour + time.Hour)
	usual := func(c *counter, r *rand.Rand) func(time.Time) watch.Reading {
		return func(time.Time) watch.Reading { return c.add("", float64(60+r.IntN(40)), float64(r.IntN(2))/2).read() }
	}
	for name, c := range map[string]struct {
		yesterday bool
		part      float64 // of the orders after the deploy
		from      int     // reading
		want      watch.State
		says      string
	}{
		"they stop, with yesterday known":            {true, 0, 0, watch.Failed, "counted only 0 since"},
		"they fall to a tenth, with yesterday":       {true, 0.1, 0, watch.Failed, "before the deploy it was never less than"},
		"they stop, with the last hours alone":       {false, 0, 0, watch.Inconclusive, "a person must say"},
		"they stop in the end, the last hours alone": {false, 0, 100, watch.Inconclusive, "a person must say"},
		"they halve": {true, 0.5, 0, watch.Passed, ""},
		"they go on": {true, 1, 0, watch.Passed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 1))
			orders := newCounter()
			var matched []watch.Reading
			if c.yesterday {
				matched = readingsOf(day, 360, usual(orders, r))
			}
			recent := readingsOf(t0(), 960, usual(orders, r))
			w := metric(watch.CounterPolicy{FailureRate: 0.01}, nil, recent, matched)
			w.Measure("orders", recent[959], t0())
			n := 0
			v, _ := measure(w, func(time.Time) watch.Reading {
				if n++; n > c.from {
					return orders.add("", math.Round(float64(60+r.IntN(40))*c.part), 0).read()
				}
				return usual(orders, r)(t0())
			})
			if v == nil || v.State != c.want || !strings.Contains(read(v.Reason), c.says) {
				t.Fatalf("%+v: %s", v, read(v.Reason))
			}
			if c.want == watch.Failed && v.Metric != watch.CountedTraffic {
				t.Errorf("failed by %s", v.Metric)
			}
		})
	}
}

// In the evening orders fall, as they did yesterday: that is no fault, and nobody is asked.
func TestOrdersThatFallEachEvening(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	orders := newCounter()
	evening := func(at time.Time) watch.Reading {
		if at.Hour()*60+at.Minute() > t0().Hour()*60+t0().Minute() {
			return orders.add("", float64(r.IntN(4)), 0).read()
		}
		return orders.add("", float64(60+r.IntN(40)), 0).read()
	}
	matched := readingsOf(t0().Add(-23*time.Hour), 360, evening)
	recent := readingsOf(t0(), 960, evening)
	w := metric(watch.CounterPolicy{FailureRate: 0.01}, nil, recent, matched)
	w.Measure("orders", recent[959], t0())
	if v, _ := measure(w, evening); v == nil || v.State != watch.Passed {
		t.Errorf("%+v: %s", v, read(v.Reason))
	}
}

// Failures that are usual at this time of the day are not the deploy's.
func TestAPeakOfFailuresThatWasThereYesterday(t *testing.T) {
	for _, known := range []bool{false, true} {
		r := rand.New(rand.NewPCG(3, 3))
		orders := newCounter()
		peak := func(at time.Time) watch.Reading {
			failures := float64(r.IntN(3))
			if at.Hour()*60+at.Minute() > t0().Hour()*60+t0().Minute() {
				failures += 40
			}
			return orders.add("", 1000, failures).read()
		}
		var matched []watch.Reading
		if known {
			matched = readingsOf(t0().Add(-23*time.Hour), 360, peak)
		}
		recent := readingsOf(t0(), 960, peak)
		w := metric(watch.CounterPolicy{FailureRate: 0.01}, nil, recent, matched)
		w.Measure("orders", recent[959], t0())
		v, _ := measure(w, peak)
		if want := map[bool]watch.State{false: watch.Failed, true: watch.Inconclusive}[known]; v == nil || v.State != want {
			t.Errorf("yesterday known: %v, %+v", known, v)
		} else if known && !strings.Contains(read(v.Reason), "failure_rate of 1%") {
			t.Errorf("as bad as yesterday: %s", read(v.Reason))
		}
	}
}

// A deploy to one shop is judged on its series. What the other shops see too is not its fault.
func TestADeployToOneShopIsJudgedOnItsCounters(t *testing.T) {
	run := func(mine, others float64) *watch.Verdict {
		r := rand.New(rand.NewPCG(4, 4))
		orders := newCounter()
		usual := func(time.Time) watch.Reading {
			for _, shop := range []string{"a@my", "b@sg", "c@th"} {
				orders.add(shop, 100, float64(r.IntN(2)))
			}
			return orders.read()
		}
		recent := readingsOf(t0(), 960, usual)
		w := metric(watch.CounterPolicy{FailureRate: 0.01}, []string{"my"}, recent, nil)
		w.Measure("orders", recent[959], t0())
		v, _ := measure(w, func(time.Time) watch.Reading {
			return orders.add("a@my", 100, 100*mine).add("b@sg", 100, 100*others).add("c@th", 100, 100*others).read()
		})
		return v
	}
	if v := run(0.2, 0); v == nil || v.State != watch.Failed {
		t.Errorf("a fifth of the orders of its shop fail: %+v", v)
	}
	if v := run(0.2, 0.2); v == nil || v.State == watch.Failed {
		t.Errorf("all shops fail alike: %+v", v)
	}
	if v := run(0, 0.5); v == nil || v.State != watch.Passed {
		t.Errorf("only others fail: %+v", v)
	}
}

func TestNumbers(t *testing.T) {
	lower, higher := watch.NumberPolicy{Lower: true, Ratio: 1.5}, watch.NumberPolicy{Ratio: 1.5}
	for name, c := range map[string]struct {
		policy watch.NumberPolicy
		factor float64
		want   watch.State
		says   string
	}{
		"as before":                       {higher, 1, watch.Passed, ""},
		"a third more is tolerated":       {higher, 1.3, watch.Passed, ""},
		"twice as much":                   {higher, 2, watch.Failed, "orders was above"},
		"half of it, where more is worse": {higher, 0.5, watch.Passed, ""},
		"half of it, where less is worse": {lower, 0.5, watch.Failed, "orders was below"},
		"twice as much, where less is":    {lower, 2, watch.Passed, ""},
		"a difference that is tolerated":  {watch.NumberPolicy{Ratio: 1.5, Delta: 300}, 2, watch.Passed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 5))
			value := func(factor float64) func(time.Time) watch.Reading {
				return func(time.Time) watch.Reading {
					return watch.Reading{Values: watch.CounterValues{"a": 100 * factor * math.Exp(0.1*r.NormFloat64()), "b": 90 * factor}}
				}
			}
			w := metric(watch.CounterPolicy{Number: &c.policy}, nil, readingsOf(t0(), 960, value(1)), nil)
			v, n := measure(w, value(c.factor))
			if v == nil || v.State != c.want || !strings.Contains(read(v.Reason), c.says) {
				t.Fatalf("%+v: %s", v, read(v.Reason))
			}
			if c.want == watch.Failed && (n > 20 || v.Metric != watch.CountedNumber) {
				t.Errorf("failed by %s after %d readings", v.Metric, n)
			}
		})
	}
}

// What the shops without the deploy see too is not its fault, and neither is what is usual at
// this time.
func TestNumbersAreComparedWithOtherShopsAndDays(t *testing.T) {
	higher := watch.NumberPolicy{Ratio: 1.5}
	run := func(shops []string, mine, others, yesterday float64) *watch.Verdict {
		r := rand.New(rand.NewPCG(6, 6))
		value := func(mine, others float64) func(time.Time) watch.Reading {
			return func(time.Time) watch.Reading {
				return watch.Reading{Values: watch.CounterValues{
					"a@my": mine * math.Exp(0.1*r.NormFloat64()), "b@sg": others * math.Exp(0.1*r.NormFloat64()),
				}}
			}
		}
		var matched []watch.Reading
		if yesterday > 0 {
			matched = readingsOf(t0().Add(-23*time.Hour), 360, value(yesterday, 1))
		}
		w := metric(watch.CounterPolicy{Number: &higher}, shops, readingsOf(t0(), 960, value(1, 1)), matched)
		v, _ := measure(w, value(mine, others))
		return v
	}
	my := []string{"my"}
	if v := run(my, 3, 1, 0); v == nil || v.State != watch.Failed {
		t.Errorf("worse at the shop of the deploy alone: %+v", v)
	}
	if v := run(my, 3, 3, 0); v == nil || v.State != watch.Passed {
		t.Errorf("worse at all shops: %+v", v)
	}
	if v := run(my, 1, 3, 0); v == nil || v.State != watch.Passed {
		t.Errorf("worse at another shop: %+v", v)
	}
	if v := run(nil, 3, 1, 3); v == nil || v.State != watch.Passed {
		t.Errorf("as yesterday at this time: %+v", v)
	}
}

func TestAGaugeThatIsGivenAsACounterIsNotJudged(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	depth := func(time.Time) watch.Reading {
		return watch.Reading{Failures: watch.CounterValues{"a": float64(r.IntN(50))}, Total: watch.CounterValues{"a": float64(100 + r.IntN(100))}}
	}
	snap := green("push")
	snap.Counters = []watch.CounterBefore{{
		CounterPolicy: watch.CounterPolicy{Name: "orders", Weight: 1, FailureRate: 0.01, Every: every}, Recent: readingsOf(t0(), 960, depth),
	}}
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, snap, t0())
	if v, _ := measure(w, depth); v != nil && v.State == watch.Failed {
		t.Fatalf("%+v", v)
	}
	e := w.Evidence()[1]
	if e.Check != "orders" || e.EValue != 1 || !strings.Contains(read(e.Excused), "belongs under value") {
		t.Errorf("%+v: %s", e, read(e.Excused))
	}
}

// A sum of counters falls when one of its instances starts again: that counts nothing, and not
// all that was ever counted.
func TestASumInWhichAnInstanceStartsAgain(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	at := 100_000.0
	sum := func(time.Time) watch.Reading {
		at += 50 + float64(r.IntN(50))
		return watch.Reading{Failures: watch.CounterValues{"": at / 10}, Total: watch.CounterValues{"": at}}
	}
	w := metric(watch.CounterPolicy{FailureRate: 0.2}, nil, readingsOf(t0(), 960, sum), nil)
	n := 0
	v, _ := measure(w, func(now time.Time) watch.Reading {
		if n++; n == 20 || n == 24 {
			at *= 0.9
		}
		return sum(now)
	})
	if v == nil || v.State != watch.Passed {
		t.Errorf("%+v: %s", v, read(v.Reason))
	}
	if c := w.Evidence()[0]; c.After.Looks > 15_000 {
		t.Errorf("counted %d orders, want some nine thousand", c.After.Looks)
	}
}

// A watch does not pass while a counter surely fails more often than it may, however bad it was
// before, and also when that is only so in the end.
func TestACounterOverItsFailureRateWithholdsAPass(t *testing.T) {
	for name, c := range map[string]struct {
		before, after, last float64 // failures of a thousand orders; last: in the last quarter
		want                watch.State
	}{
		"as bad as before":     {50, 50, 50, watch.Inconclusive},
		"bad in the end alone": {15, 2, 16, watch.Inconclusive},
		"under its rate":       {9, 9, 9, watch.Passed},
	} {
		t.Run(name, func(t *testing.T) {
			orders := newCounter()
			recent := readingsOf(t0(), 960, func(time.Time) watch.Reading { return orders.add("", 1000, c.before).read() })
			w := metric(watch.CounterPolicy{FailureRate: 0.01}, nil, recent, nil)
			w.Measure("orders", recent[959], t0())
			v, _ := measure(w, func(at time.Time) watch.Reading {
				if at.After(w.Deadline.Add(-w.Policy.For / 4)) {
					return orders.add("", 1000, c.last).read()
				}
				return orders.add("", 1000, c.after).read()
			})
			if v == nil || v.State != c.want {
				t.Fatalf("%+v: %s", v, read(v.Reason))
			}
			if says := read(v.Reason); c.want == watch.Inconclusive && !strings.Contains(says, "As bad as before") {
				t.Error(says)
			}
		})
	}
}

// A watch that an earlier build stored knows its counters by their sums and by series without a
// shop: it goes on with what it has.
func TestCountersOfAnEarlierBuildGoOn(t *testing.T) {
	var w watch.Watch
	if err := json.Unmarshal([]byte(`{"service": "s", "policy": {"for": 1800000000000, "alpha": 0.001, "ratio": 1.5, "delta": 0.005, "min_samples": 1},
		"state": "watching", "started": "2026-11-02T10:00:00Z", "from": "2026-11-02T10:00:00Z", "deadline": "2026-11-02T10:30:00Z", "snapshot": {}, "checks": [],
		"counters": [{"name": "orders", "weight": 1, "failure_rate": 0.01, "every": 15000000000, "share": 1, "before": {"failures": 10, "total": 10000, "clumping": 1, "empty": {}},
			"rate": 0.01, "clumping": 1, "state": {"failures": 10, "exposure": 1000}, "log_e": -0.7, "readings": 10,
			"standing_failures": {"k": 100}, "standing_total": {"k": 50000}, "last_at": "2026-11-02T10:05:00Z", "known": "2026-11-02T10:05:00Z"}]}`), &w); err != nil {
		t.Fatal(err)
	}
	at := w.From.Add(5*time.Minute + every)
	v := w.Measure("orders", watch.Reading{At: at, Failures: watch.CounterValues{"k@sg": 101}, Total: watch.CounterValues{"k@sg": 50_100}}, at)
	if e := w.Evidence()[0]; v != nil || e.After != (watch.Counts{Looks: 1100, Failures: 11}) {
		t.Errorf("%+v, counted %+v", v, e.After)
	}
	for i := range 3 {
		at = at.Add(every)
		v = w.Measure("orders", watch.Reading{At: at, Failures: watch.CounterValues{"k@sg": 161 + float64(60*i)}, Total: watch.CounterValues{"k@sg": 50_200 + float64(100*i)}}, at)
	}
	if v == nil || v.State != watch.Failed {
		t.Errorf("%+v", v)
	}
}

// A stored watch goes on with the same evidence, and a copy shares nothing with it.
func TestNumbersAndTrafficSurviveARestart(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	orders := newCounter()
	usual := func(time.Time) watch.Reading {
		v := orders.add("a@my", float64(40+r.IntN(40)), float64(r.IntN(2))).add("b@sg", 50, 0).read()
		v.Values = watch.CounterValues{"a@my": r.Float64(), "b@sg": r.Float64()}
		return v
	}
	matched, recent := readingsOf(t0().Add(-23*time.Hour), 360, usual), readingsOf(t0(), 960, usual)
	for _, p := range []watch.CounterPolicy{{FailureRate: 0.01}, {Number: &watch.NumberPolicy{Ratio: 1.5}}} {
		straight := metric(p, []string{"my"}, recent, matched)
		stored := straight.Clone()
		for i := range 30 {
			at := t0().Add(time.Duration(i) * every)
			reading := usual(at)
			reading.At = at
			copied := stored.Clone()
			copied.Measure("orders", reading, at)
			straight.Measure("orders", reading, at)
			if diff := cmp.Diff(straight.Counters, copied.Counters); diff != "" {
				t.Fatal(diff)
			}
			stored.Measure("orders", reading, at)
			b, err := json.Marshal(&stored)
			if err != nil {
				t.Fatal(err)
			}
			stored = watch.Watch{}
			if err := json.Unmarshal(b, &stored); err != nil {
				t.Fatal(err)
			}
		}
		if straight.EValue() != stored.EValue() {
			t.Errorf("evidence %v and %v", straight.EValue(), stored.EValue())
		}
		b, err := json.Marshal(stored.Counters)
		if err != nil || len(b) > 8<<10 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	}
}

func TestWhatMetricsAsk(t *testing.T) {
	s := watch.DefaultCounter()
	s.Histogram = `http_seconds_bucket{job="a"}`
	want := `histogram_quantile(0.99, sum by (le, shop) (increase(http_seconds_bucket{job="a"}[1m]))) or histogram_quantile(0.99, sum by (shop) (increase(http_seconds{job="a"}[1m])))`
	if got := s.Queries(); len(got) != 1 || got[0] != want {
		t.Errorf("%s", got)
	}
	r := s.Reading([]promql.Vector{{{Metric: labels.FromStrings("shop", "sg"), F: 0.5}, {F: math.NaN()}}}, t0())
	if len(r.Values) != 1 || r.Empty {
		t.Errorf("%+v", r)
	}
	if r := s.Reading([]promql.Vector{{{F: math.NaN()}}}, t0()); !r.Empty {
		t.Errorf("no observations: %+v", r)
	}
}

func TestMetricsThatAreRefused(t *testing.T) {
	for says, change := range map[string]func(s *watch.CounterSettings){
		"there is nothing to judge":                func(s *watch.CounterSettings) { s.Failures, s.Total = "", "" },
		"belong together":                          func(s *watch.CounterSettings) { s.Total = "" },
		"exclude each other":                       func(s *watch.CounterSettings) { s.Value = "x" },
		"rate(a_total[5m]) is no counter":          func(s *watch.CounterSettings) { s.Failures = "sum(rate(a_total[5m]))" },
		"queue_depth is no counter":                func(s *watch.CounterSettings) { s.Total = "queue_depth" },
		"is a ratio and no counter":                func(s *watch.CounterSettings) { s.Total = "a_total / b_total" },
		"go with value or histogram":               func(s *watch.CounterSettings) { s.Delta = 1 },
		"failures: \"((\" is no PromQL":            func(s *watch.CounterSettings) { s.Failures = "((" },
		"value: \"((\" is no PromQL":               func(s *watch.CounterSettings) { s.Failures, s.Total, s.Value = "", "", "((" },
		"is not the selector of one histogram":     func(s *watch.CounterSettings) { s.Failures, s.Total, s.Histogram = "", "", "rate(x[5m])" },
		"quantile goes with histogram":             func(s *watch.CounterSettings) { s.Failures, s.Total, s.Value, s.Quantile = "", "", "x", 0.5 },
		"quantile: 100% is not between 0% and 100": func(s *watch.CounterSettings) { s.Failures, s.Total, s.Histogram, s.Quantile = "", "", "x", 1 },
		"ratio: 0.5 is not between 1 and 1000":     func(s *watch.CounterSettings) { s.Failures, s.Total, s.Value, s.Ratio = "", "", "x", 0.5 },
		"worse: \"up\" is not one of":              func(s *watch.CounterSettings) { s.Failures, s.Total, s.Value, s.Worse = "", "", "x", "up" },
	} {
		s := watch.DefaultCounter()
		s.Name, s.Failures, s.Total = "orders", "orders_failed_total", "orders_total"
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		if change(&s); s.Validate() == nil || !strings.Contains(s.Validate().Error(), says) {
			t.Errorf("want %q, got %v", says, s.Validate())
		}
	}
}
