package clock

import (
	"log/slog"
	"sync"
	"time"
)

// Clock follows the machine's time, at most a tenth faster or slower than it should run.
type Clock struct {
	monotonic func() time.Time
	wall      func() time.Time
	log       *slog.Logger

	mu     sync.Mutex
	start  time.Time     // with a monotonic reading
	offset time.Duration // what was added to or taken from the monotonic clock so far
	last   time.Duration // monotonic time since start at the last reading
	jumped bool          // the jump of the machine's clock was logged
}

// jump is the difference from which on the machine's clock counts as having jumped.
const jump = 2 * time.Second

// New makes a Clock. monotonic gives times with a monotonic reading, wall the machine's time.
func New(monotonic, wall func() time.Time, log *slog.Logger) *Clock {
	return &Clock{monotonic: monotonic, wall: wall, log: log, start: monotonic()}
}

// Now gives the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	elapsed := c.monotonic().Sub(c.start)
	step := (elapsed - c.last) / 10
	c.last = elapsed
	// Round strips the monotonic reading: what is left is the machine's time.
	off := c.wall().Round(0).Sub(c.start.Round(0)) - elapsed - c.offset
	c.offset += min(max(off, -step), step)
	switch far := off > jump || off < -jump; {
	case far && !c.jumped:
		c.jumped = true
		c.log.Warn("the machine's clock jumped; following it slowly", "by", off.String())
	case !far && c.jumped:
		c.jumped = false
		c.log.Info("caught up with the machine's clock")
	}
	return c.start.Round(0).Add(elapsed + c.offset)
}
