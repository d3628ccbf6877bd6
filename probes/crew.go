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
	work  chan func()   // to whoever is idle
	over  chan struct{} // closed when there is no more work
	once  sync.Once
}

func newCrew(most int) *crew {
	return &crew{slots: make(chan struct{}, most), work: make(chan func()), over: make(chan struct{})}
}

// do waits for a slot, lets a member of the crew work and gives true once that is done; false
// when ctx ends before there was a slot.
func (c *crew) do(ctx context.Context, work func()) bool {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	defer func() { <-c.slots }()
	done := make(chan struct{})
	job := func() {
		defer close(done)
		work()
	}
	select {
	case c.work <- job:
	default:
		go c.member(job)
	}
	<-done
	return true
}

// member works until there was nothing to do for a while.
func (c *crew) member(job func()) {
	idle := time.NewTimer(crewIdle)
	defer idle.Stop()
	for {
		job()
		idle.Reset(crewIdle)
		select {
		case job = <-c.work:
		case <-idle.C:
			return
		case <-c.over:
			return
		}
	}
}

// dismiss ends the crew, whose work must be done; doing it again changes nothing.
func (c *crew) dismiss() { c.once.Do(func() { close(c.over) }) }
