package marketplace

import (
	"time"
)

// UsageSource is where a number of a quota comes from.
type UsageSource string

// The sources.
const (
	FromHeader UsageSource = "header"
	FromBody   UsageSource = "body"
	FromAPI    UsageSource = "api"      // a separate operation that tells usage
	Inferred   UsageSource = "inferred" // by counting calls
)

// Reading is what an answer says about one quota. Numbers that it does not say are nil.
type Reading struct {
	Operation string
	Policy    string // the quota's name where it has one, such as daily
	Limit     *float64
	PerSecond bool // Limit is a rate in requests per second and not a count
	Remaining *float64
	Used      *float64
	ResetAt   *time.Time // when it is full again
	Source    UsageSource
}

// UsedRatio returns the used share, 0 to 1, and whether it is known; it is not for a rate.
func (r Reading) UsedRatio() (float64, bool) {
	if r.PerSecond || r.Limit == nil || *r.Limit <= 0 {
		return 0, false
	}
	switch {
	case r.Remaining != nil:
		return min(max(1 - *r.Remaining / *r.Limit, 0), 1), true
	case r.Used != nil:
		return min(max(*r.Used / *r.Limit, 0), 1), true
	}
	return 0, false
}

// readings returns the quotas in headers and body, headers first.
func (p Platform) readings(a Answer, now time.Time) []Reading {
	var all []Reading
	for _, q := range Quotas(a.Header, nil, now) {
		r := Reading{
			Operation: a.Operation, Policy: q.Policy, Limit: q.Limit, Remaining: q.Remaining, ResetAt: q.ResetAt, Source: FromHeader,
			PerSecond: q.Header == "X-Amzn-Ratelimit-Limit",
		}
		all = append(all, r)
	}
	if p.quota != nil {
		all = append(all, p.quota(a, now)...)
	}
	return all
}

// usedUp adds a reading for a throttle if no reading says what is left: nothing is, until the wait is
// over.
func usedUp(all []Reading, a Answer, f fault, wait *time.Duration, now time.Time) []Reading {
	for _, r := range all {
		if r.Remaining != nil {
			return all
		}
	}
	none := 0.0
	r := Reading{Operation: a.Operation, Policy: "throttle", Remaining: &none, Source: FromHeader} // by its status
	if f.is() && len(a.Body) > 0 {
		r.Source = FromBody
	}
	if wait != nil {
		at := now.Add(*wait)
		r.ResetAt = &at
	}
	return append(all, r)
}

// untilReset returns the longest wait until an exhausted quota is full again.
func untilReset(all []Reading, now time.Time) *time.Duration {
	var longest *time.Duration
	for _, r := range all {
		if r.ResetAt == nil || r.Remaining != nil && *r.Remaining > 0 {
			continue
		}
		if d := r.ResetAt.Sub(now); d > 0 && (longest == nil || d > *longest) {
			longest = &d
		}
	}
	return longest
}
