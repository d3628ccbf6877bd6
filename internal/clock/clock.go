package clock

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Clock follows the machine's time, at most a tenth faster or slower than it should run. No reading waits for
// another one: looks read it several times each, and on a busy machine they would queue for it.
type Clock struct {
	monotonic func() time.Time
	wall      func() time.Time
	log       *slog.Logger

	start  time.Time    // with a monotonic reading
	offset atomic.Int64 // what was added to or taken from the monotonic clock so far
	latest atomic.Int64 // the reading that was the latest, since start; no later one is earlier

	following sync.Mutex    // held by the one reading that follows the machine's time
	last      time.Duration // monotonic time since start when it did last
	jumped    bool          // the jump of the machine's clock was logged
}

// jump is the difference from which on the machine's clock counts as having jumped.
const jump = 2 * time.Second

// New makes a Clock. monotonic gives times with a monotonic reading, wall the machine's time.
func New(monotonic, wall func() time.Time, log *slog.Logger) *Clock {
	return &Clock{monotonic: monotonic, wall: wall, log: log, start: monotonic()}
}

// Now gives the time.
func (c *Clock) Now() time.Time {
	elapsed := c.monotonic().Sub(c.start)
	if c.following.TryLock() {
		c.follow(elapsed)
		c.following.Unlock()
	}
	return c.start.Round(0).Add(c.notBefore(elapsed + time.Duration(c.offset.Load())))
}

// follow moves the offset towards the machine's time.
func (c *Clock) follow(elapsed time.Duration) {
	step := max(elapsed-c.last, 0) / 10
	c.last = max(elapsed, c.last)
	offset := time.Duration(c.offset.Load())
	// Round strips the monotonic reading: what is left is the machine's time.
	off := c.wall().Round(0).Sub(c.start.Round(0)) - elapsed - offset
	c.offset.Store(int64(offset + min(max(off, -step), step)))
	switch far := off > jump || off < -jump; {
	case far && !c.jumped:
		c.jumped = true
		c.log.Warn("the machine's clock jumped; following it slowly", "by", off.String())
	case !far && c.jumped:
		c.jumped = false
		c.log.Info("caught up with the machine's clock")
	}
}

// notBefore gives a reading, or the latest one where that is later: another one may have moved the offset back
// meanwhile.
func (c *Clock) notBefore(reading time.Duration) time.Duration {
	for {
		latest := c.latest.Load()
		if int64(reading) <= latest {
			return time.Duration(latest)
		}
		if c.latest.CompareAndSwap(latest, int64(reading)) {
			return reading
		}
	}
}
