package series_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"pgregory.net/rapid"

	"guardian/internal/series"
	"guardian/probes/sample"
)

// lastValueExprs read last values, also of a part of a metric, beside ranges, and with an offset.
var lastValueExprs = []string{
	`x`, `x > 1`, `x{shop="a"}`, `x{shop!="a"}`, `x{shop=~"a|b", site=""}`, `{__name__="x", shop="b"}`, `sum(x) - count(y)`, `x unless y`, `absent(x{shop="c"})`,
	`timestamp(x)`, `x / rate(x[2m])`, `max_over_time(x[3m])`, `max_over_time((x > 0)[6m:1m])`, `x offset 1m`, `x offset 6m`, `{shop="a"}`, `probe_success == 0`,
	`probe_success{check="push"} or probe_unknown`, `x @ end()`, `histogram_count(y) or y`,
}

// both gives a query's answer as rules get it, and as the storage gives it.
func both(t *rapid.T, db *series.DB, expr string, at time.Time) (rules, stored string) {
	text := func(lines []string) string {
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	v, err := db.Query(t.Context(), expr, at)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	var lines []string
	for _, s := range v {
		lines = append(lines, s.String())
	}
	res, err := db.Instant(t.Context(), expr, at, series.Ask{})
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return text(lines), text(strings.Split(res.Value.String(), "\n"))
}

// TestRulesGetWhatIsStored compares the answers to rules with those of the storage, whatever was
// written, by whom, and when it is asked.
func TestRulesGetWhatIsStored(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		db := open(t, series.Options{})
		defer db.Close()
		now := epoch
		for range rapid.IntRange(5, 60).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{1, 500, 5_000, 30_000, 200_000, 700_000}).Draw(rt, "ms")) * time.Millisecond)
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0, 1:
				var points []series.Point
				for range rapid.IntRange(1, 4).Draw(rt, "points") {
					p := series.Point{
						Metric: labels.FromStrings("__name__", rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "name"), "shop", rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "shop")),
						T:      now.Add(time.Duration(rapid.IntRange(-90, 40).Draw(rt, "late")) * time.Second).UnixMilli(),
						F:      rapid.SampledFrom([]float64{0, 1, 2, math.NaN(), math.Float64frombits(value.StaleNaN)}).Draw(rt, "value"),
					}
					if p.Metric.Get("__name__") == "y" && rapid.IntRange(0, 3).Draw(rt, "histogram") == 0 {
						p.H = &histogram.FloatHistogram{Count: 3, Sum: 4}
					}
					points = append(points, p)
				}
				slices.SortFunc(points, func(a, b series.Point) int {
					return cmp.Or(cmp.Compare(a.Metric.Get("__name__"), b.Metric.Get("__name__")), cmp.Compare(a.T, b.T))
				})
				// The storage may drop one of several samples of a series whose type changes between them.
				points = slices.CompactFunc(points, func(a, b series.Point) bool {
					return a.Metric.Get("__name__") == "y" && b.Metric.Get("__name__") == "y"
				})
				_ = db.Append(t.Context(), points) // some are late
			case 2:
				x := look(rapid.SampledFrom([]sample.Health{sample.Up, sample.Down, sample.Unknown}).Draw(rt, "health"), now)
				_, _ = db.AppendSample(x)
			case 3:
				db.Track("push", 2*time.Minute, time.Minute)
				if err := db.Restamp(now); err != nil {
					rt.Fatal(err)
				}
			case 4:
				if err := db.Forget("push", now); err != nil {
					rt.Fatal(err)
				}
			}
			at := now.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 0, 10, -30, -400}).Draw(rt, "asked")) * time.Second)
			for _, expr := range rapid.SliceOfN(rapid.SampledFrom(lastValueExprs), 1, 4).Draw(rt, "exprs") {
				if rules, stored := both(rt, db, expr, at); rules != stored {
					rt.Fatalf("%s at %s: rules get\n%s\nstored is\n%s", expr, at, rules, stored)
				}
			}
		}
	})
}

// TestWhatIsWrittenWhileRulesAsk is in an answer wholly or not at all.
func TestWhatIsWrittenWhileRulesAsk(t *testing.T) {
	db := open(t, series.Options{})
	write := func(i int) {
		var points []series.Point
		for _, name := range []string{"x", "y"} {
			for shop := range 3 {
				points = append(points, series.Point{Metric: labels.FromStrings("__name__", name, "shop", fmt.Sprint(shop)), T: after(time.Duration(i) * time.Millisecond).UnixMilli(), F: float64(i)})
			}
		}
		if err := db.Append(t.Context(), points); err != nil {
			t.Error(err)
		}
	}
	write(0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 3000 {
			write(i + 1)
		}
	}()
	for open := true; open; {
		select {
		case <-done:
			open = false
		default:
		}
		for _, expr := range []string{`x != y`, `sum(x) != sum(y)`, `x != on (shop) max_over_time(y[1m])`} {
			v, err := db.Query(t.Context(), expr, after(time.Minute))
			if err != nil || len(v) > 0 {
				t.Fatalf("%s: %v, %v", expr, v, err)
			}
		}
	}
}

// TestAMetricOfTooManySeries is asked of the storage.
func TestAMetricOfTooManySeries(t *testing.T) {
	db := open(t, series.Options{})
	write := func(from, to int) {
		var points []series.Point
		for i := from; i < to; i++ {
			points = append(points, series.Point{Metric: labels.FromStrings("__name__", "x", "i", fmt.Sprint(i)), T: epoch.UnixMilli(), F: 1})
		}
		if err := db.Append(t.Context(), points); err != nil {
			t.Fatal(err)
		}
	}
	for n := 0; n <= 24_000; n += 8000 {
		write(max(n-8000, 0), n)
		v, err := db.Query(t.Context(), `sum(x) or vector(0)`, epoch)
		if err != nil || v[0].F != float64(n) {
			t.Errorf("of %d series: %v, %v", n, v, err)
		}
	}
}
