package store

import (
	"context"
	"time"

	"guardian/notifiers"
)

// Outbox implements notifiers.Outbox with the journal.
type Outbox struct {
	Store *Store
	// Fence returns the current fence, or the zero fence if this guardian does not hold the lease.
	Fence func() Fence
}

// Due lists the deliveries to send to a receiver; see Store.Due.
func (o Outbox) Due(ctx context.Context, receiver string, now time.Time, limit int) ([]notifiers.Delivery, error) {
	return o.Store.Due(ctx, receiver, now, limit)
}

// Calls returns the calls to a receiver; see Store.Calls.
func (o Outbox) Calls(ctx context.Context, receiver string, since time.Time) ([]notifiers.Call, error) {
	return o.Store.Calls(ctx, receiver, since)
}

// CountCalls counts the calls to a receiver; see Store.CountCalls.
func (o Outbox) CountCalls(ctx context.Context, receiver string, since time.Time) (int, error) {
	return o.Store.CountCalls(ctx, receiver, since)
}

// LastSent returns the last delivery that is part of a conversation; see Store.LastSent.
func (o Outbox) LastSent(ctx context.Context, receiver, thread string, since time.Time) (notifiers.Sent, error) {
	return o.Store.LastSent(ctx, receiver, thread, since)
}

// Receivers lists the receivers with unfinished deliveries; see Store.Receivers.
func (o Outbox) Receivers(ctx context.Context) ([]string, error) { return o.Store.Receivers(ctx) }

// Save writes deliveries, all or none; they are on disk when Save returns.
func (o Outbox) Save(ctx context.Context, deliveries ...notifiers.Delivery) error {
	return o.Store.Commit(ctx, o.Fence(), Batch{Deliveries: deliveries})
}
