package probes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"guardian/internal/reason"
)

// leftoversPerLook is how many orders of earlier looks one look tries to clean up.
const leftoversPerLook = 5

const maxBackoff = time.Hour

// Sweep implements Sweeper: it cleans up the orders that a crash or the previous leader left open.
// What fails is tried again after later looks.
func (p *orderPushProbe) Sweep(ctx context.Context) error {
	open, err := p.env.Orders.Open(ctx, p.env.Check)
	if err != nil {
		return p.masks.error(fmt.Errorf("list open synthetic orders: %w", err))
	}
	var errs []error
	for _, o := range open {
		if ctx.Err() != nil {
			errs = append(errs, ctx.Err())
			break
		}
		if err := p.clean(ctx, &o, cleaning{}); err != nil {
			errs = append(errs, fmt.Errorf("clean up order %s: %w", o.ID, err))
		}
		if o.Stage == "abandoned" {
			p.unreported = append(p.unreported, o)
		}
	}
	return p.masks.error(errors.Join(errs...))
}

// Drain implements Drainer: it looks for the orders that are on their way and cleans them up, until they
// are gone or too old to be on their way still. Those that are left are swept by the next leader.
func (p *orderPushProbe) Drain(ctx context.Context) (left []string) {
	tick := time.NewTicker(max(time.Duration(p.settings.Lookup.Every), drainPause))
	defer tick.Stop()
	for {
		open, err := p.env.Orders.Open(ctx, p.env.Check)
		if err != nil && ctx.Err() == nil {
			p.env.Log.Warn("list open synthetic orders", "check", p.env.Check, "err", p.masks.text(err.Error()))
		}
		if err != nil {
			return left // as it was last
		}
		left = nil
		coming := false
		for _, o := range open {
			fresh := p.env.Now().Before(o.Created.Add(p.arrival()))
			if fresh && ctx.Err() == nil && p.clean(ctx, &o, cleaning{uncounted: true}) == nil {
				continue
			}
			left = append(left, o.ID)
			coming = coming || fresh
		}
		if !coming {
			return left
		}
		select {
		case <-ctx.Done():
			return left
		case <-tick.C:
		}
	}
}

// drainPause is the least time between two cleanups of a Drain.
const drainPause = 50 * time.Millisecond

// arrival is how long after it was begun an order may still appear: the time of its push, and of its
// lookup.
func (p *orderPushProbe) arrival() time.Duration {
	return p.settings.pushTime() + p.lostAfter() + time.Duration(p.settings.Cleanup.Timeout)
}

// leftovers tries to clean up orders of earlier looks whose backoff has passed. It returns how many
// are still open.
func (p *orderPushProbe) leftovers(ctx context.Context, open []Order) int {
	left, tried := len(open), 0
	for _, o := range open {
		if tried == leftoversPerLook || ctx.Err() != nil {
			break
		}
		if p.env.Now().Before(o.Updated.Add(p.backoff(o.Tries))) {
			continue
		}
		if deadline, ok := ctx.Deadline(); ok && deadline.Sub(p.env.Now()) < time.Duration(p.settings.Cleanup.Timeout) {
			break
		}
		tried++
		if err := p.clean(ctx, &o, cleaning{}); err != nil {
			p.env.Log.Warn("clean up synthetic order", "check", p.env.Check, "order", o.ID, "tries", o.Tries, "err", p.masks.text(err.Error()))
		}
		switch o.Stage {
		case "cleaned":
			left--
		case "abandoned":
			left--
			p.unreported = append(p.unreported, o)
		}
	}
	return left
}

// backoff returns the wait after so many tries; none before the first.
func (p *orderPushProbe) backoff(tries int) time.Duration {
	if tries == 0 {
		return 0
	}
	wait := time.Duration(p.settings.Cleanup.Backoff)
	for range tries - 1 {
		if wait *= 2; wait >= maxBackoff {
			return maxBackoff
		}
	}
	return wait
}

// minAbandonAge is the sum of the waits before the last try: an order is not abandoned before it is
// so old.
func (p *orderPushProbe) minAbandonAge() time.Duration {
	var sum time.Duration
	for tries := 1; tries < p.settings.Cleanup.Tries; tries++ {
		sum += p.backoff(tries)
	}
	return sum
}

// cleaning is what is known of a cleanup beforehand.
type cleaning struct {
	rejected  bool // the push was finally refused: there is no order
	uncounted bool // it is no try of those after which an order is given up
}

