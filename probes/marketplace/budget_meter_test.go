package marketplace_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"guardian/probes/marketplace"
)

// world is a platform's own bucket, as it is: what the Meter may only infer.
type world struct {
	limit marketplace.Limit
	used  float64
	at    time.Time
}

func (w *world) call(at time.Time) (taken bool) {
	w.used = max(w.used-at.Sub(w.at).Seconds()*w.limit.Rate, 0)
	w.at = at
	if w.used+1 > w.limit.Burst {
		return false
	}
	w.used++
	return true
}

func (w *world) ratio(at time.Time) float64 {
	return max(w.used-at.Sub(w.at).Seconds()*w.limit.Rate, 0) / w.limit.Burst
}

func TestTheTruthLiesWithinWhatIsInferred(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := marketplace.Limit{Rate: rapid.Float64Range(0.01, 2).Draw(t, "rate"), Burst: float64(rapid.IntRange(2, 40).Draw(t, "burst"))}
		bucket := marketplace.Bucket{Marketplace: "amazon", Shop: "us-1", Operation: "getOrder"}
		m := marketplace.NewMeter()
		m.Apply(marketplace.Budgets{Share: 0.05, Overrides: []marketplace.Override{{Marketplace: "amazon", Operation: "getOrder", Limit: limit}}})
		now := start()
		w := &world{limit: limit, at: now, used: rapid.Float64Range(0, limit.Burst).Draw(t, "used before")}
		if err := m.Report(bucket, 0, 0, now, now); err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 30).Draw(t, "reports") {
			var calls, throttled float64
			for range rapid.IntRange(0, 12).Draw(t, "calls") {
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(10*time.Second)).Draw(t, "pause")))
				own := rapid.Bool().Draw(t, "the guardian's own")
				taken := w.call(now)
				switch {
				case own:
					m.Called(bucket, !taken, now)
				case taken:
					calls++
				default:
					throttled++
				}
			}
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "until the report")))
			if err := m.Report(bucket, calls, throttled, now, now); err != nil {
				t.Fatal(err)
			}
			got := m.Read(now)
			if len(got) != 1 {
				t.Fatalf("%d numbers, want one", len(got))
			}
			// A bucket that refuses has less than one call's room, which is not nothing.
			slack := 1/limit.Burst + 0.01 + 1e-6
			if used := w.ratio(now); math.Abs(used-got[0].Used) > got[0].Uncertainty+slack {
				t.Fatalf("it is %.3f, inferred %.3f ± %.3f", used, got[0].Used, got[0].Uncertainty)
			}
			if throttled == 0 && got[0].Used > 0.99 {
				t.Fatalf("inferred %v without a throttle", got[0].Used)
			}
		}
	})
}

