package marketplace

import (
	"fmt"
	"strings"
	"time"
)

// Platform is what one marketplace's API is like. Make one with Find.
type Platform struct {
	Name       string      // in configuration and on the command line, such as tiktok_shop
	Title      string      // for people, such as TikTok Shop
	Hosts      []string    // of the production API, without scheme
	Root       string      // what comes before the paths of operations, such as /rest
	Sandbox    Sandbox     // where calls do no harm
	Usage      UsageSource // where its usage is to be read from when all is well
	Operations []Operation // the known ones, with their rates
	SafeRead   SafeRead    // the read that a check may repeat
	Push       Push        // what the platform sends to the seller
	Feeds      []Feed      // where deprecations are announced

	request, push, challenge scheme
	// complete adds to a request what it needs besides its signature; nil: nothing.
	complete func(c *Call, o Operation, a Account, now time.Time, unique string)
	signedIn string // "query" or "body": where a request's signature goes; "": a token authorises it

	// faults reads the errors out of an answer, whatever its status. None, or the zero fault, is no
	// error; where every answer is a JSON object, anything else is unreadable.
	faults func(Answer) []fault
	codes  []known
	// quota reads what the body says of the quota; headers are read for every platform.
	quota func(a Answer, now time.Time) []Reading
	// expiry reads until when the authorisation lives, from answers that tell it, and how
	// long before its end people are to know.
	expiry func(a Answer, now time.Time) (ends time.Time, early time.Duration, ok bool)
	// served reads which version was asked for and which answered.
	served func(Answer) (asked, answered string)
}

// Sandbox is where a platform lets calls be tried.
type Sandbox struct {
	Hosts  []string          // without scheme; none: there is no sandbox
	Header map[string]string // to be sent along
	Create *Creation         // how it makes an order, or tries a push out; nil: it does not
	Words  string            // how it differs from production
}

// Operation is one known operation of an API. Zero numbers are not published.
type Operation struct {
	Name       string
	Method     string  // "": every one
	Path       string  // with {placeholders}; {...} at its end stands for any rest
	Rate       float64 // requests per second
	Burst      int     // requests
	PerDay     int     // requests
	Cost       float64 // points per request, where the platform counts points
	Shares     string  // the quota that several operations use together; "": its own
	Deprecated string  // what replaces it and when it ends; "" if it stays
}

// SafeRead is the cheapest authenticated read and how often a check may do it without
// taking from the shop's own budget. The bound is ours where the platform publishes none.
type SafeRead struct {
	Operation string        // the name of one of Operations
	Every     time.Duration // at most once in this time
	Why       string
}

// Feed is a place where a platform announces what it takes away.
type Feed struct {
	URL    string
	Format string // rss, json, markdown or html
	Words  string
}

// Platforms gives every platform, sorted by name.
func Platforms() []Platform {
	return []Platform{
		aliexpress(), amazon(), ebay(), lazada(), mercadolibre(),
		shopee(), shopify(), temu(), tiktokShop(), walmart(),
	}
}

// Find gives the platform of a name, or an error that lists the names.
func Find(name string) (Platform, error) {
	var names []string
	for _, p := range Platforms() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	if name == "" {
		return Platform{}, fmt.Errorf("platform is missing: it is one of %s", strings.Join(names, ", "))
	}
	return Platform{}, fmt.Errorf("platform %q is not one of %s", name, strings.Join(names, ", "))
}

// Operation gives the known operation of a method and a path, which may have a query.
// "" matches every method.
func (p Platform) Operation(method, path string) (Operation, bool) {
	path, _, _ = strings.Cut(path, "?")
	for _, o := range p.Operations {
		if (method == "" || o.Method == "" || strings.EqualFold(method, o.Method)) && matches(o.Path, path) {
			return o, true
		}
	}
	return Operation{}, false
}

// Named gives the known operation of a name.
func (p Platform) Named(name string) (Operation, bool) {
	for _, o := range p.Operations {
		if o.Name == name {
			return o, true
		}
	}
	return Operation{}, false
}

// matches compares a path with a pattern, segment by segment; {x} stands for one segment, and
// a slash at the pattern's end may be left out.
func matches(pattern, path string) bool {
	if short := strings.TrimSuffix(pattern, "/"); short == path {
		return true
	}
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if last := len(want) - 1; want[last] == "{...}" && len(got) > last {
		want, got = want[:last], got[:last]
	}
	if len(want) != len(got) {
		return false
	}
	for i, w := range want {
		if w != got[i] && (!strings.HasPrefix(w, "{") || got[i] == "") {
			return false
		}
	}
	return true
}
