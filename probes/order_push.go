package probes

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// orderPushProbe pushes one synthetic order per look:
//
//	the push is refused, fails or is too slow          | Down, result rejected
//	accepted, never visible                            | Down, result lost
//	visible later than lookup.within                   | Down, result slow
//	visible, but different from what was pushed        | Down, result mismatch
//	an order was abandoned: all its cleanups failed    | Down, result abandoned, once
//	a cleanup failed and will be tried again           | no change of health; series order_push_uncleaned
//	journal or lease lost before the push              | Unknown; nothing is pushed
//	a push with a wrong signature is accepted          | Down, result forged
//	a problem on our side, or the lookup failed        | Unknown, result unknown
//
// Every order is recorded as intended before it is pushed, and is always cleaned up: at the end of
// its look, after later looks with backoff, or by Sweep.
type orderPushProbe struct {
	settings *OrderPushSettings
	env      Env
	masks    masks
	client   *httpClient
	pusher   *httpClient // client, or one that follows no redirects, as marketplaces do
	random   io.Reader
	platform *platformPush // nil: the settings of push are complete

	push         compiledRequest
	steps        []pushStep // in place of push
	pushExpect   expectation
	lookupHTTP   *compiledRequest // or lookupSQL
	lookupExpect expectation
	lookupSQL    *sqlTarget
	verifyPath   []text
	verifyWant   []text
	cleanHTTP    *compiledRequest // or cleanSQL
	cleanExpect  expectation
	cleanSQL     *sqlTarget

	day        string // the UTC day that pushed counts
	pushed     int
	results    map[string]float64
	unreported []Order // abandoned and not reported yet
}

func orderResults() []string {
	return []string{"ok", "rejected", "lost", "slow", "mismatch", "forged", "unknown", "abandoned"}
}

func newOrderPushProbe(s *OrderPushSettings, env Env) (*orderPushProbe, error) {
	env = env.withDefaults()
	p := &orderPushProbe{
		settings: s, env: env, client: newHTTPClient(s.Client, env, true), random: rand.Reader, results: map[string]float64{},
	}
	p.pusher = p.client
	requests := []Request{s.Push.Request}
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	compile := func(r *Request, e *Expect) (*compiledRequest, expectation) {
		requests = append(requests, *r)
		request, err := r.compile()
		note(err)
		expect, err := e.compile()
		note(err)
		return &request, expect
	}
	var push *compiledRequest
	push, p.pushExpect = compile(&s.Push.Request, &s.Push.Expect)
	p.push = *push
	var err error
	p.steps, err = compileSteps(s.Push.Steps)
	note(err)
	for _, step := range s.Push.Steps {
		requests = append(requests, step.Request)
	}
	if s.Lookup.HTTP != nil {
		p.lookupHTTP, p.lookupExpect = compile(&s.Lookup.HTTP.Request, &s.Lookup.HTTP.Expect)
	} else if s.Lookup.SQL != nil {
		p.lookupSQL, err = newSQLTarget(s.Lookup.SQL)
		note(err)
	}
	if s.Cleanup.HTTP != nil {
		p.cleanHTTP, p.cleanExpect = compile(&s.Cleanup.HTTP.Request, &s.Cleanup.HTTP.Expect)
	} else if s.Cleanup.SQL != nil {
		p.cleanSQL, err = newSQLTarget(s.Cleanup.SQL)
		note(err)
	}
	for _, f := range s.Verify {
		path, err := compileText("json", f.JSON)
		note(err)
		want, err := compileText("equals", f.Equals)
		note(err)
		p.verifyPath, p.verifyWant = append(p.verifyPath, path), append(p.verifyWant, want)
	}
	if s.Platform != "" {
		p.platform, err = newPlatformPush(s)
		note(err)
		as := s.Client
		as.MaxRedirects = 0 // marketplaces do not follow redirects
		p.pusher = newHTTPClient(as, env, true)
	}
	secrets := append(secretsOf(s.Secrets, requests, s.Proxy), s.Seller.Secret, s.Seller.Token)
	secrets = append(secrets, s.Lookup.SQL.secrets()...)
	secrets = append(secrets, s.Cleanup.SQL.secrets()...)
	if s.Push.Sign != nil {
		secrets = append(secrets, s.Push.Sign.Secret)
	}
	p.masks = newMasks(env, secrets...)
	if env.Orders == nil {
		note(errors.New("there is no journal for synthetic orders here, and none is pushed without"))
	}
	if p.lookupHTTP == nil && p.lookupSQL == nil || p.cleanHTTP == nil && p.cleanSQL == nil {
		note(errors.New("lookup and cleanup are needed, each by http or sql"))
	}
	if limit := cmp.Or(env.Timeout, env.Every); limit > 0 && s.minTimeout() >= limit {
		note(fmt.Errorf("push.timeout, lookup.within and cleanup.timeout are %s together, which is not under the time of one look, %s: raise the check's timeout",
			s.minTimeout(), limit))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("order_push: %w", p.masks.error(err))
	}
	return p, nil
}

