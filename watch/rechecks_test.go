package watch_test

import (
	"testing"

	"guardian/watch"
)

func TestOldRechecksCountLess(t *testing.T) {
	r := watch.RecheckStats{}
	for range 1000 {
		r = r.Add(watch.RecheckStats{Seen: 1, Again: 3, Cleared: 1})
	}
	if n := r.Again + r.Cleared; n > 2000 || n < 1000 {
		t.Errorf("%d looks are remembered, want at most 2000", n)
	}
	if share := float64(r.Again) / float64(r.Again+r.Cleared); share < 0.7 || share > 0.8 {
		t.Errorf("%.2f of the rechecks failed again, want three of four", share)
	}
}
