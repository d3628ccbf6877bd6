package series_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"guardian/internal/series"
)

// BenchmarkQueries asks what rules ask, over 500 series.
func BenchmarkQueries(b *testing.B) {
	db := open(b, series.Options{})
	var points []series.Point
	for i := range 24 {
		for s := range 500 {
			points = append(points, series.Point{
				Metric: labels.FromStrings("__name__", fmt.Sprint("load_", s%10), "shop", fmt.Sprint("shop-", s/10), "site", []string{"de", "sg", "us"}[s/10%3]),
				T:      after(time.Duration(i) * 5 * time.Second).UnixMilli(), F: float64(s*i%17) / 20,
			})
		}
	}
	if err := db.Append(b.Context(), points); err != nil {
		b.Fatal(err)
	}
	for name, expr := range map[string]string{
		"threshold": `load_3{shop="shop-7"} > 2`,
		"mean":      `avg_over_time(load_3{shop="shop-7"}[1m]) > 2`,
		"all":       `load_3 > 2`,
		"rates":     `sum by (site) (rate(load_3[1m])) > 1000`,
		"sums":      `sum by (site) (load_3)`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := db.Query(b.Context(), expr, after(2*time.Minute)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
