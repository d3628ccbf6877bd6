package app

import (
	"log/slog"
	"sync"
	"time"
)

// clock is the process's own: it runs on the machine's monotonic clock, so that somebody who
// sets the machine's time neither ends a watch nor stops one. It follows the machine's time
// slowly, at most a tenth faster or slower than it should run.
type clock struct {
	run  func() time.Time // with a monotonic reading
	wall func() time.Time // the machine's time
	log  *slog.Logger

	mu     sync.Mutex
	start  time.Time     // with a monotonic reading
	behind time.Duration // what was added to or taken from the monotonic clock so far
	last   time.Duration // monotonic, since start, of the last reading
	jumped bool          // it was said that the machine's time jumped
}

// jump is the difference from which on the machine's time is said to have jumped.
const jump = 2 * time.Second

func newClock(run, wall func() time.Time, log *slog.Logger) *clock {
	return &clock{run: run, wall: wall, log: log, start: run()}
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	elapsed := c.run().Sub(c.start) // monotonic
	step := (elapsed - c.last) / 10
	c.last = elapsed
	// Round strips the monotonic reading: what is left is the machine's time.
	off := c.wall().Round(0).Sub(c.start.Round(0)) - elapsed - c.behind
	c.behind += min(max(off, -step), step)
	switch far := off > jump || off < -jump; {
	case far && !c.jumped:
		c.jumped = true
		c.log.Warn("the machine's clock jumped; following it slowly", "by", off.String())
	case !far && c.jumped:
		c.jumped = false
		c.log.Info("caught up with the machine's clock")
	}
	return c.start.Round(0).Add(elapsed + c.behind)
}
