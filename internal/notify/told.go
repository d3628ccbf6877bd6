package notify

import (
	"context"
	"slices"

	"guardian/internal/store"
	"guardian/notifiers"
)

// occasion is something of which people are told once; its notices are a conversation of their own.
type occasion interface {
	Key() string
	Occasion() string
}

// Deliveries knows which notices there were, sent or not; store.Store does.
type Deliveries interface {
	Deliveries(ctx context.Context, f store.DeliveryFilter) ([]notifiers.Delivery, error)
}

// lately is among how many of the last notices of a key an occasion is looked for: others of the key follow
// it within hours.
const lately = 200

// Told tells whether people were told of an occasion, by whichever leadership. What waits to be sent, and
// what gave way to newer news, counts.
func Told(ctx context.Context, from Deliveries, o occasion) (bool, error) {
	last, err := from.Deliveries(ctx, store.DeliveryFilter{Key: o.Key(), Limit: lately})
	return slices.ContainsFunc(last, func(d notifiers.Delivery) bool { return d.Notice.InThread(o.Occasion()) }), err
}
