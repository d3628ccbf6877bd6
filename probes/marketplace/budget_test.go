package marketplace_test

import (
	"slices"
	"testing"
	"time"

	"guardian/probes/marketplace"
)

func TestACallIsCountedWhereItIsSpent(t *testing.T) {
	labels := map[string]string{"marketplace": "amazon", "shop": "us-1"}
	for name, c := range map[string]struct {
		asked marketplace.Asked
		want  marketplace.Bucket
		none  bool
	}{
		"a platform's host tells, without any label": {
			asked: marketplace.Asked{URL: "https://sellingpartnerapi-eu.amazon.com/orders/2026-01-01/orders?createdAfter=x"},
			want:  marketplace.Bucket{Marketplace: "amazon", Operation: "searchOrders"},
		},
		"a mistyped operation does not hide what is called": {
			asked: marketplace.Asked{URL: "https://sellingpartnerapi-na.amazon.com/orders/2026-01-01/orders", Operation: "getOrder", Labels: labels},
			want:  marketplace.Bucket{Marketplace: "amazon", Shop: "us-1", Operation: "searchOrders"},
		},
		"templates stand for what they become": {
			asked: marketplace.Asked{URL: "https://sellingpartnerapi-na.amazon.com/orders/2026-01-01/orders/{{.Secrets.order}}", Labels: labels},
			want:  marketplace.Bucket{Marketplace: "amazon", Shop: "us-1", Operation: "getOrder"},
		},
		"a resource that is not known": {
			asked: marketplace.Asked{URL: "https://us-1.myshopify.com/admin/api/2026-07/products/7.json"},
			want:  marketplace.Bucket{Marketplace: "shopify", Operation: "REST"},
		},
		"a shop's own host": {
			asked: marketplace.Asked{URL: "https://us-1.myshopify.com/admin/api/2026-07/shop.json"},
			want:  marketplace.Bucket{Marketplace: "shopify", Operation: "shop"},
		},
		"a sandbox is apart": {
			asked: marketplace.Asked{URL: "https://sandbox.sellingpartnerapi-na.amazon.com/orders/2026-01-01/orders", Labels: labels},
			want:  marketplace.Bucket{Marketplace: "amazon", Shop: "us-1", Operation: "searchOrders", Sandbox: true},
		},
		"a gateway by its labels": {
			asked: marketplace.Asked{URL: "https://gateway.example.com/x", Operation: "searchOrders", Labels: map[string]string{"marketplace": "amazon", "shop": "us-1", "app": "erp"}},
			want:  marketplace.Bucket{Marketplace: "amazon", App: "erp", Shop: "us-1", Operation: "searchOrders"},
		},
		"the seller's own system, labelled by shop": {asked: marketplace.Asked{URL: "https://erp.example.com/orders/7", Labels: labels}, none: true},
		"another marketplace": {
			asked: marketplace.Asked{URL: "https://erp.example.com/", Operation: "get", Labels: map[string]string{"marketplace": "etsy"}}, none: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := c.asked.Bucket()
			if ok == c.none || got != c.want {
				t.Errorf("got %+v, %v; want %+v", got, ok, c.want)
			}
		})
	}
}

