//go:build !race

// 3,000 series of 40 KiB take the race detector two GiB, in one goroutine.

package series_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"guardian/internal/series"
	"guardian/probes/sample"
)

// TestEvictedReferencesCostOnlyTime writes more series than the cache can hold, and then
// moves the head of the storage on so far that the references of the first are gone.
func TestEvictedReferencesCostOnlyTime(t *testing.T) {
	db := open(t, series.Options{})
	big := look(sample.Up, epoch)
	big.Values = nil
	for i := range 3000 {
		// Long labels: 3,000 keys of some 40 KiB are more than 32 MiB.
		big.Values = append(big.Values, sample.Value{Name: "v", Labels: map[string]string{"i": fmt.Sprint(i), "long": strings.Repeat("x", 40<<10)}, V: float64(i)})
	}
	put(t, db, big)
	big.At = after(time.Minute)
	put(t, db, big)
	if got := ask(t, db, "count(v)", after(time.Minute)); got != "{} 3000" {
		t.Errorf("%q series, want 3000, whatever the cache dropped", got)
	}
	if got := ask(t, db, "sum(count_over_time(v[2m]))", after(time.Minute)); got != "{} 6000" {
		t.Errorf("%q samples, want 6000", got)
	}
}
