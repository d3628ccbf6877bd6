package app

import (
	"context"

	"guardian/internal/announce"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/probes"
)

// orders is the journal of synthetic orders as order_push sees it.
type orders struct{ app *App }

// Save implements probes.OrderJournal. An order that is given up is told, in the same
// transaction: from then on only a person can take it back.
func (o orders) Save(ctx context.Context, order probes.Order) error {
	a := o.app
	b := store.Batch{Orders: []probes.Order{order}}
	var wake []string
	if order.Stage == "abandoned" {
		fact := announce.Order{ID: order.ID, Ref: order.Ref, Check: order.Check, Tries: order.Tries, Reason: order.Reason, Created: order.Created}
		if c, ok := a.setup.Load().check(order.Check); ok {
			fact.Service, fact.Labels = c.Service, c.Labels
		}
		now := a.now()
		wake = a.notifier.Add(&b, now, func(t announce.Renderer) notifiers.Notice { return t.OrderLeft(fact, now) })
	}
	if err := a.store.Commit(ctx, a.token(), b); err != nil {
		return err
	}
	a.notifier.Wake(wake)
	return nil
}

// Open implements probes.OrderJournal.
func (o orders) Open(ctx context.Context, check string) ([]probes.Order, error) {
	return o.app.store.OpenOrders(ctx, check)
}
