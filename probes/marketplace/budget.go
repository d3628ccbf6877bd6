package marketplace

import (
	"cmp"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"guardian/internal/reason"
)

// Bucket identifies the quota that a call uses. Platforms have a token bucket for each; some have one
// for several operations (see Shared).
type Bucket struct {
	Marketplace string // the platform's name
	App         string // the seller's application; "" if there is only one
	Shop        string
	Operation   string
	Sandbox     bool // sandboxes have their own limits, and no budget
}

// Reason names the bucket for people, as in "getOrder of amazon, shop us-1".
func (a Bucket) Reason() reason.Reason {
	if a.Sandbox {
		return reason.New("quota_sandbox", "operation", a.Operation, "marketplace", a.Marketplace, "shop", a.Shop, "app", a.App)
	}
	return reason.New("quota_of", "operation", a.Operation, "marketplace", a.Marketplace, "shop", a.Shop, "app", a.App)
}

// String is Reason in English.
func (a Bucket) String() string { return a.Reason().String() }

// Shared returns the bucket of all operations that share the quota of this one.
func (a Bucket) Shared() Bucket {
	if p, err := Find(a.Marketplace); err == nil && !a.Sandbox {
		a.Operation = p.quotaOf(a.Operation)
	}
	return a
}

// quotaOf names the quota that an operation uses.
func (p Platform) quotaOf(operation string) string {
	o, _ := p.Named(operation)
	return cmp.Or(o.Shares, operation)
}

// sharing returns an operation that uses a quota.
func (p Platform) sharing(quota string) (Operation, bool) {
	for _, o := range p.Operations {
		if cmp.Or(o.Shares, o.Name) == quota {
			return o, true
		}
	}
	return Operation{}, false
}

// Asked is a request of a check.
type Asked struct {
	Method, URL string            // the URL may have {{templates}}
	Platform    string            // according to the check's settings; "": by the label marketplace
	Operation   string            // according to the check's settings; "": not given
	Labels      map[string]string // of the check: marketplace, shop and app
}

var template = regexp.MustCompile(`\{\{[^}]*\}\}`)

// Bucket returns the quota that a call uses, and whether it uses a marketplace's at all. It is found
// by the host of a platform; for other hosts (a gateway, a fake) the label marketplace and an
// operation must be given.
func (c Asked) Bucket() (Bucket, bool) {
	a := Bucket{App: c.Labels["app"], Shop: c.Labels["shop"]}
	var path string
	u, err := url.Parse(template.ReplaceAllString(c.URL, "x"))
	if err == nil {
		path = u.Path
		for _, p := range Platforms() {
			sandbox := atHost(p.Sandbox.Hosts, u.Hostname())
			if !sandbox && !atHost(p.Hosts, u.Hostname()) {
				continue
			}
			known, _ := p.Operation(cmp.Or(c.Method, "GET"), path)
			a.Marketplace, a.Sandbox, a.Operation = p.Name, sandbox, cmp.Or(known.Name, c.Operation, path)
			return a, true
		}
	}
	p, err := Find(cmp.Or(c.Platform, c.Labels["marketplace"]))
	if err != nil || c.Operation == "" {
		return Bucket{}, false
	}
	a.Marketplace, a.Operation = p.Name, c.Operation
	if _, named := p.Named(c.Operation); !named {
		if known, ok := p.Operation(cmp.Or(c.Method, "GET"), path); ok {
			a.Operation = known.Name
		}
	}
	return a, true
}

// atHost reports whether a host matches one of a platform's; {shop} stands for one label of it.
func atHost(hosts []string, host string) bool {
	return slices.ContainsFunc(hosts, func(h string) bool {
		if suffix, ok := strings.CutPrefix(h, "{shop}"); ok {
			label, found := strings.CutSuffix(host, suffix)
			return found && label != "" && !strings.Contains(label, ".")
		}
		return strings.EqualFold(h, host)
	})
}

// Limit is a platform's token bucket. The zero Limit is unknown.
type Limit struct {
	Rate  float64 // calls per second
	Burst float64 // calls; at least 1 where Rate is known
}

// sandboxLimits are the published limits of sandboxes, the same for all operations, by platform.
func sandboxLimits() map[string]Limit {
	return map[string]Limit{
		"amazon": {Rate: 5, Burst: 15}, // developer-docs.amazon.com/sp-api, "Selling Partner API sandbox"
	}
}

// Override is a limit that a shop has instead of the published one.
type Override struct {
	Marketplace, Operation, Shop string // Shop "": all shops
	Limit
}

// Budgets say how much of the quotas the guardian may use for its own checks.
type Budgets struct {
	Share     float64 // of each operation's quota, over 0 to 1
	Overrides []Override
}

