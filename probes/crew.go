package probes

import (
	"context"
	"sync"
	"time"
)

// crewIdle is how long a member of the crew waits for work before it goes.
const crewIdle = 10 * time.Second

// crew makes the looks of all checks, a bounded number at once. A goroutine's stack grows as
// deep as a look goes and stays so for long: loops that looked themselves would each hold one
// of tens of kibibytes for a few milliseconds of work.
type crew struct {
	slots chan struct{} // one token per look under way
	work  chan job      // to whoever is idle
	over  chan struct{} // closed when there is no more work
	once  sync.Once
}

// job is work for a member of the crew, who tells through done that it is done.
type job struct {
	work func()
	done chan<- struct{}
}

func newCrew(most int) *crew {
	return &crew{slots: make(chan struct{}, most), work: make(chan job), over: make(chan struct{})}
}

// do waits for a slot, lets a member of the crew work and gives true once that is done; false
// when ctx ends before there was a slot. done holds one, is empty, and is the caller's own: it
// spares each look a new one.
func (c *crew) do(ctx context.Context, done chan struct{}, work func()) bool {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	j := job{work, done}
	select {
	case c.work <- j:
	default:
		go c.member(j)
	}
	<-done
	<-c.slots
	return true
}

// member works until there was nothing to do for a while.
func (c *crew) member(j job) {
	idle := time.NewTimer(crewIdle)
	defer idle.Stop()
	for {
		j.work()
		j.done <- struct{}{}
		idle.Reset(crewIdle)
		select {
		case j = <-c.work:
		case <-idle.C:
			return
		case <-c.over:
			return
		}
	}
}

// dismiss ends the crew, whose work must be done; doing it again changes nothing.
func (c *crew) dismiss() { c.once.Do(func() { close(c.over) }) }