// Close implements Closer.
func (p *orderPushProbe) Close() error {
	return errors.Join(p.client.Close(), p.pusher.Close(), p.lookupSQL.Close(), p.cleanSQL.Close())
}

// data holds the names that templates may use for an order.
func (p *orderPushProbe) data(o *Order) templateData {
	d := newTemplateData(p.env, p.settings.Vars, p.settings.Secrets, p.env.Now()).with("ID", o.ID)
	if p.platform != nil {
		d["Order"] = p.platform.content()
	}
	for name, value := range o.Values {
		d[name] = value
	}
	if o.Ref != "" {
		d["Ref"] = o.Ref
	}
	return d
}

// mark adds the header that marks requests about a synthetic order.
func (p *orderPushProbe) mark(out *outgoing, d templateData) {
	if p.settings.MarkerHeader != "" {
		out.headers[http.CanonicalHeaderKey(p.settings.MarkerHeader)] = d["ID"].(string)
	}
}

// Look pushes one order and follows it to its end.
func (p *orderPushProbe) Look(ctx context.Context) sample.Observation {
	open, err := p.env.Orders.Open(ctx, p.env.Check)
	if err != nil {
		return p.observation(outcome{f: blind(reason.New("order_open_unread", "error", err))}, -1)
	}
	var o outcome
	if f := p.refusal(ctx, mayBeThere(open)); f != nil {
		o.f = f
	} else {
		o = p.order(ctx)
	}
	left := p.leftovers(ctx, open)
	// The next order uses a new connection, as a marketplace would after a while.
	_ = errors.Join(p.client.Close(), p.pusher.Close())
	if o.open {
		left++
	}
	return p.observation(o, left)
}

// mayBeThere counts the orders that must be taken for standing in the shop. One whose push failed and that
// was looked for in vain is not among them: an outage makes one at each look, and must not blind the
// check to its own end.
func mayBeThere(open []Order) (n int) {
	for _, o := range open {
		if o.Stage != "intended" || o.Reason.Code != "order_not_yet_there" {
			n++
		}
	}
	return n
}

// refusal returns why no order may be pushed now; nil if one may. open is how many may stand in the shop.
func (p *orderPushProbe) refusal(ctx context.Context, open int) *fault {
	now := p.env.Now().UTC()
	if day := now.Format(time.DateOnly); day != p.day {
		p.day, p.pushed = day, 0
	}
	if p.pushed >= p.settings.MaxOrdersPerDay {
		return blind(reason.New("order_daily_limit", "n", p.pushed))
	}
	if open >= p.settings.MaxUncleaned {
		return blind(reason.New("order_uncleaned_limit", "n", open))
	}
	if deadline, ok := ctx.Deadline(); ok && deadline.Sub(now) < p.settings.minTimeout() {
		return blind(reason.New("order_no_time", "need", p.settings.minTimeout(), "left", deadline.Sub(now)))
	}
	return nil
}

// outcome is how one order went.
type outcome struct {
	result string // "" when nothing was pushed
	f      *fault // nil: no fault
	took   map[string]time.Duration
	detail string
	note   string // another problem, such as a failed cleanup
	open   bool   // it still has to be cleaned up
}

// order pushes, looks up, verifies and cleans up one order.
func (p *orderPushProbe) order(ctx context.Context) outcome {
	begin := p.env.Now()
	id, err := p.id(begin)
	if err != nil {
		return outcome{f: blind(reason.New("order_no_id", "error", err))}
	}
	order := Order{
		ID: id, Check: p.env.Check, Stage: "intended",
		Created: begin.UTC(), Updated: begin.UTC(),
	}
	out, err := p.fill(&order)
	if err != nil {
		return outcome{f: blind(reason.New("order_unfilled", "error", err))}
	}
	if err := p.env.Orders.Save(ctx, order); err != nil {
		return outcome{f: blind(reason.New("order_not_recorded", "error", err))}
	}
	p.pushed++

	o := outcome{took: map[string]time.Duration{}}
	sent, rejected := p.follow(ctx, &order, out, &o)
	cleanedFrom := p.env.Now()
	// Clean up even if the guardian stops or loses the lease: a cleanup may run twice.
	ctx = context.WithoutCancel(ctx)
	if sent {
		err = p.clean(ctx, &order, cleaning{rejected: rejected})
	} else {
		order.Stage, order.Reason, order.Updated = "cleaned", reason.New("order_never_sent"), cleanedFrom.UTC()
		saving, cancel := context.WithTimeout(ctx, time.Duration(p.settings.Cleanup.Timeout))
		err = p.env.Orders.Save(saving, order)
		cancel()
	}
	if err != nil {
		o.note = fmt.Sprintf("the cleanup of %s will be tried again: %v", order.ID, err)
	}
	switch {
	case order.Stage == "abandoned":
		p.unreported = append(p.unreported, order)
	case err != nil:
		o.open = true
	case sent:
		o.took["cleaned"] = p.env.Now().Sub(cleanedFrom)
	}
	if sent {
		o.took["total"] = p.env.Now().Sub(begin)
	}
	return o
}