func TestPlanRefusesWhatIsOverTheShare(t *testing.T) {
	amazon := func(operation string) marketplace.Bucket {
		return marketplace.Bucket{Marketplace: "amazon", Shop: "us-1", Operation: operation}
	}
	use := func(check string, b marketplace.Bucket, calls float64, every time.Duration) marketplace.Use {
		return marketplace.Use{Check: check, Bucket: b, Calls: calls, Every: every}
	}
	shopify := func(operation string) marketplace.Bucket {
		return marketplace.Bucket{Marketplace: "shopify", Shop: "us-1", Operation: operation}
	}
	sandbox := amazon("searchOrders")
	sandbox.Sandbox = true
	for name, c := range map[string]struct {
		budgets marketplace.Budgets
		uses    []marketplace.Use
		over    []string
		safe    time.Duration
	}{
		"searchOrders every 30s": {
			uses: []marketplace.Use{use("a", amazon("searchOrders"), 1, 30*time.Second)}, over: []string{"a"}, safe: time.Hour,
		},
		"the interval that was named": {uses: []marketplace.Use{use("a", amazon("searchOrders"), 1, time.Hour)}},
		"the safe read at its pace":   {uses: []marketplace.Use{use("a", amazon("getOrder"), 1, 40*time.Second)}},
		"two checks share one budget": {
			uses: []marketplace.Use{use("a", amazon("getOrder"), 1, time.Minute), use("b", amazon("getOrder"), 1, time.Minute)},
			over: []string{"a", "b"}, safe: 80 * time.Second,
		},
		"two operations of one quota share it": {
			uses: []marketplace.Use{use("a", shopify("orders"), 1, 15*time.Second), use("b", shopify("shop"), 1, 15*time.Second)},
			over: []string{"a", "b"}, safe: 20 * time.Second,
		},
		"a limit of one of them is that of all": {
			budgets: marketplace.Budgets{Share: 0.05, Overrides: []marketplace.Override{{Marketplace: "shopify", Operation: "orders", Limit: marketplace.Limit{Rate: 20, Burst: 400}}}},
			uses:    []marketplace.Use{use("a", shopify("orders"), 1, 2*time.Second), use("b", shopify("REST"), 1, 2*time.Second)},
		},
		"two operations do not":             {uses: []marketplace.Use{use("a", amazon("getOrder"), 1, time.Minute), use("b", amazon("getOrderV0"), 1, time.Minute)}},
		"a sandbox has limits of its own":   {uses: []marketplace.Use{use("a", sandbox, 1, 30*time.Second)}},
		"a sandbox's limits are limits too": {uses: []marketplace.Use{use("a", sandbox, 1, 100*time.Millisecond)}, over: []string{"a"}, safe: time.Second},
		"more calls in a look":              {uses: []marketplace.Use{use("a", amazon("getOrder"), 3, time.Minute)}, over: []string{"a"}, safe: 2 * time.Minute},
		"a larger share":                    {budgets: marketplace.Budgets{Share: 0.5}, uses: []marketplace.Use{use("a", amazon("searchOrders"), 1, 6*time.Minute)}},
		"a limit of one's own, for one shop": {
			budgets: marketplace.Budgets{Share: 0.05, Overrides: []marketplace.Override{
				{Marketplace: "amazon", Operation: "searchOrders", Limit: marketplace.Limit{Rate: 0.001, Burst: 1}},
				{Marketplace: "amazon", Operation: "searchOrders", Shop: "us-1", Limit: marketplace.Limit{Rate: 1, Burst: 20}},
			}},
			uses: []marketplace.Use{use("a", amazon("searchOrders"), 1, 20*time.Second)},
		},
		"limits that are not published": {uses: []marketplace.Use{use("a", marketplace.Bucket{Marketplace: "temu", Operation: "x"}, 1, time.Second)}},
		"a look that no interval makes safe": {
			uses: []marketplace.Use{use("a", amazon("getOrder"), 31, 24*time.Hour)}, over: []string{"a"}, safe: 21 * time.Minute,
		},
		"eBay's day, read as its safe read may be": {
			uses: []marketplace.Use{use("a", marketplace.Bucket{Marketplace: "ebay", Operation: "getRateLimits"}, 1, 5*time.Minute)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.budgets.Share == 0 {
				c.budgets.Share = 0.05
			}
			over := c.budgets.Plan(c.uses)
			var names []string
			for _, e := range over {
				names = append(names, e.Check)
				if e.Safe != c.safe {
					t.Errorf("safe is %s, want %s", e.Safe, c.safe)
				}
			}
			if !slices.Equal(names, c.over) {
				t.Errorf("over are %v, want %v", names, c.over)
			}
			// Whoever does as the message says is not refused again.
			for i := range c.uses {
				if len(over) > 0 && !over[0].TooLarge {
					c.uses[i].Every = over[0].Safe
				}
			}
			if again := c.budgets.Plan(c.uses); len(again) > 0 && !again[0].TooLarge {
				t.Errorf("the safe interval is refused: %+v", again[0])
			}
		})
	}
}
