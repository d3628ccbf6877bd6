package series_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"guardian/internal/series"
)

// TestOverflowCountsTheMemoryOfLabels: a series with a long value takes the place of several.
func TestOverflowCountsTheMemoryOfLabels(t *testing.T) {
	db, err := series.Open(series.Options{Dir: t.TempDir(), SourceSeries: map[series.Source]int{series.RemoteWrite: 10}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for i, c := range []struct {
		value string
		want  int
	}{{strings.Repeat("x", 8<<10), 1}, {"a", 1}, {"b", 0}} {
		n, err := db.Write(t.Context(), []series.Point{{Metric: labels.FromStrings("__name__", "ext", "v", c.value), T: time.Now().UnixMilli(), F: 1}}, func(int, error) {})
		if err != nil || n != c.want {
			t.Errorf("series %d: %d appended, %v", i, n, err)
		}
	}
}