// follow pushes the order, waits for it to appear and verifies it. sent reports that the order may
// have reached the target, rejected that it was finally refused.
func (p *orderPushProbe) follow(ctx context.Context, order *Order, pushes []outgoing, o *outcome) (sent, rejected bool) {
	x, rejected, f := p.send(ctx, order, pushes)
	if p.forging() && (f == nil || x.status > 0) {
		return true, p.refused(ctx, order, x, f, o)
	}
	if f != nil {
		o.f = &fault{health: f.health, reason: reason.New("order_push_failed", "why", f.reason)}
		o.detail = p.masks.detail(x)
		o.result = "rejected"
		if f.health == sample.Unknown {
			o.result = "unknown"
		}
		return x.sent, rejected
	}
	o.took["push"] = x.took
	order.Ref = p.refOf(x)
	p.stage(ctx, order, "pushed", o)

	accepted := p.env.Now()
	s, f := p.await(ctx, p.data(order), accepted, p.lookupDeadline(ctx, accepted))
	waited := p.env.Now().Sub(accepted)
	if f != nil {
		o.f, o.result, o.detail = f, "lost", p.masks.detail(s.exchange)
		if f.health == sample.Unknown {
			o.result = "unknown"
		}
		return true, false
	}
	o.took["visible"] = waited
	if s.ref != "" {
		order.Ref = s.ref
	}
	p.stage(ctx, order, "visible", o)

	verifying := p.env.Now()
	f = p.verify(s, p.data(order))
	switch within := time.Duration(p.settings.Lookup.Within); {
	case f != nil:
		o.f, o.result, o.detail = f, "mismatch", p.masks.detail(s.exchange)
		if f.health == sample.Unknown {
			o.result = "unknown"
		}
		return true, false
	case waited > within:
		o.f, o.result = down(reason.New("order_slow", "took", waited, "limit", within)), "slow"
	default:
		o.result = "ok"
	}
	o.took["verified"] = p.env.Now().Sub(verifying)
	p.stage(ctx, order, "verified", o)
	return true, false
}

// lookupDeadline returns until when to look for the order; it leaves time for the cleanup.
func (p *orderPushProbe) lookupDeadline(ctx context.Context, accepted time.Time) time.Time {
	until := accepted.Add(p.lostAfter())
	if deadline, ok := ctx.Deadline(); ok {
		if d := deadline.Add(-time.Duration(p.settings.Cleanup.Timeout)); d.Before(until) {
			until = d
		}
	}
	return until
}

// lostAfter is how long an accepted order is looked for.
func (p *orderPushProbe) lostAfter() time.Duration {
	if after := time.Duration(p.settings.Lookup.LostAfter); after > 0 {
		return after
	}
	return 10 * time.Duration(p.settings.Lookup.Within)
}

// stage records the stage that an order has reached. If that fails the order is still cleaned up;
// after a crash the stage "intended" is enough to sweep it.
func (p *orderPushProbe) stage(ctx context.Context, order *Order, stage string, o *outcome) {
	order.Stage, order.Updated = stage, p.env.Now().UTC()
	if err := p.env.Orders.Save(ctx, *order); err != nil {
		o.note = fmt.Sprintf("journal %s as %s: %v", order.ID, stage, err)
	}
}

// observation makes the observation of an outcome; left is how many orders are not cleaned up, -1 if
// that is not known.
func (p *orderPushProbe) observation(o outcome, left int) sample.Observation {
	if o.result != "" {
		p.results[o.result]++
	}
	seen := sample.Observation{Health: sample.Up, Detail: o.detail}
	if o.f != nil {
		seen.Health, seen.Reason = o.f.health, o.f.reason
	}
	if len(p.unreported) > 0 {
		p.results["abandoned"] += float64(len(p.unreported))
		first := p.unreported[0]
		why := reason.New("order_left_behind", "n", len(p.unreported), "order", first.ID, "tries", first.Tries, "why", first.Reason)
		if !seen.Reason.IsZero() {
			why = reason.New("order_and", "why", seen.Reason, "more", why)
		}
		if seen.Health == sample.Up {
			seen.Health = sample.Down
		}
		seen.Reason = why
		p.unreported = nil
	}
	if o.note != "" {
		seen.Detail = strings.TrimSpace(o.note + "\n" + seen.Detail)
	}
	for _, stage := range []string{"push", "visible", "verified", "cleaned", "total"} {
		if took, ok := o.took[stage]; ok {
			seen.Values = append(seen.Values, sample.Value{
				Name: "order_push_stage_seconds", Labels: map[string]string{"stage": stage}, V: took.Seconds(),
			})
		}
	}
	for _, result := range orderResults() {
		seen.Values = append(seen.Values, sample.Value{
			Name: "order_push_orders_total", Labels: map[string]string{"result": result}, V: p.results[result],
		})
	}
	if left >= 0 {
		seen.Values = append(seen.Values, sample.Value{Name: "order_push_uncleaned", V: float64(left)})
	}
	return p.masks.observation(seen)
}
