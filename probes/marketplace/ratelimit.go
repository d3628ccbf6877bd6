package marketplace

import (
	"net/http"
	"strings"
	"time"
)

// structured reads the current syntax of draft-ietf-httpapi-ratelimit-headers: two lists of
// RFC 9651 strings with parameters,
//
//	RateLimit-Policy: "burst";q=100;w=60, "daily";q=1000;w=86400
//	RateLimit: "burst";r=50;t=30
//
// of which r is required in RateLimit and q in RateLimit-Policy. A malformed field is
// ignored as a whole, as the draft demands.
func structured(h http.Header, now time.Time) []Quota {
	service, ok := items(h.Values("RateLimit"), "r", "t")
	if !ok {
		return nil
	}
	policies, _ := items(h.Values("RateLimit-Policy"), "q", "w")
	quotas := make([]Quota, 0, len(service))
	for _, item := range service {
		q := Quota{Policy: item.name, Header: "RateLimit", Remaining: item.required}
		if item.optional != nil {
			d, ok := seconds(*item.optional)
			if !ok {
				return nil
			}
			at := now.Add(d)
			q.Reset, q.ResetAt = &d, &at
		}
		for _, p := range policies {
			if p.name == item.name {
				q.Limit = p.required
				break
			}
		}
		quotas = append(quotas, q)
	}
	return quotas
}

// combined reads the syntax of the drafts up to 07, a dictionary of one quota:
//
//	RateLimit: limit=100, remaining=50, reset=30
func combined(h http.Header, now time.Time) []Quota {
	var q Quota
	for part := range strings.SplitSeq(strings.Join(h.Values("RateLimit"), ","), ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		value, _, _ = strings.Cut(value, ";")
		n, ok := number(value)
		if !ok {
			return nil
		}
		switch key {
		case "limit":
			q.Limit = &n
		case "remaining":
			q.Remaining = &n
		case "reset":
			d, ok := seconds(n)
			if !ok {
				return nil
			}
			at := now.Add(d)
			q.Reset, q.ResetAt = &d, &at
		}
	}
	if q.Remaining == nil {
		return nil
	}
	q.Header = "RateLimit"
	return []Quota{q}
}

type limitItem struct {
	name               string
	required, optional *float64
}

// items reads a list of strings with a required and an optional parameter, both integers and not
// negative.
func items(lines []string, required, optional string) ([]limitItem, bool) {
	if len(lines) == 0 {
		return nil, false
	}
	list, ok := parseList(lines)
	if !ok {
		return nil, false
	}
	read := make([]limitItem, 0, len(list))
	for _, member := range list {
		entry := limitItem{name: member.name}
		if entry.required, ok = member.count(required); !ok || entry.required == nil {
			return nil, false
		}
		if entry.optional, ok = member.count(optional); !ok {
			return nil, false
		}
		read = append(read, entry)
	}
	return read, true
}

// count returns a parameter, which must be an integer and not negative; nil if it is missing.
func (i sfItem) count(parameter string) (*float64, bool) {
	if i.others[parameter] {
		return nil, false
	}
	n, there := i.integers[parameter]
	if !there {
		return nil, true
	}
	if n < 0 {
		return nil, false
	}
	v := float64(n)
	return &v, true
}

// longestPlausible is the longest plausible wait: no marketplace's window is a year, and a larger number
// must have another unit.
const longestPlausible = 366 * 24 * time.Hour

func seconds(s float64) (time.Duration, bool) {
	if s < 0 || s > longestPlausible.Seconds() {
		return 0, false
	}
	return time.Duration(s * float64(time.Second)), true
}
