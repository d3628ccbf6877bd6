package series_test

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"guardian/internal/series"
)

// TestAdmitsSaysWhatWriteWouldTake, and people are told of what it refuses.
func TestAdmitsSaysWhatWriteWouldTake(t *testing.T) {
	db, err := series.Open(series.Options{Dir: t.TempDir(), SourceSeries: map[series.Source]int{series.RemoteWrite: 2}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	of := func(v string) labels.Labels { return labels.FromStrings("__name__", "ext", "v", v) }
	for i, v := range []string{"a", "b", "c", "a"} {
		admitted := db.Admits(of(v))
		n, err := db.Write(t.Context(), []series.Point{{Metric: of(v), T: time.Now().UnixMilli() + int64(i), F: 1}}, func(int, error) {})
		if err != nil || (n == 1) != (admitted == nil) || (v == "c") != errors.Is(admitted, series.ErrTooManySeries) {
			t.Errorf("%s: %v, %d written, %v", v, admitted, n, err)
		}
	}
	db.Overflows()
	if err := db.Admits(labels.FromStrings("__name__", "ext_new")); err == nil {
		t.Error("a new series is admitted beyond the limit")
	}
	if got := db.Overflows()[series.RemoteWrite]; got.Metric != "ext_new" || got.Limit != 2 {
		t.Errorf("told of %+v", got)
	}
}
