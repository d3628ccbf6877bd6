package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"guardian/notifiers"
)

// directTimeout bounds one attempt to deliver a notice past the outbox.
const directTimeout = 15 * time.Second

// Direct delivers notices at once, past the journal and the outbox: those about faults of these
// two. It has no memory: what it could not deliver is the caller's to send again.
type Direct struct {
	Settings func() Settings
	// Receivers are channels of its own: those of the dispatcher belong to its workers.
	Receivers func() map[string]notifiers.Receiver
	Now       func() time.Time

	mu sync.Mutex // a channel is used by one goroutine at a time
}

// Send delivers a notice to the receivers that the routes choose. Where a receiver does not take
// it, its fallbacks are tried and, if nobody at all took it, every other receiver until one does.
func (d *Direct) Send(ctx context.Context, id string, render Render) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, receivers := d.Settings(), d.Receivers()
	if s.Decisions.Routes == nil || len(receivers) == 0 {
		return errors.New("no receiver is configured")
	}
	var errs []error
	tried, delivered := map[string]bool{}, false
	try := func(name string) bool {
		r, ok := receivers[name]
		if !ok || tried[name] {
			return false
		}
		tried[name] = true
		n := render(s.For(name))
		n.ID, n.Created = id, d.Now()
		if worded, err := r.Template.Render(n); err == nil {
			n = worded
		}
		ctx, cancel := context.WithTimeout(ctx, directTimeout)
		defer cancel()
		if err := r.Channel.Send(ctx, n); err != nil {
			errs = append(errs, fmt.Errorf("receiver %s: %w", name, err))
			return false
		}
		delivered = true
		return true
	}
	for _, t := range s.Decisions.Routes.Match(render(s.Teller).Labels) {
		for name := t.Receiver; name != "" && !tried[name]; name = receivers[name].Fallback {
			if try(name) {
				break
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(receivers)) {
		if delivered || try(name) {
			break
		}
	}
	if delivered {
		return nil
	}
	return errors.Join(errs...)
}
