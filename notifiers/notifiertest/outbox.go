package notifiertest

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"guardian/notifiers"
)

// Outbox is a notifiers.Outbox in memory. The zero value is an empty one.
type Outbox struct {
	mu    sync.Mutex
	order []string
	all   map[string]notifiers.Delivery
	open  []string // the unfinished ones, in order
	saves int
	// Fail is called before each Save with its number, from 1 on; its error is returned by Save.
	Fail func(save int, deliveries []notifiers.Delivery) error
}

// Due implements notifiers.Outbox.
func (o *Outbox) Due(ctx context.Context, receiver string, now time.Time, limit int) ([]notifiers.Delivery, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []notifiers.Delivery
	seen := map[string]bool{}
	for _, id := range o.open {
		d := o.all[id]
		if d.Receiver != receiver {
			continue
		}
		first := d.Notice.Key == "" || !seen[d.Notice.Key]
		seen[d.Notice.Key] = true
		if first && !d.NextAt.After(now) && len(out) < limit {
			out = append(out, d)
		}
	}
	return out, nil
}

// Save implements notifiers.Outbox.
func (o *Outbox) Save(ctx context.Context, deliveries ...notifiers.Delivery) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.saves++
	if o.Fail != nil {
		if err := o.Fail(o.saves, deliveries); err != nil {
			return err
		}
	}
	for _, d := range deliveries {
		if o.all[d.ID].State == notifiers.Superseded {
			return notifiers.ErrSuperseded
		}
	}
	if o.all == nil {
		o.all = map[string]notifiers.Delivery{}
	}
	for _, d := range deliveries {
		if _, known := o.all[d.ID]; !known {
			o.order = append(o.order, d.ID)
		}
		was, is := unfinished(o.all[d.ID]), unfinished(d)
		if o.all[d.ID] = d; is && !was {
			o.open = append(o.open, d.ID)
		} else if was && !is {
			i := slices.Index(o.open, d.ID)
			o.open = slices.Delete(o.open, i, i+1)
		}
	}
	return nil
}

func unfinished(d notifiers.Delivery) bool {
	return d.State == notifiers.Queued || d.State == notifiers.Sending
}

// Calls implements notifiers.Outbox.
func (o *Outbox) Calls(ctx context.Context, receiver string, since time.Time) ([]notifiers.Call, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return notifiers.CallsOf(slices.Collect(maps.Values(o.all)), receiver, since), nil
}

// CountCalls implements notifiers.Outbox.
func (o *Outbox) CountCalls(ctx context.Context, receiver string, since time.Time) (int, error) {
	calls, err := o.Calls(ctx, receiver, since)
	return len(calls), err
}

// LastSent implements notifiers.Outbox.
func (o *Outbox) LastSent(ctx context.Context, receiver, thread string, since time.Time) (notifiers.Sent, error) {
	if err := ctx.Err(); err != nil {
		return notifiers.Sent{}, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range slices.Backward(o.order) {
		if d := o.all[id]; d.Receiver == receiver && d.Notice.InThread(thread) && d.State == notifiers.Delivered && d.Ref != "" && !d.Updated.Before(since) {
			return notifiers.Sent{Ref: d.Ref, Tone: d.Notice.Tone, At: d.Updated}, nil
		}
	}
	return notifiers.Sent{}, nil
}

// Receivers implements notifiers.Outbox.
func (o *Outbox) Receivers(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var names []string
	for _, d := range o.all {
		if (d.State == notifiers.Queued || d.State == notifiers.Sending) && !slices.Contains(names, d.Receiver) {
			names = append(names, d.Receiver)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Get returns the current state of a delivery.
func (o *Outbox) Get(id string) notifiers.Delivery {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all[id]
}

// All returns every delivery in the order of the first Save.
func (o *Outbox) All() []notifiers.Delivery {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []notifiers.Delivery
	for _, id := range o.order {
		out = append(out, o.all[id])
	}
	return slices.Clip(out)
}
