package probes

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"guardian/probes/sample"
)

// sight is an order as it became visible.
type sight struct {
	exchange exchange        // by http
	row      map[string]cell // by sql
	ref      string
}

// errNotThere says that the question was answered, and the order is not there.
var errNotThere = errors.New("the order is not there")

// ask asks once whether the order is visible. With asked a fault is a clean no; without it
// there was no answer to the question.
func (p *orderPushProbe) ask(ctx context.Context, d templateData) (s sight, asked bool, f *fault) {
	if p.seeSQL != nil {
		row, err := p.seeSQL.row(ctx, d)
		switch {
		case err != nil:
			return s, false, blind("the database could not be asked: %s", oneLine(err.Error(), 300))
		case row == nil:
			return s, true, down("%v", errNotThere)
		}
		s.row = row
		return s, true, nil
	}
	out, err := p.seeHTTP.fill(d)
	if err != nil {
		return s, false, blind("see.http: %v", err)
	}
	p.mark(&out, d)
	s.exchange, f = p.client.do(ctx, out)
	if f != nil {
		return s, false, f
	}
	if f = p.seeExpect.judge(s.exchange, d); f != nil {
		// A server's own trouble says nothing about the order.
		return s, s.exchange.status < 500, f
	}
	if p.settings.See.HTTP.Ref != "" && gjson.ValidBytes(s.exchange.body) {
		s.ref = gjson.GetBytes(s.exchange.body, p.settings.See.HTTP.Ref).String()
	}
	return s, true, nil
}

// await asks until the order is visible or until is reached. The fault says why it was not
// seen: Down when it was asked for and not there, or the target failed; Unknown when every
// question failed on our side.
func (p *orderPushProbe) await(ctx context.Context, d templateData, accepted, until time.Time) (sight, *fault) {
	ctx, cancel := context.WithTimeout(ctx, until.Sub(p.env.Now()))
	defer cancel()
	tick := time.NewTicker(time.Duration(p.settings.See.Every))
	defer tick.Stop()
	var (
		last     sight
		failure  *fault // the last one that was no clean answer
		answered bool
	)
	for {
		s, asked, f := p.ask(ctx, d)
		switch {
		case f == nil:
			return s, nil
		case asked:
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
			return last, blind("the look was broken off before the order was visible")
		case answered:
			return last, down("order lost: accepted, but not visible within %s", waited)
		case failure.health == sample.Unknown:
			return last, blind("accepted, but it could not be seen for %s whether it arrived: %s", waited, failure.reason)
		default:
			return last, down("accepted, but where it should be visible there was no answer for %s: %s", waited, failure.reason)
		}
	}
}

// verify compares the visible order with what was pushed.
func (p *orderPushProbe) verify(s sight, d templateData) *fault {
	var wrong []string
	for i, field := range p.settings.Verify {
		want, err := p.verifyWant[i].render(d)
		if err != nil {
			return blind("verify[%d]: %v", i, err)
		}
		name, got, isNumber, there := field.Column, "", false, false
		if field.Column != "" {
			var c cell
			c, there = s.row[strings.ToLower(field.Column)]
			got, isNumber = c.text, c.isNumber
		} else {
			if name, err = p.verifyPath[i].render(d); err != nil {
				return blind("verify[%d]: %v", i, err)
			}
			r := gjson.GetBytes(s.exchange.body, name)
			got, isNumber, there = r.String(), r.Type == gjson.Number, r.Exists()
		}
		switch {
		case !there:
			wrong = append(wrong, name+" is missing")
		case !equalTexts(got, want, isNumber):
			wrong = append(wrong, fmt.Sprintf("%s is %q, want %q", name, shorten(got, 80), want))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return down("the order arrived changed: %s", strings.Join(wrong, "; "))
}
