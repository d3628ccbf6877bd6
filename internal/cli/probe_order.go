package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"guardian/internal/secret"
	"guardian/probes"
)

// noOrders refuses synthetic orders: without --push a probe from the shell pushes none.
type noOrders struct{}

func (noOrders) Save(context.Context, probes.Order) error {
	return errors.New("only the running guardian pushes orders, because it journals them first; guardian probe --push pushes one on purpose")
}
func (noOrders) Open(context.Context, string) ([]probes.Order, error) { return nil, nil }

// onceOrders is the journal of one look with --push. It lives as long as the command, which
// therefore stays until the order is cleaned up, or names it.
type onceOrders struct{ orders []probes.Order }

// Save implements probes.OrderJournal.
func (j *onceOrders) Save(_ context.Context, o probes.Order) error {
	if i := slices.IndexFunc(j.orders, func(x probes.Order) bool { return x.ID == o.ID }); i >= 0 {
		j.orders[i] = o
	} else {
		j.orders = append(j.orders, o)
	}
	return nil
}

// Open implements probes.OrderJournal.
func (j *onceOrders) Open(context.Context, string) ([]probes.Order, error) {
	var open []probes.Order
	for _, o := range j.orders {
		if o.Stage != "cleaned" {
			open = append(open, o)
		}
	}
	return open, nil
}

// The cleanups of a pushed order that is still there after its look.
const (
	pushedCleanups = 5
	pushedPause    = 2 * time.Second
)

// cleanUp tries again to remove what a look left.
func (j *onceOrders) cleanUp(ctx context.Context, p probes.Probe) {
	sweeper, ok := p.(probes.Sweeper)
	for range pushedCleanups {
		if open, _ := j.Open(ctx, ""); !ok || len(open) == 0 || sweeper.Sweep(ctx) == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pushedPause):
		}
	}
}

// left names the orders that may still be there.
func (j *onceOrders) left(r *secret.Redactor) []string {
	var all []string
	for _, o := range j.orders {
		if o.Stage == "cleaned" {
			continue
		}
		line := o.ID
		if o.Ref != "" {
			line += fmt.Sprintf(" (at the target %s)", o.Ref)
		}
		if !o.Reason.IsZero() {
			line += ": " + o.Reason.String()
		}
		all = append(all, r.Redact(line))
	}
	return all
}
