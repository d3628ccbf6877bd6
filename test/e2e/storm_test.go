package e2e_test

import (
	"testing"
	"time"

	"guardian/test/storm"
)

// TestAStormWithKills is the storm of `make bench-storm` on a small scale: what it says of limits, of
// what is lost and of what is sent twice holds on a busy machine too; how soon does not.
func TestAStormWithKills(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	r := storm.Run(t, binary, storm.Options{
		Alerts: 150, Services: 10, Within: 8 * time.Second, Wait: time.Second, Interval: 5 * time.Second,
		Kills: 5, KillsWithin: 12 * time.Second, Patience: 3 * time.Minute, Seed: seed,
	})
	t.Logf("seed %d\n%s", seed, r.Table())
	for _, wrong := range r.Wrong(0) {
		t.Error(wrong)
	}
}
