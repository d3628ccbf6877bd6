package marketplace

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Quota is what an answer's headers say about one quota. Numbers that they do not say are nil.
type Quota struct {
	Policy    string         // the quota's name where it has one, such as daily
	Header    string         // the header that it was read from
	Limit     *float64       // requests (or points) in a window; for x-amzn-RateLimit-Limit requests per second
	Remaining *float64       // what is left of it
	Reset     *time.Duration // until it is full again, or until Retry-After; never negative
	ResetAt   *time.Time     // the same as a time; it may be in the past
}

// UsedRatio returns the used share of the quota, 0 to 1, and whether it is known.
func (q Quota) UsedRatio() (float64, bool) {
	if q.Limit == nil || q.Remaining == nil || *q.Limit <= 0 {
		return 0, false
	}
	return min(max(1 - *q.Remaining / *q.Limit, 0), 1), true
}

// Source names the headers of one quota; empty names are not read.
type Source struct {
	Policy    string
	UsedSize  string  // "32/40"
	Limit     string  // a number
	Remaining string  // a number
	Used      string  // a number
	Reset     string  // see ParseReset
	reset2    string  // read if Reset is missing
	Size      float64 // the limit, if no header says it; 0: unknown
}

// Validate returns what is missing.
func (s Source) Validate() error {
	if s.UsedSize == "" && s.Limit == "" && s.Remaining == "" && s.Used == "" {
		return errors.New("name at least one of the headers used_size, limit, remaining, used")
	}
	if s.Size < 0 {
		return errors.New("size is negative")
	}
	return nil
}

// vendors are the header names of marketplaces that tell their quota.
func vendors() []Source {
	return []Source{
		// Shopify REST Admin: used/size of the leaky bucket (shopify.dev, "REST Admin API rate limits").
		{UsedSize: "X-Shopify-Shop-Api-Call-Limit"},
		// Walmart: tokens left and when the window ends, in epoch milliseconds as clients see it,
		// and under a shorter name on some answers.
		{Remaining: "X-Current-Token-Count", Reset: "X-Next-Replenishment-Time", reset2: "X-Next-Replenish-Time"},
		// Amazon SP-API: only the rate, never the burst or what is left.
		{Limit: "X-Amzn-RateLimit-Limit"},
	}
}

// older are the three-field forms that preceded the structured RateLimit field. The first that is
// present counts: services send several spellings of the same quota.
func older() []Source {
	return []Source{
		{Limit: "RateLimit-Limit", Remaining: "RateLimit-Remaining", Reset: "RateLimit-Reset"},
		{Limit: "X-RateLimit-Limit", Remaining: "X-RateLimit-Remaining", Used: "X-RateLimit-Used", Reset: "X-RateLimit-Reset"},
		{Limit: "X-Rate-Limit-Limit", Remaining: "X-Rate-Limit-Remaining", Reset: "X-Rate-Limit-Reset"},
	}
}

// Quotas reads all quotas in the headers: from sources if given, otherwise in all well-known forms.
// Malformed headers are ignored.
func Quotas(h http.Header, sources []Source, now time.Time) []Quota {
	var found []Quota
	if len(sources) > 0 {
		for _, s := range sources {
			if q, ok := s.read(h, now); ok {
				found = append(found, q)
			}
		}
	} else {
		if found = structured(h, now); len(found) == 0 {
			found = combined(h, now)
		}
		for _, s := range older() {
			if len(found) > 0 {
				break
			}
			if q, ok := s.read(h, now); ok {
				found = append(found, q)
			}
		}
		for _, s := range vendors() {
			if q, ok := s.read(h, now); ok {
				found = append(found, q)
			}
		}
	}
	// draft-ietf-httpapi-ratelimit-headers, "Intermediaries": Retry-After takes precedence over a reset.
	if wait, ok := RetryAfter(h.Get("Retry-After"), now); ok {
		for i := range found {
			at := now.Add(wait)
			found[i].Reset, found[i].ResetAt = &wait, &at
		}
	}
	return found
}

func (s Source) read(h http.Header, now time.Time) (Quota, bool) {
	q := Quota{Policy: s.Policy}
	take := func(name string, parse func(string) (float64, bool)) *float64 {
		if name == "" {
			return nil
		}
		v, ok := parse(h.Get(name))
		if !ok {
			return nil
		}
		if q.Header == "" {
			q.Header = http.CanonicalHeaderKey(name)
		}
		return &v
	}
	if used, size, ok := usedSize(h.Get(s.UsedSize)); ok && s.UsedSize != "" {
		left := max(size-used, 0)
		q.Header, q.Limit, q.Remaining = http.CanonicalHeaderKey(s.UsedSize), &size, &left
	}
	if q.Limit == nil {
		q.Limit = take(s.Limit, limit)
	}
	if q.Limit == nil && s.Size > 0 {
		q.Limit = &s.Size
	}
	if q.Remaining == nil {
		q.Remaining = take(s.Remaining, number)
	}
	if used := take(s.Used, number); used != nil && q.Remaining == nil && q.Limit != nil {
		left := max(*q.Limit-*used, 0)
		q.Remaining = &left
	}
	if q.Header == "" {
		return Quota{}, false
	}
	for _, name := range []string{s.Reset, s.reset2} {
		if name == "" {
			continue
		}
		if at, ok := ResetTime(h.Get(name), now); ok {
			d := max(at.Sub(now), 0)
			q.Reset, q.ResetAt = &d, &at
			break
		}
	}
	return q, true
}

// number reads a non-negative decimal number as headers write them: digits with at most one
// point. Signs, exponents, hexadecimals and infinities are malformed.
func number(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 20 || strings.Trim(s, "0123456789.") != "" || s[0] == '.' {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}

// limit reads a limit that may be followed by its policies: "10, 10;w=1"
// (draft-polli-ratelimit-headers-02).
func limit(s string) (float64, bool) {
	first, _, _ := strings.Cut(s, ",")
	first, _, _ = strings.Cut(first, ";")
	return number(first)
}

func usedSize(s string) (used, size float64, ok bool) {
	u, z, cut := strings.Cut(s, "/")
	if !cut {
		return 0, 0, false
	}
	used, ok1 := number(u)
	size, ok2 := number(z)
	return used, size, ok1 && ok2 && size > 0
}
