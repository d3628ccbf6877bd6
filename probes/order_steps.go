package probes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http/cookiejar"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
	"golang.org/x/net/publicsuffix"

	"guardian/internal/reason"
)

// Some shops have no request that makes a whole order: a cart is made, filled, given an address and
// paid, and each request needs what the answer before it said. Then a push has steps.

const maxPushSteps = 20

// validateSteps joins every mistake of a push with steps.
func (p *Push) validateSteps() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(p.Steps) > maxPushSteps {
		wrong("push.steps has %d entries, at most %d are possible", len(p.Steps), maxPushSteps)
	}
	if p.URL != "" || p.Body != "" || p.Sign != nil || len(p.Headers) > 0 {
		wrong("push: with steps, leave out url, headers, body and sign; each step has its own")
	}
	errs = append(errs, p.Expect.validate("push.expect."))
	known, names, marked := map[string]bool{}, map[string]bool{}, false
	for i := range p.Steps {
		s, at := &p.Steps[i], fmt.Sprintf("push.steps[%d].", i)
		errs = append(errs, s.Request.validate(at), s.Expect.validate(at+"expect."))
		if s.Name == "" {
			wrong("%sname is missing", at)
		} else if names[s.Name] {
			wrong("%sname %q is the name of another step, too", at, s.Name)
		}
		names[s.Name] = true
		if s.Timeout < 0 {
			wrong("%stimeout is negative", at)
		}
		marked = marked || strings.Contains(s.URL+s.Body, ".ID")
		for j, e := range s.Extract {
			if err := e.validate(); err != nil {
				wrong("%sextract[%d]: %w", at, j, err)
			}
			if known[e.Name] {
				wrong("%sextract[%d]: name %q is taken", at, j, e.Name)
			}
			known[e.Name] = true
		}
	}
	if !marked {
		wrong("push.steps: no url or body carries {{.ID}}: an order whose push was not answered could not be found again")
	}
	return errors.Join(errs...)
}

// pushStep is a step with its templates parsed.
type pushStep struct {
	*JourneyStep
	request     compiledRequest
	expectation expectation
	matches     []*regexp.Regexp
}

func compileSteps(steps []JourneyStep) ([]pushStep, error) {
	var all []pushStep
	for i := range steps {
		s := pushStep{JourneyStep: &steps[i]}
		var errs [2]error
		s.request, errs[0] = s.Request.compile()
		s.expectation, errs[1] = s.Expect.compile()
		err := errors.Join(errs[:]...)
		for _, e := range s.Extract {
			re, bad := regexp.Compile(e.Match)
			err = errors.Join(err, bad)
			s.matches = append(s.matches, re)
		}
		if err != nil {
			return nil, fmt.Errorf("push.steps[%d]: %w", i, err)
		}
		all = append(all, s)
	}
	return all, nil
}

// sendSteps makes an order step by step, in a session of its own, until an answer is not as expected. It
// returns the last exchange, and whether nothing has been made of the order.
func (p *orderPushProbe) sendSteps(ctx context.Context, order *Order) (x exchange, refused bool, f *fault) {
	ctx, cancel := context.WithTimeout(ctx, p.settings.pushTime())
	defer cancel()
	jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	if err != nil {
		return x, true, blind(reason.New("journey_cookie_jar", "error", err))
	}
	client := newHTTPClient(p.settings.Client, p.env, true)
	client.jar = jar
	defer client.Close()
	d, sent := p.data(order), false
	for i, step := range p.steps {
		var found map[string]string
		x, found, f = p.step(ctx, client, step, d)
		sent = sent || x.sent
		x.sent = sent
		if f != nil {
			f = &fault{health: f.health, reason: reason.New("journey_step", "step", step.Name, "why", f.reason)}
			// What the first step refuses is not there; a later one may come back to what was begun.
			return x, !sent || i == 0 && finallyRefused(x), f
		}
		if p.keep(order, found) && i < len(p.steps)-1 {
			if err := p.env.Orders.Save(ctx, *order); err != nil {
				return x, false, blind(reason.New("order_not_recorded", "error", err))
			}
		}
		for name, value := range found {
			d = d.with(name, value)
		}
	}
	return x, false, p.pushExpect.judge(x, d)
}

func finallyRefused(x exchange) bool { return x.status >= 400 && x.status < 500 }

// step makes one request and extracts from its answer.
func (p *orderPushProbe) step(ctx context.Context, client *httpClient, step pushStep, d templateData) (x exchange, found map[string]string, f *fault) {
	out, err := step.request.fill(d)
	if err != nil {
		return x, nil, blind(requestUnfilled(err))
	}
	if step.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(step.Timeout))
		defer cancel()
	}
	p.mark(&out, d)
	if x, f = client.do(ctx, out); f == nil {
		f = step.expectation.judge(x, d)
	}
	if f == nil {
		f = remaining(x.expiry, p.settings.TLS.MinRemaining, p.env.Now())
	}
	found = map[string]string{}
	for i, e := range step.Extract {
		if f != nil {
			break
		}
		found[e.Name], f = e.from(x, step.matches[i])
	}
	return x, found, f
}

// keep notes the values that lookup, verify and cleanup need, which must be known after a crash, too. It
// reports whether there was one.
func (p *orderPushProbe) keep(order *Order, found map[string]string) bool {
	kept := false
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if p.settings.usesLater(name) {
			order.Values = maps.Clone(order.Values) // the journal may still have the map of before
			if order.Values == nil {
				order.Values = map[string]string{}
			}
			order.Values[name], kept = found[name], true
		}
	}
	return kept
}

// usesLater reports whether a template after the push may use a name.
func (s *OrderPushSettings) usesLater(name string) bool {
	for _, t := range s.templates(nil) {
		if !strings.HasPrefix(t.At, "push.") && strings.Contains(t.Text, "."+name) {
			return true
		}
	}
	return false
}

// refOf is the target's ID of the order in the answer to a push.
func (p *orderPushProbe) refOf(x exchange) string {
	if path := p.ref(); path != "" && gjson.ValidBytes(x.body) {
		return gjson.GetBytes(x.body, path).String()
	}
	return ""
}
