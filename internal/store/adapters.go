package store

import (
	"context"
	"time"

	"guardian/notifiers"
	"guardian/probes"
)

// Orders is the journal as order_push sees it. It implements probes.OrderJournal.
type Orders struct {
	Store *Store
	// Fence gives the fence of now; the zero fence when this guardian does not act.
	Fence func() Fence
}

// Outbox is the journal as the dispatcher of notices sees it. It implements
// notifiers.Outbox.
type Outbox struct {
	Store *Store
	// Fence gives the fence of now; the zero fence when this guardian does not act.
	Fence func() Fence
}

// Save writes an order; it is on disk when Save returns.
func (o Orders) Save(ctx context.Context, order probes.Order) error {
	return o.Store.Commit(ctx, o.Fence(), Batch{Orders: []probes.Order{order}})
}

// Open lists a check's orders that are neither cleaned nor abandoned, oldest first.
func (o Orders) Open(ctx context.Context, check string) ([]probes.Order, error) {
	return o.Store.OpenOrders(ctx, check)
}

// Due lists what is to be sent to a receiver; see Store.Due.
func (o Outbox) Due(ctx context.Context, receiver string, now time.Time, limit int) ([]notifiers.Delivery, error) {
	return o.Store.Due(ctx, receiver, now, limit)
}

// Calls gives when calls to a receiver ended since; see Store.Calls.
func (o Outbox) Calls(ctx context.Context, receiver string, since time.Time) ([]time.Time, error) {
	return o.Store.Calls(ctx, receiver, since)
}

// Receivers names those for which something is to be sent; see Store.Receivers.
func (o Outbox) Receivers(ctx context.Context) ([]string, error) { return o.Store.Receivers(ctx) }

// Save writes deliveries, all or none; they are on disk when Save returns.
func (o Outbox) Save(ctx context.Context, deliveries ...notifiers.Delivery) error {
	return o.Store.Commit(ctx, o.Fence(), Batch{Deliveries: deliveries})
}
