package probes

import (
	"context"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// id makes an order's ID: unique, and in the form of the target's IDs.
func (p *orderPushProbe) id(now time.Time) (string, error) {
	if p.platform != nil && p.platform.digits() {
		return p.platform.number(now, p.random)
	}
	id, err := ulid.New(ulid.Timestamp(now), p.random)
	return p.settings.Prefix + strings.ToLower(id.String()), err
}

// fill makes the pushes of an order, in the sequence in which they are sent.
func (p *orderPushProbe) fill(order *Order) ([]outgoing, error) {
	if p.steps != nil {
		return nil, nil // each step is filled in with what the one before it gave
	}
	d := p.data(order)
	out, err := p.push.fill(d)
	if err != nil {
		return nil, err
	}
	p.mark(&out, d)
	if p.platform != nil {
		if p.platform.extra, err = p.platform.render(d); err != nil {
			return nil, err
		}
		return p.platform.pushes(order, out, p.env.Now(), p.random)
	}
	if p.settings.Push.Sign != nil {
		err = p.settings.Push.Sign.sign(&out, d)
	}
	return []outgoing{out}, err
}

// send sends the pushes one after the other until an answer is not as expected, and returns the last
// exchange. rejected reports that nothing was made of the order.
func (p *orderPushProbe) send(ctx context.Context, order *Order, pushes []outgoing) (x exchange, rejected bool, f *fault) {
	if p.steps != nil {
		return p.sendSteps(ctx, order)
	}
	ctx, cancel := context.WithTimeout(ctx, p.settings.pushTime())
	defer cancel()
	sent := false
	for _, out := range pushes {
		x, f = p.pusher.do(ctx, out)
		sent = sent || x.sent
		x.sent = sent
		if f == nil && p.platform != nil {
			f = p.platform.judge(x)
		}
		if f == nil && !p.forging() {
			f = p.pushExpect.judge(x, p.data(order))
		}
		if f == nil {
			f = remaining(x.expiry, p.settings.TLS.MinRemaining, p.env.Now())
		}
		if f != nil {
			// Of several pushes one may have been accepted.
			return x, finallyRefused(x) && len(pushes) == 1, f
		}
	}
	return x, false, nil
}
