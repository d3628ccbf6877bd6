package notifiers_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"guardian/notifiers"
)

// program takes each notice in a while, and once refuses the first ones.
type program struct {
	mu     sync.Mutex
	refuse int
	began  time.Time
	took   map[string]time.Duration // after which each was taken
}

// Send implements notifiers.Channel.
func (p *program) Send(_ context.Context, n notifiers.Notice) error {
	time.Sleep(80 * time.Millisecond)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse > 0 {
		p.refuse--
		return &notifiers.Retry{Err: errors.New("connection reset")}
	}
	p.took[n.Title] = time.Since(p.began)
	return nil
}

// A receiver that is sent as much as it can take, without a pause, is also sent what failed once: it has its turn
// among the new notices, which never end.
func TestWhatFailedOnceHasItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const parallel, rounds = 4, 130
		p := &program{refuse: 2, began: time.Now(), took: map[string]time.Duration{}}
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: p, Budget: notifiers.Budget{MergeAt: -1, MergeMax: 200, Parallel: parallel}}})
		k.start()
		for round := range rounds {
			for i := range parallel {
				k.put("oncall", "critical", fmt.Sprintf("k%d-%d/n%d-%d", round, i, round, i))
			}
			pass(80 * time.Millisecond)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		for i := range parallel {
			if after, taken := p.took[fmt.Sprintf("n0-%d", i)]; !taken || after > 8*time.Second {
				t.Errorf("notice %d of the first: taken %v, after %s", i, taken, after)
			}
		}
	})
}
