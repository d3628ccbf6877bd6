package series_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"guardian/internal/series"
)

// TestAnExpressionGivesTheSameEachTime, although the engine changes what it evaluates, and
// although it is asked for other times and by many at once.
func TestAnExpressionGivesTheSameEachTime(t *testing.T) {
	db := open(t, series.Options{})
	var points []series.Point
	for i := range 60 {
		for _, shop := range []string{"a", "b"} {
			points = append(points, series.Point{Metric: labels.FromStrings("__name__", "x", "shop", shop, "site", "de"), T: after(time.Duration(i) * 15 * time.Second).UnixMilli(), F: float64(i * len(shop))})
		}
	}
	if err := db.Append(t.Context(), points); err != nil {
		t.Fatal(err)
	}
	for _, expr := range []string{
		`x > 3`, `-x`, `(x)`, `x @ end()`, `x @ start() - x`, `rate(x[5m])`, `max_over_time((x > 2)[5m:1m] offset 1m)`, `sum by (site, shop) (x)`,
		`topk by (site, shop) (1, x)`, `quantile(0.5, x)`, `count_values("v", x)`, `x * on (site, shop) group_left () x`, `x and on (shop, site) x`,
		`label_replace(x, "y", "$1", "shop", "(.*)")`, `time() - timestamp(x)`, `x[5m:1m]`, `3`, `"text"`, `sum_over_time(x[1m*5])`, `x offset 2m`, `vector(time())`, `-1 ^ 2`,
	} {
		ask := func(at time.Time) string {
			res, err := db.Instant(t.Context(), expr, at, series.Ask{})
			if err != nil {
				t.Errorf("%s: %v", expr, err)
				return ""
			}
			return sorted(res.Value.String())
		}
		first, second := ask(after(10*time.Minute)), ask(after(14*time.Minute))
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 3 {
					if diff := cmp.Diff(second, ask(after(14*time.Minute))); diff != "" {
						t.Errorf("%s the next time:\n%s", expr, diff)
					}
					if diff := cmp.Diff(first, ask(after(10*time.Minute))); diff != "" {
						t.Errorf("%s at another time:\n%s", expr, diff)
					}
				}
			})
		}
		all.Wait()
		// Another spelling of the same is not remembered.
		fresh, err := db.Instant(t.Context(), expr+" ", after(14*time.Minute), series.Ask{})
		if err != nil || sorted(fresh.Value.String()) != second {
			t.Errorf("%s: %v, %v; want %s", expr, fresh.Value, err, second)
		}
	}
}

// sorted gives the lines of a result in an order of their own: that of a vector is any.
func sorted(result string) string {
	lines := strings.Split(result, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
