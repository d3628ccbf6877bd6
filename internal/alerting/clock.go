package alerting

import (
	"context"
	"time"
)

// tickEvery is how often it is looked what waits for a time.
const tickEvery = 250 * time.Millisecond

// Run does what waits for a time until ctx ends.
func (as *Alerts) Run(ctx context.Context) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			as.Tick(as.o.Now())
		}
	}
}
