package storm_test

import (
	"testing"
	"time"

	"guardian/test/rig"
	"guardian/test/storm"
)

// namedWithin is how soon a message names a critical group.
const namedWithin = 5 * time.Second

func storming(kills int) storm.Options {
	return storm.Options{
		Alerts: 2000, Services: 50, Within: time.Minute, Wait: 30 * time.Second, Interval: time.Minute,
		Kills: kills, KillsWithin: 2 * time.Minute, Patience: 5 * time.Minute, Seed: uint64(time.Now().UnixNano()),
	}
}

// BenchmarkStorm lets a storm break over a guardian.
func BenchmarkStorm(b *testing.B) { run(b, storming(0), namedWithin) }

// BenchmarkStormWithFiftyKills kills the guardian meanwhile, and starts it again at once.
func BenchmarkStormWithFiftyKills(b *testing.B) { run(b, storming(50), 0) }

func run(b *testing.B, o storm.Options, wait time.Duration) {
	b.Helper()
	binary, err := rig.BuildPlain(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r := storm.Run(b, binary, o)
		b.Logf("seed %d\n%s", o.Seed, r.Table())
		for _, wrong := range r.Wrong(wait) {
			b.Error(wrong)
		}
		if o.Kills > 0 && r.SentAgain == 0 {
			b.Error("no answer was lost with a process: this proves little")
		}
		b.ReportMetric(r.Waits[len(r.Waits)-1].Seconds(), "most-s")
		b.ReportMetric(r.Tail.Seconds(), "tail-s")
	}
	b.ReportMetric(0, "ns/op") // the pace of the alerts
}
