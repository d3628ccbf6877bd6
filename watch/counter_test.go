package watch_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/watch"
)

// shopCounter counts ten orders a reading, of which each fails with a chance.
type shopCounter struct {
	rng             *rand.Rand
	failures, total float64
}

func (c *shopCounter) stands(at time.Time) watch.Reading {
	return watch.Reading{At: at, Failures: watch.CounterValues{"": c.failures}, Total: watch.CounterValues{"": c.total}}
}

func (c *shopCounter) next(at time.Time, rate float64) watch.Reading {
	for range 10 {
		c.total++
		if c.rng.Float64() < rate {
			c.failures++
		}
	}
	return c.stands(at)
}

func TestCounters(t *testing.T) {
	open := func(seed uint64) (*watch.Watch, *shopCounter) {
		c := &shopCounter{rng: rand.New(rand.NewPCG(seed, 1))}
		var before []watch.Reading
		for i := range 960 {
			before = append(before, c.next(t0().Add(time.Duration(i-960)*every), 0.01))
		}
		snap := green()
		orders := watch.CounterPolicy{Name: "orders", Weight: 1, FailureRate: 0.01, Every: every}
		snap.Counters = []watch.CounterBefore{{CounterPolicy: orders, History: watch.NewCounterHistory(before)}}
		w := watch.Open(deploy(), policy(), nil, snap, t0())
		w.Measure("orders", c.stands(t0()), t0())
		return w, c
	}
	run := func(w *watch.Watch, reading func(i int, at time.Time) watch.Reading) (*watch.Verdict, int) {
		for i := range 119 {
			at := t0().Add(time.Duration(i+1) * every)
			if v := w.Measure("orders", reading(i, at), at); v != nil {
				return v, i + 1
			}
		}
		return w.Tick(w.Deadline), 119
	}

	w, c := open(1)
	if v, _ := run(w, func(_ int, at time.Time) watch.Reading { return c.next(at, 0.01) }); v == nil || v.State != watch.Passed {
		t.Errorf("as many failures as before give %+v", v)
	}
	w, c = open(2)
	v, n := run(w, func(_ int, at time.Time) watch.Reading { return c.next(at, 0.3) })
	if v == nil || v.State != watch.Failed || v.Cause != "orders" || v.Metric != watch.Counted || n > 8 {
		t.Errorf("a third of the orders lost gives %+v after %d readings", v, n)
	} else if !strings.Contains(read(v.Reason), "failures among") || !strings.Contains(read(v.Reason), "before the deploy") {
		t.Errorf("reason %q", v.Reason)
	}
	w, c = open(3)
	if v, _ := run(w, func(i int, at time.Time) watch.Reading {
		if i == 50 {
			c.failures, c.total = 0, 0 // the service was restarted
		}
		return c.next(at, 0.01)
	}); v == nil || v.State != watch.Passed {
		t.Errorf("a counter that was reset gives %+v", v)
	}
	w, _ = open(4)
	v, n = run(w, func(_ int, at time.Time) watch.Reading { return watch.Reading{At: at, Empty: true} })
	if v == nil || v.State != watch.Failed || !strings.Contains(read(v.Reason), "orders had no data at") {
		t.Errorf("a counter that was never empty and turned so gives %+v after %d readings", v, n)
	}
}

func TestACountersHistoryLeavesOutWhatWasCutOutOfIt(t *testing.T) {
	c := &shopCounter{rng: rand.New(rand.NewPCG(3, 1))}
	var readings []watch.Reading
	for i := range 100 {
		rate := 0.0
		if 40 <= i && i < 60 {
			rate = 1 // a failed deploy
		}
		r := c.next(t0().Add(time.Duration(i)*every), rate)
		if rate == 0 {
			readings = append(readings, r)
		}
	}
	if h := watch.NewCounterHistory(readings); h.Failures != 0 || h.Total != 780 {
		t.Errorf("history %+v, want no failures of 780", h)
	}
}

func TestCountersSurviveARestart(t *testing.T) {
	snap := green("push")
	snap.Counters = []watch.CounterBefore{{CounterPolicy: watch.CounterPolicy{Name: "orders", Weight: 1, FailureRate: 0.01, Every: every}}}
	straight := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, snap, t0())
	stored := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, snap, t0())
	c := &shopCounter{rng: rand.New(rand.NewPCG(9, 1))}
	for i := range 20 {
		at := t0().Add(time.Duration(i+1) * every)
		r := c.next(at, 0.2)
		want, got := straight.Measure("orders", r, at), stored.Measure("orders", r, at)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		b, err := json.Marshal(stored)
		if err != nil {
			t.Fatal(err)
		}
		*stored = watch.Watch{}
		if err := json.Unmarshal(b, stored); err != nil {
			t.Fatal(err)
		}
	}
	if straight.EValue() != stored.EValue() || straight.State != watch.Failed {
		t.Errorf("evidence %v and %v, state %s", straight.EValue(), stored.EValue(), straight.State)
	}
}

// A deploy starts the instances again one after the other, so that what they count together
// falls. What they counted long ago, an incident and all, is not counted again.
func TestInstancesThatStartAgainAreNotCountedTwice(t *testing.T) {
	before := []watch.Reading{}
	now := watch.Reading{
		Failures: watch.CounterValues{"a": 5000, "b": 5000, "c": 5000},
		Total:    watch.CounterValues{"a": 50_000, "b": 50_000, "c": 50_000},
	}
	next := func(at time.Time) watch.Reading {
		now.At = at
		now.Failures, now.Total = maps.Clone(now.Failures), maps.Clone(now.Total)
		for instance := range now.Total {
			now.Total[instance] += 10
		}
		return now
	}
	for i := range 960 {
		before = append(before, next(t0().Add(time.Duration(i-960)*every)))
	}
	h := watch.NewCounterHistory(before)
	if h.Failures != 0 || h.Total != 959*30 {
		t.Errorf("history %+v, want no failures of %d", h, 959*30)
	}
	snap := green()
	snap.Counters = []watch.CounterBefore{{CounterPolicy: watch.CounterPolicy{Name: "orders", FailureRate: 0.01, Every: every}, History: h}}
	w := watch.Open(deploy(), policy(), nil, snap, t0())
	w.Measure("orders", now, t0())
	for i := range 119 {
		r := next(t0().Add(time.Duration(i+1) * every))
		switch i {
		case 10, 30: // one that starts again where it was
			r.Failures["a"], r.Total["a"] = 0, 0
		case 20: // one that is put in place of another
			delete(r.Failures, "b")
			delete(r.Total, "b")
			r.Total["d"] = 0
		}
		if v := w.Measure("orders", r, r.At); v != nil {
			t.Fatalf("%d readings: %s", i+1, v.Reason)
		}
	}
	if v := w.Tick(w.Deadline); v == nil || v.State != watch.Passed {
		t.Errorf("%+v", v)
	}
}

func TestASumIsAskedSeriesBySeries(t *testing.T) {
	for expr, want := range map[string]string{
		"orders_total":                             "orders_total",
		`sum(orders_total{result!="ok"})`:          `orders_total{result!="ok"}`,
		"(sum by (shop) (sum(orders_total)))":      "orders_total",
		"sum(orders_total) or vector(0)":           "sum(orders_total) or vector(0)",
		"max(orders_total)":                        "max(orders_total)",
		"sum(a_total) + sum without (x) (b_total)": "sum(a_total) + sum without (x) (b_total)",
		"not PromQL (":                             "not PromQL (",
	} {
		if got := watch.EachSeries(expr); got != want {
			t.Errorf("%s is asked as %s, want %s", expr, got, want)
		}
	}
}
