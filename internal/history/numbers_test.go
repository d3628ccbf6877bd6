package history_test

import (
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"guardian/internal/history"
	"guardian/internal/series"
	"guardian/watch"
)

// TestReadingsOfHistogramsAndGauges: of a classic histogram, of a native one, and of a gauge, each
// with a series for each shop, over a time and now.
func TestReadingsOfHistogramsAndGauges(t *testing.T) {
	db, err := series.Open(series.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	from := noon().Add(-10 * time.Minute)
	for i := range 41 {
		at, n := from.Add(time.Duration(i)*watch.CounterEvery).UnixMilli(), float64(100*i)
		classic := func(le string, v float64) series.Point {
			return series.Point{Metric: labels.FromStrings(model.MetricNameLabel, "classic_seconds_bucket", "le", le, "shop", "sg"), T: at, F: v}
		}
		// Nine in ten requests take up to 0.1 s, the others up to 1 s.
		points := []series.Point{classic("0.1", 0.9*n), classic("1", n), classic("+Inf", n)}
		points = append(points, series.Point{
			Metric: labels.FromStrings(model.MetricNameLabel, "native_seconds", "shop", "sg"), T: at,
			H: &histogram.FloatHistogram{
				Schema: 0, Count: n, Sum: n, PositiveSpans: []histogram.Span{{Offset: -3, Length: 1}, {Offset: 2, Length: 1}}, PositiveBuckets: []float64{0.9 * n, 0.1 * n},
			},
		}, series.Point{Metric: labels.FromStrings(model.MetricNameLabel, "queue_depth", "shop", "sg"), T: at, F: n})
		if err := db.Append(t.Context(), points); err != nil {
			t.Fatal(err)
		}
	}
	h := history.New(history.Options{Counters: func(string) (history.Counters, error) { return db, nil }})
	for name, c := range map[string]struct {
		change    func(m *watch.CounterSettings)
		low, high float64
	}{
		"classic": {func(m *watch.CounterSettings) { m.Histogram = "classic_seconds" }, 0.5, 1},
		"native":  {func(m *watch.CounterSettings) { m.Histogram = `native_seconds{shop="sg"}` }, 0.5, 1},
		"gauge":   {func(m *watch.CounterSettings) { m.Value = "queue_depth" }, 4000, 4000},
	} {
		m := watch.DefaultCounter()
		m.Name = name
		c.change(&m)
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		rs, err := h.Readings(t.Context(), m, from, noon())
		if err != nil || len(rs) < 39 {
			t.Fatalf("%s: %d readings, %v", name, len(rs), err)
		}
		now, err := h.Reading(t.Context(), m, noon())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []watch.Reading{rs[len(rs)-1], now} {
			if len(r.Values) != 1 || r.Empty {
				t.Fatalf("%s: %+v", name, r)
			}
			for _, v := range r.Values {
				if v < c.low || v > c.high {
					t.Errorf("%s: %v, want between %v and %v", name, v, c.low, c.high)
				}
			}
		}
	}
	m := watch.DefaultCounter()
	m.Histogram = "nobody_seconds"
	if rs, err := h.Readings(t.Context(), m, from, noon()); err != nil || len(rs) != 0 {
		t.Errorf("a histogram that is not there: %+v, %v", rs, err)
	}
}