func TestWhatIsInferred(t *testing.T) {
	bucket := marketplace.Bucket{Marketplace: "amazon", Shop: "us-1", Operation: "getOrder"} // 0.5 a second, burst 30
	meter := func() *marketplace.Meter {
		m := marketplace.NewMeter()
		m.Apply(marketplace.Budgets{Share: 0.05})
		return m
	}
	report := func(t *testing.T, m *marketplace.Meter, calls, throttled float64, at time.Time) {
		t.Helper()
		if err := m.Report(bucket, calls, throttled, at, at); err != nil {
			t.Fatal(err)
		}
	}
	one := func(t *testing.T, m *marketplace.Meter, now time.Time) marketplace.Estimate {
		t.Helper()
		all := m.Read(now)
		if len(all) != 1 {
			t.Fatalf("%d numbers, want one", len(all))
		}
		return all[0]
	}

	t.Run("at first it may be anything", func(t *testing.T) {
		m := meter()
		report(t, m, 0, 0, start())
		if e := one(t, m, start()); e.Used != 0.5 || e.Uncertainty != 0.5 {
			t.Errorf("%v ± %v, want 0.5 ± 0.5", e.Used, e.Uncertainty)
		}
	})
	t.Run("after a while without calls it is not used, and that is sure", func(t *testing.T) {
		m := meter()
		report(t, m, 0, 0, start())
		report(t, m, 0, 0, start().Add(2*time.Minute))
		if e := one(t, m, start().Add(2*time.Minute)); e.Used != 0 || e.Uncertainty != 0 {
			t.Errorf("%v ± %v, want 0", e.Used, e.Uncertainty)
		}
	})
	t.Run("all but exhausted is never called exhausted", func(t *testing.T) {
		m := meter()
		report(t, m, 0, 0, start())
		for i := range 10 {
			report(t, m, 30, 0, start().Add(time.Duration(i)*time.Second))
		}
		if e := one(t, m, start().Add(9*time.Second)); e.Used != 0.99 {
			t.Errorf("%v, want 0.99", e.Used)
		}
	})
	t.Run("a throttle says that it is exhausted, and corrects the model", func(t *testing.T) {
		m := meter()
		report(t, m, 0, 0, start())
		report(t, m, 0, 0, start().Add(2*time.Minute))
		m.Called(bucket, true, start().Add(2*time.Minute))
		if e := one(t, m, start().Add(2*time.Minute)); e.Used != 1 || e.Uncertainty != 0 {
			t.Errorf("%v ± %v, want 1", e.Used, e.Uncertainty)
		}
	})
	t.Run("nothing is inferred from the guardian's own calls alone", func(t *testing.T) {
		m := meter()
		m.Called(bucket, false, start())
		if all := m.Read(start()); len(all) != 0 {
			t.Errorf("got %+v", all)
		}
	})
	t.Run("nothing is inferred when reports have ended", func(t *testing.T) {
		m := meter()
		report(t, m, 1, 0, start())
		if all := m.Read(start().Add(11 * time.Minute)); len(all) != 0 {
			t.Errorf("got %+v", all)
		}
	})
	t.Run("a limit that is not known is said, with what to do", func(t *testing.T) {
		err := meter().Report(marketplace.Bucket{Marketplace: "temu", Operation: "x"}, 1, 0, start(), start())
		if err == nil || err.Error() != "the limit of x of temu is not known; give rate and burst under marketplaces.operations" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("at a rising pace it says when it is exhausted", func(t *testing.T) {
		m := meter()
		report(t, m, 0, 0, start())
		now := start().Add(2 * time.Minute)
		report(t, m, 0, 0, now)
		var e marketplace.Estimate
		// 0.6 calls a second against 0.5 that are given back: 6 of 30 more in a minute.
		for range 12 {
			now = now.Add(5 * time.Second)
			report(t, m, 3, 0, now)
			e = one(t, m, now)
		}
		for range 12 {
			now = now.Add(5 * time.Second)
			report(t, m, 3, 0, now)
			e = one(t, m, now)
		}
		if e.Minutes == nil || *e.Minutes < 1 || *e.Minutes > 10 {
			t.Errorf("minutes %v at %v used; about 3 wanted", e.Minutes, e.Used)
		}
	})
}

func TestTrend(t *testing.T) {
	series := func(step time.Duration, used ...float64) marketplace.Trend {
		var tr marketplace.Trend
		for i, u := range used {
			tr.Add(start().Add(time.Duration(i)*step), u)
		}
		return tr
	}
	for name, c := range map[string]struct {
		trend marketplace.Trend
		want  float64 // minutes; negative: none
	}{
		"a steady rise":              {series(time.Minute, 0.1, 0.2, 0.3, 0.4), 6},
		"exhausted already":          {series(time.Minute, 0.8, 0.9, 1), 0},
		"no rise":                    {series(time.Minute, 0.4, 0.4, 0.4), -1},
		"a fall":                     {series(time.Minute, 0.4, 0.35, 0.3), -1},
		"too little":                 {series(time.Minute, 0.1, 0.9), -1},
		"too short":                  {series(time.Second, 0.1, 0.2, 0.3), -1},
		"a quota that began anew":    {series(time.Minute, 0.7, 0.8, 0.9, 0, 0.1, 0.2), 8},
		"what is long ago is not it": {series(10*time.Minute, 0.1, 0.1, 0.1), -1},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := c.trend.Minutes()
			if ok != (c.want >= 0) || ok && math.Abs(got-c.want) > 1e-9 {
				t.Errorf("%v, %v; want %v", got, ok, c.want)
			}
		})
	}
}