// Limit returns a bucket's whole limit, of which the seller's own calls are a part.
func (b Budgets) Limit(a Bucket) (Limit, bool) {
	p, err := Find(a.Marketplace)
	if err != nil {
		return Limit{}, false
	}
	if a.Sandbox {
		limit, known := sandboxLimits()[p.Name]
		return limit, known
	}
	quota := p.quotaOf(a.Operation)
	for _, shop := range []string{a.Shop, ""} {
		for _, o := range b.Overrides {
			if o.Marketplace == a.Marketplace && p.quotaOf(o.Operation) == quota && o.Shop == shop {
				return Limit{Rate: o.Rate, Burst: max(o.Burst, 1)}, true
			}
		}
	}
	o, _ := p.sharing(quota)
	switch {
	case o.Rate > 0:
		return Limit{Rate: o.Rate, Burst: max(float64(o.Burst), 1)}, true
	case o.PerDay > 0:
		return Limit{Rate: float64(o.PerDay) / (24 * time.Hour).Seconds(), Burst: float64(o.PerDay)}, true
	}
	return Limit{}, false
}

// Allowance returns the guardian's part of a bucket's limit: its share, or the pace of the platform's
// safe read if that is more, because that read uses a quota that orders do not need. Sandboxes may
// be used up. The zero Limit is unknown: only the platform's throttling bounds such a bucket.
func (b Budgets) Allowance(a Bucket) Limit {
	whole, known := b.Limit(a)
	if a.Sandbox || !known {
		return whole
	}
	own := Limit{Rate: b.Share * whole.Rate, Burst: b.Share * whole.Burst}
	if p, err := Find(a.Marketplace); err == nil && p.quotaOf(p.SafeRead.Operation) == p.quotaOf(a.Operation) && p.SafeRead.Every > 0 {
		own.Rate = min(max(own.Rate, 1/p.SafeRead.Every.Seconds()), whole.Rate)
	}
	own.Burst = max(own.Burst, 1)
	return own
}

// Use is the use of one bucket by one check.
type Use struct {
	Check  string
	Bucket Bucket
	Calls  float64       // of one look, at most
	Every  time.Duration // the mean time between two looks
}

// Excess is a use that exceeds what the guardian may use of a quota.
type Excess struct {
	Use
	Limit    Limit
	Share    float64       // the share that all checks of the bucket use; 0.05 is 5 %
	Allowed  float64       // the share that they may use
	Safe     time.Duration // an interval for each check of the bucket that would not exceed it
	TooLarge bool          // one look needs more than the whole burst, so that no interval is safe
	Together []string      // the checks of the bucket, sorted
}

// Plan returns the uses that exceed the budgets, in their order. Checks of a bucket share its
// budget. Unpublished limits cannot be exceeded.
func (b Budgets) Plan(uses []Use) []Excess {
	type total struct {
		rate, calls float64
		checks      []string
	}
	// By the shared bucket, and by the buckets of the uses.
	shared, totals := map[Bucket]*total{}, map[Bucket]*total{}
	for _, u := range uses {
		if u.Every <= 0 {
			continue
		}
		t := totals[u.Bucket]
		if t == nil {
			of := u.Bucket.Shared()
			if t = shared[of]; t == nil {
				t = &total{}
				shared[of] = t
			}
			totals[u.Bucket] = t
		}
		t.rate += u.Calls / u.Every.Seconds()
		t.calls += u.Calls
		t.checks = append(t.checks, u.Check)
	}
	var over []Excess
	for _, u := range uses {
		limit, known := b.Limit(u.Bucket)
		t := totals[u.Bucket]
		if !known || t == nil {
			continue
		}
		own := b.Allowance(u.Bucket)
		// Rounding errors must not refuse the interval that was suggested.
		const slack = 1 + 1e-9
		tooLarge := u.Calls > limit.Burst
		if t.rate <= own.Rate*slack && !tooLarge {
			continue
		}
		slices.Sort(t.checks)
		over = append(over, Excess{
			Use: u, Limit: limit, Share: t.rate / limit.Rate, Allowed: own.Rate / limit.Rate,
			Safe: readable(t.calls / own.Rate), TooLarge: tooLarge, Together: slices.Compact(slices.Clone(t.checks)),
		})
	}
	return over
}

// readable rounds seconds up to whole seconds, or to whole minutes from ten minutes on; at most a
// year.
func readable(s float64) time.Duration {
	const longest = 365 * 24 * time.Hour
	if !(s < longest.Seconds()) {
		return longest
	}
	unit := time.Second
	if s > 600 {
		unit = time.Minute
	}
	return time.Duration(math.Ceil(s/unit.Seconds()-1e-9)) * unit
}
