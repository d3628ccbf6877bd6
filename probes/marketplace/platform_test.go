package marketplace_test

import (
	"slices"
	"strings"
	"testing"

	"guardian/internal/reason"
	"guardian/probes/marketplace"
)

// platform finds one that exists.
func platform(t *testing.T, name string) marketplace.Platform {
	t.Helper()
	p, err := marketplace.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFindNamesTheChoices(t *testing.T) {
	const all = "aliexpress, amazon, ebay, lazada, mercadolibre, shopee, shopify, temu, tiktok_shop, walmart"
	for _, name := range []string{"", "Amazon", "ozon"} {
		if _, err := marketplace.Find(name); err == nil || !strings.Contains(err.Error(), all) {
			t.Errorf("%q: %v does not name the platforms", name, err)
		}
	}
	for name := range strings.SplitSeq(all, ", ") {
		if p := platform(t, name); p.Name != name {
			t.Errorf("%s found %s", name, p.Name)
		}
	}
}

// A platform that lacks one of these panics or misleads only when somebody meets it.
func TestEveryPlatformIsWhole(t *testing.T) {
	for _, p := range marketplace.Platforms() {
		t.Run(p.Name, func(t *testing.T) {
			if p.Title == "" || len(p.Hosts) == 0 || p.Usage == "" || p.Sandbox.Words == "" && len(p.Sandbox.Hosts) == 0 {
				t.Error("title, hosts, usage or sandbox is missing")
			}
			if p.SafeRead.Why == "" || p.SafeRead.Every <= 0 {
				t.Error("the safe read has no bound or no reason")
			}
			o, ok := p.Named(p.SafeRead.Operation)
			if !ok {
				t.Fatalf("the safe read %q is no operation", p.SafeRead.Operation)
			}
			if o.Deprecated != "" {
				t.Errorf("the safe read %s is deprecated: %s", o.Name, o.Deprecated)
			}
			// A check that reads as often as it may leaves nine tenths of the rate to the shop.
			if most := o.Rate * p.SafeRead.Every.Seconds(); o.Rate > 0 && most < 10 {
				t.Errorf("%s every %s takes 1 of %.1f requests that its rate gives", o.Name, p.SafeRead.Every, most)
			}
			if o.PerDay > 0 && 86400/p.SafeRead.Every.Seconds() > float64(o.PerDay)/10 {
				t.Errorf("%s every %s takes more than a tenth of %d a day", o.Name, p.SafeRead.Every, o.PerDay)
			}
			if p.Push.Build == nil && p.Push.Words == "" {
				t.Error("no push and no word why")
			}
			if p.Push.Build != nil && p.Push.Queue == "" && p.Push.Answer.From == 0 {
				t.Error("a push over HTTPS that no answer counts for")
			}
			if _, err := p.Sign("", marketplace.Call{}, marketplace.Keys{}); err == nil || !strings.Contains(err.Error(), "request") {
				t.Errorf("no kind: %v", err)
			}
			names := map[string]bool{}
			for _, o := range p.Operations {
				if names[o.Name] {
					t.Errorf("operation %s is there twice", o.Name)
				}
				names[o.Name] = true
			}
		})
	}
}

func TestOperationsAreFoundByPath(t *testing.T) {
	for name, tc := range map[string]struct{ platform, method, path, want string }{
		"a fixed path":                    {"amazon", "GET", "/orders/v0/orders", "getOrders"},
		"a path with an ID":               {"amazon", "GET", "/orders/2026-01-01/orders/902-1-2", "getOrder"},
		"a query does not matter":         {"amazon", "GET", "/orders/2026-01-01/orders?createdAfter=x", "searchOrders"},
		"the method matters":              {"shopify", "POST", "/admin/api/2026-10/orders.json", "createOrder"},
		"methods are matched in any case": {"shopify", "post", "/admin/api/2026-10/graphql.json", "graphql"},
		"an ID is not empty":              {"amazon", "GET", "/orders/2026-01-01/orders/", ""},
		"a fixed path is not an ID":       {"walmart", "GET", "/v3/orders/released", "getReleasedOrders"},
		"a slash at the end":              {"ebay", "GET", "/developer/analytics/v1_beta/rate_limit", "getRateLimits"},
		"any other resource of a shop":    {"shopify", "PUT", "/admin/api/2026-10/products/7/images/8.json", "REST"},
		"nothing is found":                {"ebay", "GET", "/sell/none", ""},
	} {
		if o, _ := platform(t, tc.platform).Operation(tc.method, tc.path); o.Name != tc.want {
			t.Errorf("%s: %q, want %q", name, o.Name, tc.want)
		}
	}
}

func TestDeprecationsAreAnnouncedSomewhere(t *testing.T) {
	// Of these two no place is known.
	unknown := []string{"aliexpress", "temu"}
	for _, p := range marketplace.Platforms() {
		if slices.Contains(unknown, p.Name) != (len(p.Feeds) == 0) {
			t.Errorf("%s has %d feeds", p.Name, len(p.Feeds))
		}
		for _, f := range p.Feeds {
			if !strings.HasPrefix(f.URL, "https://") || f.Format == "" || f.Words == "" {
				t.Errorf("%s: %+v", p.Name, f)
			}
		}
	}
}

func TestEveryDocumentedErrorHasWords(t *testing.T) {
	for _, p := range marketplace.Platforms() {
		for _, code := range marketplace.ReasonCodes(p) {
			if _, ok := reason.Lookup(code); !ok {
				t.Errorf("%s: the reason %q has no words", p.Name, code)
			}
		}
	}
}
