package watching

import (
	"context"
	"sync"
	"time"
)

const (
	// tickEvery is how often the watches see the time.
	tickEvery = 250 * time.Millisecond
	// countEvery is how often it is looked which counters are due to be read.
	countEvery = time.Second
)

// Run lets the watches see the time and reads their counters until ctx ends. A server of counters that
// answers slowly holds no verdict up.
func (ws *Watches) Run(ctx context.Context) {
	var both sync.WaitGroup
	defer both.Wait()
	both.Go(func() { every(ctx, tickEvery, func() { ws.Tick(ws.o.Now()) }) })
	both.Go(func() { every(ctx, countEvery, func() { ws.ReadCounters(ctx) }) })
}

func every(ctx context.Context, interval time.Duration, do func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}
