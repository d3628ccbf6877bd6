package ingest

import (
	"context"
	"errors"
	"sync"
	"time"
)

// turns limits how many requests are read and worked on at once. Those beyond it wait in line for a
// while. One sender has at most half of the places, also of those in the line: however many requests
// it makes, and however slowly, others get theirs.
type turns struct {
	places int           // in all, at least 1
	within time.Duration // how long one waits

	mu   sync.Mutex
	free int
	of   map[string]int // places taken, by sender
	line []*waits       // oldest first
}

type waits struct {
	sender string
	given  chan struct{} // closed when it has a place
}

const (
	// turnWithin is less than what senders wait for an answer: Prometheus' remote_timeout is 30 s.
	turnWithin = 5 * time.Second
	// mostInLine bounds what waiting costs: a goroutine and a connection each.
	mostInLine = 400
)

// errNoTurn says that there is no place, and that none came free in time.
var errNoTurn = errors.New("no turn")

func newTurns(places int, within time.Duration) *turns {
	return &turns{places: places, within: within, free: places, of: map[string]int{}}
}

// take waits for a place, which leave gives back. It fails with errNoTurn, or when ctx ends.
func (t *turns) take(ctx context.Context, sender string) error {
	t.mu.Lock()
	if t.mayTake(sender) {
		t.give(sender)
		t.mu.Unlock()
		return nil
	}
	if !t.mayWait(sender) {
		t.mu.Unlock()
		return errNoTurn
	}
	w := &waits{sender: sender, given: make(chan struct{})}
	t.line = append(t.line, w)
	t.mu.Unlock()

	timer := time.NewTimer(t.within)
	defer timer.Stop()
	err := errNoTurn
	select {
	case <-w.given:
		return nil
	case <-timer.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, other := range t.line {
		if other == w {
			t.line = append(t.line[:i], t.line[i+1:]...)
			return err
		}
	}
	return nil // it was given at this moment
}

// leave gives a place back, to the first in line that may have it.
func (t *turns) leave(sender string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free++
	if t.of[sender]--; t.of[sender] == 0 {
		delete(t.of, sender)
	}
	for i, w := range t.line {
		if t.mayTake(w.sender) {
			t.line = append(t.line[:i], t.line[i+1:]...)
			t.give(w.sender)
			close(w.given)
			return
		}
	}
}

func (t *turns) give(sender string) {
	t.free--
	t.of[sender]++
}

func (t *turns) mayTake(sender string) bool { return t.free > 0 && t.of[sender] < half(t.places) }

func (t *turns) mayWait(sender string) bool {
	own := 0
	for _, w := range t.line {
		if w.sender == sender {
			own++
		}
	}
	return len(t.line) < mostInLine && own < half(mostInLine)
}

func half(n int) int { return (n + 1) / 2 }
