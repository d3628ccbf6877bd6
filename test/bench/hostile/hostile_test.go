package hostile_test

import (
	"testing"
	"time"

	"guardian/test/hostile"
	"guardian/test/rig"
)

const (
	every = 10 * time.Second // of each check
	rules = 15 * time.Second // their interval
)

// goals: what is measured is printed beside them. A check is down for as long as its interval before it is seen,
// and its rule is evaluated within the interval of rules; five seconds later people have heard of it.
func goals() hostile.Goals {
	return hostile.Goals{Told: every + rules + 5*time.Second, Query: 130 * time.Second, Memory: 1536 << 20}
}

// BenchmarkHostile attacks a guardian with 500 checks in every way, one after the other.
func BenchmarkHostile(b *testing.B) {
	binary, err := rig.BuildPlain(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		seed := uint64(time.Now().UnixNano())
		r := hostile.Run(b, binary, hostile.Options{
			Checks: 500, Every: every, Judged: time.Second, Down: 50, Within: 30 * time.Second,
			Series: 250_000, Writers: 4, Queries: 40, Idle: 10_000, Slow: 10, Seed: seed,
		})
		b.Logf("seed %d\n%s", seed, r.Table())
		for _, wrong := range append(r.Wrong(), r.Missed(goals())...) {
			b.Error(wrong)
		}
		b.ReportMetric(float64(r.Memory>>20), "MiB")
	}
	b.ReportMetric(0, "ns/op") // the pace of the checks
}
