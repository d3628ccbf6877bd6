package probes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"guardian/internal/reason"
	"guardian/probes/marketplace"
)

// ErrBudget is why a look that somebody asks for is not made now.
var ErrBudget = errors.New("the look would take more of a marketplace's quota than the guardian may")

// Budget tells whether a look may be made: who keeps account of marketplaces' quotas
// implements it. It is asked in the goroutine of the check, before each look, and counts the
// look when it allows it. It gives the zero time then; otherwise when to ask again, and why.
type Budget interface {
	MayLook(check string, at time.Time) (later time.Time, why reason.Reason)
}

// BudgetSeries are the series beyond its kind's of a check that uses a marketplace's quota.
func BudgetSeries() []string { return []string{"marketplace_quota_exhausted_minutes"} }

// call is a kind of request that a look sends.
type call struct {
	Request
	platform  string // whom the settings say that it asks
	operation string // as the settings call it
	shop      string // where the label shop does not say it
	labelled  bool   // the check's labels tell what it is where the host does not
	times     float64
}

// callsOf lists the HTTP requests of a look that may be a marketplace's.
func callsOf(settings any) []call {
	var all []call
	switch s := settings.(type) {
	case *HTTPSettings:
		all = append(all, call{Request: s.Request, labelled: true, times: 1})
	case *QuotaSettings:
		all = append(all, s.call())
	case *JourneySettings:
		for _, step := range s.Steps {
			all = append(all, call{Request: step.Request, times: 1})
		}
	case *OrderPushSettings:
		all = append(all, call{Request: s.Push.Request, times: 1})
		if s.Lookup.HTTP != nil {
			asked := 1 + time.Duration(s.Lookup.Within)/max(time.Duration(s.Lookup.Every), time.Millisecond)
			all = append(all, call{Request: s.Lookup.HTTP.Request, times: float64(asked)})
		}
		if s.Cleanup.HTTP != nil {
			all = append(all, call{Request: s.Cleanup.HTTP.Request, times: 1})
		}
	}
	return all
}

// call is what a look at a quota asks.
func (s *QuotaSettings) call() call {
	c := call{Request: s.Request, operation: s.Operation, labelled: true, times: 1}
	p, err := marketplace.Find(s.Platform)
	if err != nil {
		return c
	}
	c.platform, c.shop = p.Name, s.Seller.Shop
	// Of an operation that there is not the settings' own Validate tells.
	if o, err := s.platformOperation(p); err == nil {
		c.operation, c.Method = o.Name, o.Method
		if address, err := s.platformAddress(p, o); err == nil {
			c.URL = address
		}
	}
	return c
}

// Uses tells whose quota a check uses, and how much; nothing when it asks no marketplace. A
// request counts that goes to a marketplace's host, and so does that of a check of kind http
// or quota whose settings or label marketplace name a platform, and that names an operation:
// by its settings, or by the label operation. Operations that share a quota are one use.
func Uses(check string, settings any, labels map[string]string, every time.Duration) []marketplace.Use {
	var uses []marketplace.Use
	place := map[marketplace.Bucket]int{}
	for _, c := range callsOf(settings) {
		asked := marketplace.Asked{Method: c.Method, URL: c.URL, Platform: c.platform, Labels: labels}
		if c.labelled {
			asked.Operation = cmp.Or(c.operation, labels["operation"])
		}
		b, ok := asked.Bucket()
		if !ok {
			continue
		}
		b.Shop = cmp.Or(b.Shop, c.shop)
		i, known := place[b.Shared()]
		if !known {
			i = len(uses)
			place[b.Shared()] = i
			uses = append(uses, marketplace.Use{Check: check, Bucket: b, Every: every})
		}
		uses[i].Calls += c.times
	}
	return uses
}

// Answer is what came back to a request of a look, for who keeps account of quotas.
type Answer struct {
	Method, URL string
	Status      int
	Header      http.Header
	Body        []byte // up to the check's body_limit
}

// mayLook asks the budget, if there is one.
func (l *loop) mayLook(now time.Time) (later time.Time, why reason.Reason) {
	if l.runner.budget == nil {
		return time.Time{}, reason.Reason{}
	}
	return l.runner.budget.MayLook(l.check.Name, now)
}

// lookAsked makes a look that somebody waits for.
func (l *loop) lookAsked(ctx context.Context, ask request) answer {
	if later, why := l.mayLook(l.runner.now()); !why.IsZero() {
		l.counts.turnedDown.add(1)
		return answer{err: fmt.Errorf("%w: %s; ask again at %s", ErrBudget, why, later.UTC().Format(time.RFC3339))}
	}
	s, err := l.look(ctx, ask.ctx, false)
	return answer{sample: s, err: err}
}

// overBudget puts a look off that the budget does not allow yet. Where there is room again
// before the next look is due, it is made then, and checks that share a budget take turns.
// Otherwise it is left out: that is no failure, and said as Unknown.
func (l *loop) overBudget(due, now, later time.Time) (next time.Time, leftOut bool) {
	next, _ = l.following(due, now)
	if later.Before(next) {
		l.counts.putOff.add(1)
		return later, false
	}
	l.counts.leftOut.add(1)
	return next, true
}
