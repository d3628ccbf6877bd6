package orders_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guardian/internal/announce"
	"guardian/internal/notify"
	"guardian/internal/orders"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/probes"
)

func start() time.Time { return time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC) }

// oncall puts every notice into the outbox for one receiver.
type oncall struct{ woken []string }

func (o *oncall) Add(b *store.Batch, now time.Time, render notify.Render) []string {
	n := render(announce.Renderer{Language: "en", Location: time.UTC})
	n.ID, n.Created = store.NewID("n_"), now
	b.Deliveries = append(b.Deliveries, notifiers.Delivery{ID: store.NewID("q_"), Receiver: "oncall", Notice: n, State: notifiers.Queued})
	return []string{"oncall"}
}

func (o *oncall) Wake(receivers []string) { o.woken = append(o.woken, receivers...) }

func TestAnOrderThatIsAbandonedIsNotified(t *testing.T) {
	ctx, people := t.Context(), &oncall{}
	s, err := store.Open(ctx, store.Options{Path: filepath.Join(t.TempDir(), "journal.db"), Now: start})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	lease, _, err := s.Acquire(ctx, "this", "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	token := lease.Token
	journal := orders.New(orders.Options{
		Store: s, Token: func() store.Fence { return token }, Notifier: people, Now: start,
		Check: func(name string) (string, map[string]string) {
			return "orders-of-" + name, map[string]string{"marketplace": "amazon", "shop": "us-1"}
		},
	})
	queued := func() []notifiers.Delivery {
		t.Helper()
		all, err := s.Deliveries(context.WithoutCancel(ctx), store.DeliveryFilter{})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	order := probes.Order{ID: "probe-1", Check: "push", Stage: "intended", Created: start(), Updated: start()}
	if err := journal.Save(ctx, order); err != nil {
		t.Fatal(err)
	}
	if open, err := journal.Open(ctx, "push"); err != nil || len(open) != 1 || len(queued()) != 0 || len(people.woken) != 0 {
		t.Fatalf("%d open orders, %v, %d notices; want the order and no notice", len(open), err, len(queued()))
	}
	order.Stage, order.Tries, order.Reason = "abandoned", 3, reason.Text("status 500")

	token = 0 // another guardian leads
	if err := journal.Save(ctx, order); !errors.Is(err, store.ErrFenced) || len(queued()) != 0 || len(people.woken) != 0 {
		t.Errorf("without the lease: %v, %d notices", err, len(queued()))
	}
	token = lease.Token
	if err := journal.Save(ctx, order); err != nil {
		t.Fatal(err)
	}
	open, err := journal.Open(ctx, "push")
	if err != nil || len(open) != 0 || len(queued()) != 1 || len(people.woken) != 1 {
		t.Fatalf("%d open orders, %v, %d notices; want one notice", len(open), err, len(queued()))
	}
	n := queued()[0].Notice
	if n.Labels["service"] != "orders-of-push" || n.Labels["shop"] != "us-1" || !strings.Contains(n.Title+n.Text, "probe-1") {
		t.Errorf("notified %+v", n)
	}
}
