package ingest

import (
	"sync"
	"time"
)

// pace slows senders of whose samples most are refused: a sender that goes on without end gets no more of the
// processors for it than a share. What it sends before its wait is over is refused unread.
type pace struct {
	now func() time.Time

	mu sync.Mutex
	of map[string]slowed // by sender; those whose wait is over may be missing
}

// slowed is until when a sender waits, and what was refused last.
type slowed struct {
	until time.Time
	why   string
}

const (
	// waitPerWork is how many times as long as the work on its refused samples a sender waits: they
	// take a tenth of a core.
	waitPerWork = 9
	longestWait = 30 * time.Second
	// mostSlowed bounds the memory: further senders share one wait.
	mostSlowed = 1000
)

func newPace(now func() time.Time) *pace { return &pace{now: now, of: map[string]slowed{}} }

// left gives how long a sender still has to wait, and why; 0: it may send.
func (p *pace) left(sender string) (time.Duration, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.of[p.key(sender)]
	return max(s.until.Sub(p.now()), 0), s.why
}

// worked takes how long the work on a request took, and the share of it that was refused.
func (p *pace) worked(sender string, took time.Duration, refused float64, why string) {
	wait := time.Duration(float64(took) * refused * waitPerWork)
	if wait <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now, key := p.now(), p.key(sender)
	from := now
	if s := p.of[key]; s.until.After(now) {
		from = s.until // of a request that was worked on meanwhile
	}
	p.of[key] = slowed{earliest(from.Add(wait), now.Add(longestWait)), why}
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// key is the sender, or "" for all those beyond the most that are remembered.
func (p *pace) key(sender string) string {
	if _, known := p.of[sender]; known || len(p.of) < mostSlowed {
		return sender
	}
	now := p.now()
	for other, s := range p.of {
		if !s.until.After(now) {
			delete(p.of, other)
		}
	}
	if len(p.of) < mostSlowed {
		return sender
	}
	return ""
}
