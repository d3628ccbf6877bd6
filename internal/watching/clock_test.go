package watching_test

import (
	"context"
	"testing"
	"time"

	"guardian/test/leader"
	"guardian/watch"
)

// A watch ends by itself when its time is over, though nothing is seen any more, and its counters are read
// meanwhile.
func TestTheClockEndsWatchesAndReadsCounters(t *testing.T) {
	settings := leader.Settings(t, watch.Auto)
	settings.Services[0].Watch.Metrics = []watch.CounterSettings{{Name: "orders", Failures: "failed_total", Total: "placed_total", FailureRate: 0.02, Weight: 1}}
	play(t, settings, func(s *shop) {
		ctx, cancel := context.WithCancel(s.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); s.watches.Run(ctx) }()
		id := s.announce(announcement("v2"))
		time.Sleep(2 * time.Minute)
		if n := s.counted.Load(); n < 2 {
			s.t.Errorf("counters were read %d times within two minutes", n)
		}
		time.Sleep(3 * time.Hour)
		s.wantState(id, watch.Inconclusive)
		cancel()
		<-ended
	})
}
