package probes

import (
	"context"
	"sync"
	"time"
)

// workerIdle is how long a worker waits for a job before it ends.
const workerIdle = 10 * time.Second

// workerPool makes the looks of all checks, a bounded number at once. A goroutine's stack grows
// as deep as a look goes and stays so for long: if each check's own goroutine made its looks,
// each would hold a stack of tens of kibibytes for a few milliseconds of work.
type workerPool struct {
	slots   chan struct{} // one token per look under way
	jobs    chan job      // to an idle worker
	stopped chan struct{} // closed when there are no more jobs
	once    sync.Once
}

// job is work for a worker, who sends to done when it is done.
type job struct {
	work func()
	done chan<- struct{}
}

func newWorkerPool(size int) *workerPool {
	return &workerPool{slots: make(chan struct{}, size), jobs: make(chan job), stopped: make(chan struct{})}
}

// do waits for a slot, has a worker do the work, and gives true once that is done; false when
// ctx ends before a slot was free. done has a capacity of one, is empty, and is the caller's
// own, which spares each look a new channel.
func (p *workerPool) do(ctx context.Context, done chan struct{}, work func()) bool {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	j := job{work, done}
	select {
	case p.jobs <- j:
	default:
		go p.worker(j)
	}
	<-done
	<-p.slots
	return true
}

// worker does jobs until there was none for a while.
func (p *workerPool) worker(j job) {
	idle := time.NewTimer(workerIdle)
	defer idle.Stop()
	for {
		j.work()
		j.done <- struct{}{}
		idle.Reset(workerIdle)
		select {
		case j = <-p.jobs:
		case <-idle.C:
			return
		case <-p.stopped:
			return
		}
	}
}

// stop ends the idle workers. No work may be under way; it is idempotent.
func (p *workerPool) stop() { p.once.Do(func() { close(p.stopped) }) }
