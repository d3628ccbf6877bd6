package orders

import (
	"context"
	"time"

	"guardian/internal/announce"
	"guardian/internal/notify"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/probes"
)

// Options is what a Journal needs. All fields are needed.
type Options struct {
	Store Store
	// Token is the fencing token of now: only the leader may push orders.
	Token func() store.Fence
	// Check gives the service and the labels of a check, as far as it is configured.
	Check    func(name string) (service string, labels map[string]string)
	Notifier Notifier
	Now      func() time.Time
}

// Store keeps orders; store.Store does.
type Store interface {
	Commit(ctx context.Context, token store.Fence, b store.Batch) error
	OpenOrders(ctx context.Context, check string) ([]probes.Order, error)
}

// Notifier puts notices into batches; notify.Notifier does.
type Notifier interface {
	Add(b *store.Batch, now time.Time, render notify.Render) (wake []string)
	Wake(receivers []string)
}

// Journal implements probes.OrderJournal.
type Journal struct{ o Options }

// New makes a journal.
func New(o Options) *Journal { return &Journal{o: o} }

// Save implements probes.OrderJournal.
func (j *Journal) Save(ctx context.Context, order probes.Order) error {
	b := store.Batch{Orders: []probes.Order{order}}
	var wake []string
	if order.Stage == "abandoned" {
		fact, now := j.factOf(order), j.o.Now()
		wake = j.o.Notifier.Add(&b, now, func(t announce.Renderer) notifiers.Notice { return t.OrderLeft(fact, now) })
	}
	if err := j.o.Store.Commit(ctx, j.o.Token(), b); err != nil {
		return err
	}
	j.o.Notifier.Wake(wake)
	return nil
}

// Open implements probes.OrderJournal.
func (j *Journal) Open(ctx context.Context, check string) ([]probes.Order, error) {
	return j.o.Store.OpenOrders(ctx, check)
}

func (j *Journal) factOf(o probes.Order) announce.Order {
	service, labels := j.o.Check(o.Check)
	return announce.Order{
		ID: o.ID, Ref: o.Ref, Check: o.Check, Service: service, Labels: labels, Tries: o.Tries, Reason: o.Reason, Created: o.Created,
	}
}