// clean tries once to remove an order and records the result. An order that has not appeared yet may
// still do so: it is looked for again until the tries are used up, unless rejected says that the
// push was finally refused. That a cleanup says it removed an order does not tell that there was one:
// many answer so whether it was there or not. The error says why the order is not cleaned up.
func (p *orderPushProbe) clean(ctx context.Context, o *Order, how cleaning) error {
	rejected := how.rejected
	ctx, cancel := context.WithTimeout(ctx, time.Duration(p.settings.Cleanup.Timeout))
	defer cancel()
	seen := o.Stage == "visible" || o.Stage == "verified" || !rejected && p.find(ctx, o)
	gone, err := p.remove(ctx, o, rejected)
	if err == nil && gone && !rejected {
		// A cleanup with a wrong address finds nothing either: check that the order is not there.
		if _, answered, f := p.lookUp(ctx, p.data(o)); f == nil {
			err = &reasonError{reason.New("order_cleanup_found_none")}
		} else if !answered {
			err = &reasonError{reason.New("order_cleanup_unknown", "why", f.reason)}
		}
	}
	if !how.uncounted {
		o.Tries++
	}
	o.Updated = p.env.Now().UTC()
	o.Reason = reason.Reason{}
	// The age counts too: each restart sweeps once, and many restarts must not use up the tries.
	last := !how.uncounted && o.Tries >= p.settings.Cleanup.Tries && o.Updated.Sub(o.Created) >= p.minAbandonAge()
	switch {
	case err != nil && last:
		o.Stage, o.Reason = "abandoned", p.masks.reason(why(err))
	case err != nil:
		o.Reason = p.masks.reason(why(err))
	case seen || rejected || !gone && p.removed(ctx, o):
		o.Stage = "cleaned"
	case last:
		o.Stage, o.Reason = "cleaned", reason.New("order_never_appeared")
	default:
		o.Reason = reason.New("order_not_yet_there")
		err = &reasonError{o.Reason}
	}
	// The journal must know even if the look's time is over.
	saving, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer done()
	if saveErr := p.env.Orders.Save(saving, *o); saveErr != nil {
		return errors.Join(err, fmt.Errorf("journal the cleanup: %w", saveErr))
	}
	return err
}

// find looks an order up that was not seen yet, and reports whether it is there.
func (p *orderPushProbe) find(ctx context.Context, o *Order) bool {
	s, _, f := p.lookUp(ctx, p.data(o))
	if f == nil && s.ref != "" {
		o.Ref = s.ref
	}
	return f == nil
}

// removed reports whether a cleanup that said so has removed an order that nobody saw: a second one finds
// none then. Where it says the same again, it says so of any order. A statement counts its rows.
func (p *orderPushProbe) removed(ctx context.Context, o *Order) bool {
	if p.cleanSQL != nil {
		return true
	}
	gone, err := p.remove(ctx, o, false)
	return err == nil && gone
}

// remove calls the cleanup; gone reports that there was nothing to remove.
func (p *orderPushProbe) remove(ctx context.Context, o *Order, rejected bool) (gone bool, err error) {
	if p.cleanSQL != nil {
		n, err := p.cleanSQL.exec(ctx, p.data(o))
		return err == nil && n == 0, err
	}
	out, err := p.cleanHTTP.fill(p.data(o))
	if err != nil && rejected {
		return true, nil // what the cleanup needs was never made
	}
	if err != nil && o.Ref == "" {
		// The answer to the push was lost, and with it the target's ID of the order.
		var there bool
		if there, err = p.learnRef(ctx, o); err != nil || !there {
			return !there, err
		}
		out, err = p.cleanHTTP.fill(p.data(o))
	}
	if err != nil {
		return false, fmt.Errorf("cleanup.http: %w", err)
	}
	p.mark(&out, p.data(o))
	x, f := p.client.do(ctx, out)
	if f == nil {
		if x.status == http.StatusNotFound || x.status == http.StatusGone {
			return true, nil
		}
		f = p.cleanExpect.judge(x, p.data(o))
	}
	if f != nil {
		return false, &reasonError{f.reason}
	}
	return false, nil
}

// learnRef looks up an order whose ID at the target is not known.
func (p *orderPushProbe) learnRef(ctx context.Context, o *Order) (there bool, err error) {
	s, answered, f := p.lookUp(ctx, p.data(o))
	switch {
	case f != nil && answered:
		return false, nil
	case f != nil:
		return false, &reasonError{reason.New("order_ref_unknown", "why", f.reason)}
	case s.ref == "":
		return true, &reasonError{reason.New("order_ref_unset")}
	}
	o.Ref = s.ref
	return true, nil
}
