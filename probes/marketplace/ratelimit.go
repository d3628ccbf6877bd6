package marketplace

import (
	"net/http"
	"time"

	"github.com/dunglas/httpsfv"
)

// structured reads the current syntax of draft-ietf-httpapi-ratelimit-headers: two lists of
// RFC 9651 strings with parameters,
//
//	RateLimit-Policy: "burst";q=100;w=60, "daily";q=1000;w=86400
//	RateLimit: "burst";r=50;t=30
//
// of which r is required in RateLimit and q in RateLimit-Policy. A malformed field is
// ignored as a whole, as the draft demands.
func structured(h http.Header) []Quota {
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
			q.Reset = &d
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

type limitItem struct {
	name               string
	required, optional *float64
}

// items reads a list of strings with one required and one optional non-negative integer parameter.
func items(lines []string, required, optional string) ([]limitItem, bool) {
	if len(lines) == 0 {
		return nil, false
	}
	list, err := httpsfv.UnmarshalList(lines)
	if err != nil || len(list) == 0 {
		return nil, false
	}
	read := make([]limitItem, 0, len(list))
	for _, member := range list {
		item, ok := member.(httpsfv.Item)
		if !ok {
			return nil, false
		}
		name, ok := item.Value.(string)
		if !ok {
			return nil, false
		}
		must, there, ok := integer(item.Params, required)
		if !ok || !there {
			return nil, false
		}
		may, there, ok := integer(item.Params, optional)
		if !ok {
			return nil, false
		}
		entry := limitItem{name: name, required: &must}
		if there {
			entry.optional = &may
		}
		read = append(read, entry)
	}
	return read, true
}

// integer gives a parameter, whether it is there, and whether it is well-formed if so.
func integer(p *httpsfv.Params, name string) (v float64, there, ok bool) {
	if p == nil {
		return 0, false, true
	}
	raw, there := p.Get(name)
	if !there {
		return 0, false, true
	}
	n, isInt := raw.(int64)
	if !isInt || n < 0 {
		return 0, true, false
	}
	return float64(n), true, true
}

// farthest is the longest wait that is believed: no marketplace's window is a year, and a
// larger number is a time of another unit.
const farthest = 366 * 24 * time.Hour

func seconds(s float64) (time.Duration, bool) {
	if s < 0 || s > farthest.Seconds() {
		return 0, false
	}
	return time.Duration(s * float64(time.Second)), true
}
