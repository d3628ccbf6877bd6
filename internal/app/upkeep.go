package app

import (
	"context"
	"time"
)

// restampLoop keeps the last values of slow checks visible. Every guardian does it for its
// own series.
func (a *App) restampLoop(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := a.series.Restamp(a.now()); err != nil {
				a.log.Warn("the last values of slow checks could not be stamped again", "error", err)
			}
		}
	}
}
