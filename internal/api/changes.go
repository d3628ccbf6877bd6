package api

import (
	"context"
	"sync"
	"time"
)

// Changes wakes requests that wait for something to change. The zero value is ready.
type Changes struct {
	mu     sync.Mutex
	next   chan struct{} // closed by the next change; nil: nobody waits for it
	closed bool
}

// Notify wakes everybody who waits.
func (c *Changes) Notify() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next != nil && !c.closed {
		close(c.next)
		c.next = nil
	}
}

// Close ends all waits, those that begin later too: the server is about to stop.
func (c *Changes) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next != nil && !c.closed {
		close(c.next)
	}
	c.closed = true
}

// wait gives what is closed by the next change; false once no wait is begun any more.
func (c *Changes) wait() (<-chan struct{}, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = make(chan struct{})
	}
	return c.next, !c.closed
}

// pollInterval is how often a standby reads the journal for what a request waits for: changes
// are notified at the leader only.
const pollInterval = 500 * time.Millisecond

// await asks again whenever something changed, until the answer is done or the time is over.
func await[T any](ctx context.Context, c *Changes, atMost time.Duration, ask func() (answer T, done bool, err error)) (T, error) {
	over := time.NewTimer(atMost)
	defer over.Stop()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		changed, open := c.wait() // before asking, so that no change is missed
		answer, done, err := ask()
		if done || err != nil || atMost <= 0 || !open {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return answer, ctx.Err()
		case <-over.C:
			return answer, nil
		case <-changed:
		case <-poll.C:
		}
	}
}
