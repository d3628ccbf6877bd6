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

// Send delivers a notice to the receivers that the routes choose, to all at once: one that hangs holds
// no other up. Where a receiver does not take it, its fallbacks are tried and, if nobody at all took it,
// every other receiver until one does.
func (d *Direct) Send(ctx context.Context, id string, render Render) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, receivers := d.Settings(), d.Receivers()
	if s.Decisions.Routes == nil || len(receivers) == 0 {
		return errors.New("no receiver is configured")
	}
	one := &direct{id: id, settings: s, receivers: receivers, render: render, now: d.Now, tried: map[string]bool{}}
	var all sync.WaitGroup
	for _, t := range s.Decisions.Routes.Match(render(s.Teller).Labels) {
		all.Go(func() {
			for name, tried := t.Receiver, map[string]bool{}; name != "" && !tried[name]; name = receivers[name].Fallback {
				if tried[name] = true; one.try(ctx, name) {
					break
				}
			}
		})
	}
	all.Wait()
	for _, name := range slices.Sorted(maps.Keys(receivers)) {
		if one.delivered {
			break
		}
		one.try(ctx, name)
	}
	if one.delivered {
		return nil
	}
	return errors.Join(one.errs...)
}

// direct is a notice on its way.
type direct struct {
	id        string
	settings  Settings
	receivers map[string]notifiers.Receiver
	render    Render
	now       func() time.Time

	mu        sync.Mutex
	tried     map[string]bool
	delivered bool
	errs      []error
}

// try sends it to a receiver, once; false: it did not take it. One that is tried already has fallbacks of
// its own.
func (o *direct) try(ctx context.Context, name string) bool {
	o.mu.Lock()
	r, ok := o.receivers[name]
	before := o.tried[name]
	o.tried[name] = true
	o.mu.Unlock()
	if !ok || before {
		return before
	}
	n := o.render(o.settings.For(name))
	n.ID, n.Created = o.id, o.now()
	if worded, err := r.Template.Render(n); err == nil {
		n = worded
	}
	ctx, cancel := context.WithTimeout(ctx, directTimeout)
	defer cancel()
	err := r.Channel.Send(ctx, n)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.errs = append(o.errs, fmt.Errorf("receiver %s: %w", name, err))
		return false
	}
	o.delivered = true
	return true
}
