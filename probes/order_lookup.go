package probes

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// foundOrder is an order as the target shows it.
type foundOrder struct {
	exchange exchange        // by http
	row      map[string]cell // by sql
	ref      string
}

// lookUp asks once whether the order is visible. A fault with answered means that it is not; a fault
// without it, that the question was not answered.
func (p *orderPushProbe) lookUp(ctx context.Context, d templateData) (s foundOrder, answered bool, f *fault) {
	if p.lookupSQL != nil {
		row, err := p.lookupSQL.row(ctx, d)
		switch {
		case err != nil:
			return s, false, blind(reason.New("sql_failed", "why", oneLine(err.Error(), 300)))
		case row == nil:
			return s, true, down(reason.New("order_not_there"))
		}
		s.row = row
		return s, true, nil
	}
	out, err := p.lookupHTTP.fill(d)
	if err != nil {
		return s, false, blind(reason.New("setting_unusable", "setting", "lookup.http", "error", err))
	}
	p.mark(&out, d)
	s.exchange, f = p.client.do(ctx, out)
	if f != nil {
		return s, false, f
	}
	if f = p.lookupExpect.judge(s.exchange, d); f != nil {
		// An error of the server says nothing about the order.
		return s, s.exchange.status < 500, f
	}
	if p.settings.Lookup.HTTP.Ref != "" && gjson.ValidBytes(s.exchange.body) {
		s.ref = gjson.GetBytes(s.exchange.body, p.settings.Lookup.HTTP.Ref).String()
	}
	return s, true, nil
}

// await looks the order up until it is visible or the time until is reached. The fault is Down if
// the order was not there or the target failed, and Unknown if all lookups failed on our side.
func (p *orderPushProbe) await(ctx context.Context, d templateData, accepted, until time.Time) (foundOrder, *fault) {
	ctx, cancel := context.WithTimeout(ctx, until.Sub(p.env.Now()))
	defer cancel()
	tick := time.NewTicker(time.Duration(p.settings.Lookup.Every))
	defer tick.Stop()
	var (
		last     foundOrder
		failure  *fault // of the last lookup without an answer
		answered bool   // once at least, that it is not there
	)
	for {
		s, clean, f := p.lookUp(ctx, d)
		switch {
		case f == nil:
			return s, nil
		case clean:
			answered, last = true, s
		case ctx.Err() == nil || failure == nil:
			failure, last = f, s
		}
		select {
		case <-tick.C:
			if ctx.Err() == nil {
				continue
			}
		case <-ctx.Done():
		}
		switch waited := round(p.env.Now().Sub(accepted)); {
		case errors.Is(ctx.Err(), context.Canceled):
			return last, stopped(reason.New("doing_lookup"))
		case answered:
			return last, down(reason.New("order_lost", "waited", waited))
		case failure.health == sample.Unknown:
			return last, blind(reason.New("order_unseen", "waited", waited, "why", failure.reason))
		default:
			return last, down(reason.New("order_lookup_failed", "waited", waited, "why", failure.reason))
		}
	}
}

// verify compares the order with what was pushed.
func (p *orderPushProbe) verify(s foundOrder, d templateData) *fault {
	var wrong []reason.Reason
	for i, field := range p.settings.Verify {
		want, err := p.verifyWant[i].render(d)
		if err != nil {
			return blind(reason.New("setting_unusable", "setting", fmt.Sprintf("verify[%d]", i), "error", err))
		}
		var (
			name            = field.Column
			got             string
			isNumber, there bool
		)
		if field.Column != "" {
			var c cell
			c, there = s.row[strings.ToLower(field.Column)]
			got, isNumber = c.text, c.isNumber
		} else {
			if f := s.exchange.whole(); f != nil {
				return f
			}
			if name, err = p.verifyPath[i].render(d); err != nil {
				return blind(reason.New("setting_unusable", "setting", fmt.Sprintf("verify[%d]", i), "error", err))
			}
			r := gjson.GetBytes(s.exchange.body, name)
			got, isNumber, there = textOf(r), r.Type == gjson.Number, r.Exists()
		}
		switch {
		case !there:
			wrong = append(wrong, reason.New("order_field_missing", "field", name))
		case !equalTexts(got, want, isNumber):
			wrong = append(wrong, reason.New("order_field_differs", "field", name, "got", shorten(got, 80), "want", want))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return down(reason.New("order_changed", "fields", wrong))
}
