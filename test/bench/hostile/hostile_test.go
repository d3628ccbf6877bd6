package hostile_test

import (
	"testing"
	"time"

	"guardian/test/hostile"
	"guardian/test/rig"
)

// The goals; what is measured is printed beside them.
const (
	mostMemory = 1536 << 20
	// longestQuery is what a query may take until it is answered or refused.
	longestQuery = 130 * time.Second
)

// BenchmarkHostile attacks a guardian with 500 checks in every way, one after the other.
func BenchmarkHostile(b *testing.B) {
	binary, err := rig.BuildPlain(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		seed := uint64(time.Now().UnixNano())
		r := hostile.Run(b, binary, hostile.Options{
			Checks: 500, Every: 10 * time.Second, Judged: time.Second, Down: 50, Within: 30 * time.Second,
			Series: 250_000, Writers: 4, Queries: 40, Idle: 10_000, Slow: 10, Seed: seed,
		})
		b.Logf("seed %d\n%s", seed, r.Table())
		for _, wrong := range append(r.Wrong(), r.Slow(mostMemory, longestQuery)...) {
			b.Error(wrong)
		}
		b.ReportMetric(float64(r.Memory>>20), "MiB")
	}
	b.ReportMetric(0, "ns/op") // the pace of the checks
}
