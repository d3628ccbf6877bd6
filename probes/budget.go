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

// ErrBudget is the error of LookNow when the budget of a marketplace's quota does not allow the look.
var ErrBudget = errors.New("the look would take more of a marketplace's quota than the guardian may")

// Budget decides whether a look may use a marketplace's quota. It is asked before each look, in
// the goroutine of the check, and counts the looks that it allows. For those it returns the zero
// time; otherwise when to ask again, and why.
type Budget interface {
	MayLook(check string, at time.Time) (later time.Time, why reason.Reason)
}

// BudgetSeries are the series that a check that uses a marketplace's quota has beside its kind's.
func BudgetSeries() []string { return []string{"marketplace_quota_exhausted_minutes"} }

// call is a kind of request that a look sends.
type call struct {
	Request
	platform  string // the marketplace, according to the settings
	operation string // as the settings call it
	shop      string // if there is no label shop
	labelled  bool   // the check's labels count where the host is not a marketplace's
	times     float64
}

// callsOf lists the HTTP requests of a look that may go to a marketplace.
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
			lookups := 1 + time.Duration(s.Lookup.Within)/max(time.Duration(s.Lookup.Every), time.Millisecond)
			all = append(all, call{Request: s.Lookup.HTTP.Request, times: float64(lookups)})
		}
		if s.Cleanup.HTTP != nil {
			all = append(all, call{Request: s.Cleanup.HTTP.Request, times: 1})
		}
	}
	return all
}

// call is the request of a check of kind quota.
func (s *QuotaSettings) call() call {
	c := call{Request: s.Request, operation: s.Operation, labelled: true, times: 1}
	p, err := marketplace.Find(s.Platform)
	if err != nil {
		return c
	}
	c.platform, c.shop = p.Name, s.Seller.Shop
	// An unknown operation is reported by Validate.
	if o, err := s.platformOperation(p); err == nil {
		c.operation, c.Method = o.Name, o.Method
		if address, err := s.platformAddress(p, o); err == nil {
			c.URL = address
		}
	}
	return c
}

// Uses lists which quotas a check uses, and how much; none if it calls no marketplace. A request
// counts if it goes to a marketplace's host. A request of a check of kind http or quota counts
// too if its settings or labels name a marketplace and an operation. Operations that share a
// quota are one use.
func Uses(check string, settings any, labels map[string]string, every time.Duration) []marketplace.Use {
	var uses []marketplace.Use
	place := map[marketplace.Bucket]int{}
	for _, c := range callsOf(settings) {
		request := marketplace.Asked{Method: c.Method, URL: c.URL, Platform: c.platform, Labels: labels}
		if c.labelled {
			request.Operation = cmp.Or(c.operation, labels["operation"])
		}
		b, ok := request.Bucket()
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

// Answer is the answer to an HTTP request of a look; quotas are accounted for by it.
type Answer struct {
	Method, URL string
	Status      int
	Header      http.Header
	Body        []byte // up to the check's body_limit
}

// mayLook asks the budget, if there is one; a zero reason allows the look.
func (l *loop) mayLook(now time.Time) (later time.Time, why reason.Reason) {
	if l.runner.budget == nil {
		return time.Time{}, reason.Reason{}
	}
	return l.runner.budget.MayLook(l.check.Name, now)
}

// lookRequested makes a look for a caller of LookNow.
func (l *loop) lookRequested(ctx context.Context, ask request) answer {
	if later, why := l.mayLook(l.runner.now()); !why.IsZero() {
		l.counts.refused.add(1)
		return answer{err: fmt.Errorf("%w: %s; ask again at %s", ErrBudget, why, later.UTC().Format(time.RFC3339))}
	}
	s, err := l.look(ctx, ask.ctx, false)
	return answer{sample: s, err: err}
}

// overBudget postpones a look that the budget does not allow yet. If the budget allows it before
// the next look is due, it is made then; otherwise it is left out, and reported as Unknown.
func (l *loop) overBudget(due, now, later time.Time) (next time.Time, leftOut bool) {
	next, _ = l.following(due, now)
	if later.Before(next) {
		l.counts.putOff.add(1)
		return later, false
	}
	l.counts.leftOut.add(1)
	return next, true
}
