package probes_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
	"guardian/test/fake/marketplace"
	"guardian/test/fake/seller"
)

// keysOf makes the keys of a marketplace's pushes, and what signs them.
func keysOf(tb testing.TB, platform string) (e marketplace.Endpoint, signing string) {
	tb.Helper()
	e = marketplace.Endpoint{App: "2001887", Secret: "fake-push-secret-0001"}
	if platform == "ebay" {
		private, public, err := marketplace.NewKey()
		if err != nil {
			tb.Fatal(err)
		}
		e.Secret, e.Public = private, public
	}
	return e, e.Secret
}

// pushedAs are settings that push to a seller's system as a marketplace does.
func pushedAs(platform string, shop *seller.Server, signing string) func(*probes.OrderPushSettings) {
	return func(s *probes.OrderPushSettings) {
		s.Platform = platform
		s.Seller = probes.Seller{Shop: "14701711", Site: "SG", AppKey: "2001887", Secret: secret.New(signing)}
		s.Order = probes.Goods{SKU: "TEST-1", Quantity: 2, Price: "9.90", Currency: "USD", Country: "DE"}
		s.Push.URL = shop.Endpoint().URL
		if platform == "aliexpress" || platform == "temu" {
			s.Push.Body = `{"id": "{{.ID}}", "sku": "{{.Order.SKU}}", "quantity": {{.Order.Quantity}}}`
		}
		s.Push.Timeout = model.Duration(time.Second)
		s.Lookup.HTTP = &probes.LookupHTTP{Request: probes.Request{URL: shop.URL() + "/orders/{{.ID}}"}}
		s.Lookup.Every, s.Lookup.Within, s.Lookup.LostAfter = model.Duration(10*time.Millisecond), model.Duration(200*time.Millisecond), model.Duration(200*time.Millisecond)
		s.Verify = []probes.Field{{JSON: "copies", Equals: "1"}}
		s.Cleanup.HTTP = &probes.CleanupHTTP{Request: probes.Request{Method: "DELETE", URL: shop.URL() + "/orders/{{.ID}}"}}
		s.Cleanup.Timeout, s.Cleanup.Backoff, s.Cleanup.Tries = model.Duration(300*time.Millisecond), model.Duration(time.Millisecond), 3
	}
}

func TestOrderPushAsEachMarketplacePushes(t *testing.T) {
	content := func(s *probes.OrderPushSettings) {
		for _, f := range []string{"sku SKU", "quantity Quantity", "price Price", "currency Currency", "country Country"} {
			path, name, _ := strings.Cut(f, " ")
			s.Verify = append(s.Verify, probes.Field{JSON: path, Equals: "{{.Order." + name + "}}"})
		}
	}
	type look struct {
		faults  seller.Faults
		set     func(*probes.OrderPushSettings)
		health  sample.Health
		reason  string
		result  string
		unclean bool // an order that may still come is looked for again
	}
	looks := map[string]look{
		"good":         {health: sample.Up, result: "ok"},
		"a lost order": {faults: seller.Faults{Lose: true}, health: sample.Down, reason: "order lost", result: "lost", unclean: true},
		"sent twice":   {set: func(s *probes.OrderPushSettings) { s.Variant = "duplicate" }, health: sample.Up, result: "ok"},
		"sent twice, and shipped twice": {
			faults: seller.Faults{Copies: true}, set: func(s *probes.OrderPushSettings) { s.Variant = "duplicate" },
			health: sample.Down, reason: `copies is "2" instead of "1"`, result: "mismatch",
		},
		"a receiver that breaks": {faults: seller.Faults{Breaks: true}, health: sample.Down, reason: "push: ", result: "rejected", unclean: true},
	}
	only := map[string]map[string]look{
		"shopee": {
			"an answer with a body": {faults: seller.Faults{Talks: true}, health: sample.Down, reason: "push: Shopee does not count this as an answer: a body of 9 bytes instead of none", result: "rejected"},
		},
		"lazada": {
			"an answer after the deadline": {faults: seller.Faults{Delay: 600 * time.Millisecond}, health: sample.Down, reason: "at most 500 ms", result: "rejected"},
		},
		"mercadolibre": {
			"an answer after the deadline": {faults: seller.Faults{Delay: 600 * time.Millisecond}, health: sample.Down, reason: "at most 500 ms", result: "rejected"},
		},
		"shopify": {
			"what was ordered": {set: content, health: sample.Up, result: "ok"},
			"another article": {
				set: content, faults: seller.Faults{Change: func(o *seller.Order) { o.SKU, o.Price, o.Country = "OTHER", "99", "FR" }},
				health: sample.Down, reason: `sku is "OTHER" instead of "TEST-1", price is "99" instead of "9.90" and country is "FR" instead of "DE"`, result: "mismatch",
			},
		},
	}
	for _, platform := range []string{"shopee", "lazada", "tiktok_shop", "shopify", "walmart", "ebay"} {
		if only[platform] == nil {
			only[platform] = map[string]look{}
		}
		forge := func(s *probes.OrderPushSettings) { s.Variant = "bad_signature" }
		only[platform]["a wrong signature is refused"] = look{set: forge, health: sample.Up, result: "ok"}
		only[platform]["a wrong signature is taken"] = look{
			set: forge, faults: seller.Faults{TakeAnything: true},
			health: sample.Down, reason: "a push with a wrong signature was accepted (status 200)", result: "forged",
		}
	}
	for _, platform := range []string{"shopee", "lazada", "tiktok_shop", "shopify", "walmart", "amazon"} {
		if only[platform] == nil {
			only[platform] = map[string]look{}
		}
		newest := func(s *probes.OrderPushSettings) {
			s.Variant = "out_of_order"
			s.Verify = append(s.Verify, probes.Field{JSON: "status", Equals: "{{.Order.Status}}"})
		}
		late := func(s *probes.OrderPushSettings) { s.Variant = "late" }
		only[platform]["out of order"] = look{set: newest, health: sample.Up, result: "ok"}
		only[platform]["out of order, and the last one wins"] = look{
			set: newest, faults: seller.Faults{LastWins: true}, health: sample.Down, reason: "the order arrived changed: status is", result: "mismatch",
		}
		only[platform]["late"] = look{set: late, health: sample.Up, result: "ok"}
		only[platform]["late, and refused"] = look{set: late, faults: seller.Faults{RefuseOld: true}, health: sample.Down, reason: "status 400", result: "rejected"}
	}
	for _, platform := range marketplace.Names() {
		run := func(name string, tc look) {
			t.Run(platform+": "+name, func(t *testing.T) {
				t.Parallel()
				e, signing := keysOf(t, platform)
				shop := seller.New(platform, e)
				defer shop.Close()
				shop.Set(tc.faults)
				j := &journal{}
				p := build(t, "order_push", probes.Env{Check: "push", Orders: j}, func(s *probes.OrderPushSettings) {
					pushedAs(platform, shop, signing)(s)
					if tc.set != nil {
						tc.set(s)
					}
				})
				// A machine that is busy takes its time for a signature; the deadlines are the marketplace's.
				o := lookLong(t, p)
				if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) || (o.Health == sample.Up) != (o.Reason.IsZero()) {
					t.Errorf("got %s %q, want %s %q\n%s", o.Health, o.Reason, tc.health, tc.reason, o.Detail)
				}
				if value(t, o, "order_push_orders_total", "result="+tc.result) != 1 {
					t.Errorf("result %s is not counted: %v", tc.result, o.Values)
				}
				if got := value(t, o, "order_push_uncleaned"); (got > 0) != tc.unclean {
					t.Errorf("uncleaned %v, want %v: %s", got, tc.unclean, j.history())
				}
				numbers := slices.Contains([]string{"lazada", "mercadolibre", "shopify", "tiktok_shop", "walmart"}, platform)
				if id := j.orders[0].ID; numbers != regexp.MustCompile(`^9000\d{12}$`).MatchString(id) || !numbers && !strings.HasPrefix(id, "guardian-") {
					t.Errorf("the order's ID is %s", id)
				}
				if n := shop.Orders(); n > 0 {
					t.Errorf("%d orders are left", n)
				}
				wantSilent(t, o, "fake-push-secret-0001")
			})
		}
		for name, tc := range looks {
			run(name, tc)
		}
		for name, tc := range only[platform] {
			run(name, tc)
		}
	}
}

func lookLong(tb testing.TB, p probes.Probe) sample.Observation {
	tb.Helper()
	return look(tb, p, 20*time.Second)
}

// The vendor's sandbox makes the order and pushes it; it is followed like any other.
func TestOrderPushFromASandbox(t *testing.T) {
	for platform, path := range map[string]string{
		"walmart": "/v1/simulations/orders", "shopify": "/admin/api/2026-10/orders.json",
		"ebay":   "/commerce/notification/v1/subscription/s-1/test",
		"amazon": "/notifications/v1/subscriptions/ORDER_CHANGE/testNotification",
	} {
		for name, expired := range map[string]bool{"good": false, "an expired token": true} {
			t.Run(platform+": "+name, func(t *testing.T) {
				t.Parallel()
				market := marketplace.New(platform, marketplace.WithSandbox())
				defer market.Close()
				market.ExpireToken(expired)
				e, signing := keysOf(t, platform)
				shop := seller.New(platform, e)
				defer shop.Close()
				market.SetEndpoint(shop.Endpoint())
				p := build(t, "order_push", probes.Env{Check: "push", Orders: &journal{}}, func(s *probes.OrderPushSettings) {
					pushedAs(platform, shop, signing)(s)
					s.Create, s.Push.URL = "sandbox", market.URL()+path
					s.Seller.Token = secret.New(market.Credentials().Token)
					s.Lookup.HTTP.URL = shop.URL() + "/orders/{{.Ref}}"
					s.Cleanup.HTTP.URL = shop.URL() + "/orders/{{.Ref}}"
					s.Verify = []probes.Field{{JSON: "sku", Equals: "{{.Order.SKU}}"}, {JSON: "quantity", Equals: "{{.Order.Quantity}}"}}
					if platform == "ebay" || platform == "amazon" { // which tell no order's name
						s.Lookup.HTTP.URL, s.Cleanup.HTTP.URL, s.Verify = shop.URL()+"/orders/newest", shop.URL()+"/orders/newest", nil
					}
					if platform == "amazon" {
						s.Push.Body = `{"destinationId": "d-1", "testNotification": {"payloadVersion": "1.0", "testScenario": "ORDER_CHANGE"}}`
					}
				})
				o := lookLong(t, p)
				if expired {
					if o.Health != sample.Down || !strings.Contains(o.Reason.String(), "push: status 40") {
						t.Errorf("got %s %q", o.Health, o.Reason)
					}
					wantSilent(t, o, market.Credentials().Token)
					return
				}
				if o.Health != sample.Up {
					t.Errorf("got %s %q\n%s", o.Health, o.Reason, o.Detail)
				}
				if shop.Orders() != 0 {
					t.Error("the order is left in the shop")
				}
			})
		}
	}
}

func TestOrderPushSettingsOfAPlatform(t *testing.T) {
	for name, tc := range map[string]struct {
		platform string
		set      func(*probes.OrderPushSettings)
		want     string
	}{
		"an unknown platform":                     {"shoppee", nil, `platform "shoppee" is not one of`},
		"an unknown variant":                      {"shopee", func(s *probes.OrderPushSettings) { s.Variant = "odd" }, `variant "odd" is not one of`},
		"no secret":                               {"shopee", func(s *probes.OrderPushSettings) { s.Seller.Secret = secret.Secret{} }, "seller.secret is missing"},
		"a body beside the platform's":            {"lazada", func(s *probes.OrderPushSettings) { s.Push.Body = "{{.ID}}" }, "push.body"},
		"a push whose form nobody knows":          {"temu", func(s *probes.OrderPushSettings) { s.Push.Body = "" }, "push.body is missing"},
		"a signature where there is none":         {"mercadolibre", func(s *probes.OrderPushSettings) { s.Variant = "bad_signature" }, "Mercado Libre signs no pushes"},
		"a sandbox where there is none":           {"lazada", func(s *probes.OrderPushSettings) { s.Create = "sandbox" }, "Lazada has no sandbox that makes orders"},
		"a sandbox whose request is the seller's": {"amazon", func(s *probes.OrderPushSettings) { s.Create = "sandbox" }, "push.body is missing: what sendTestNotification"},
		"a prefix that is no number":              {"walmart", func(s *probes.OrderPushSettings) { s.Prefix = "0123" }, "are numbers of 16 digits"},
		"a variant without a platform":            {"", func(s *probes.OrderPushSettings) { s.Variant, s.Push.Body = "late", "{{.ID}}" }, "variant and create need platform"},
	} {
		shop := seller.New("shopee", marketplace.Endpoint{})
		s := probes.Builtin()["order_push"].Settings().(*probes.OrderPushSettings)
		pushedAs(tc.platform, shop, "fake-push-secret-0001")(s)
		if tc.set != nil {
			tc.set(s)
		}
		err := s.Validate()
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "fake-push-secret") {
			t.Errorf("%s: %v, want %s", name, err, tc.want)
		}
		shop.Close()
	}
}

// paths are the whole addresses of safe reads that have IDs in them.
func askedOf(platform string, market *marketplace.Server) func(*probes.QuotaSettings) {
	return func(s *probes.QuotaSettings) {
		c := market.Credentials()
		s.Platform = platform
		s.Seller = probes.Seller{Shop: c.Shop, AppKey: c.App, Secret: secret.New(c.Secret), Token: secret.New(c.Token)}
		s.URL = market.URL() + map[string]string{
			"amazon": "/orders/2026-01-01/orders/902-1845936-5435065", "shopify": "/admin/api/2026-10/graphql.json",
		}[platform]
	}
}

func TestQuotaOfEachMarketplace(t *testing.T) {
	// What a good look tells: nothing where the marketplace tells nothing.
	numbers := map[string]string{
		"amazon":  "marketplace_quota_limit operation=getOrder policy=per_second source=header",
		"shopify": "marketplace_quota_remaining operation=graphql policy=points source=body",
		"ebay":    "marketplace_quota_used_ratio operation=sell.fulfillment.getOrders policy=86400s source=api",
		"walmart": "marketplace_quota_remaining operation=getTokenDetail source=header",
		"shopee":  "marketplace_credential_remaining_seconds",
	}
	for _, platform := range marketplace.Names() {
		for name, tc := range map[string]struct {
			set    func(*marketplace.Server)
			keys   func(*probes.QuotaSettings)
			health sample.Health
			reason string
		}{
			"good":             {health: sample.Up},
			"an expired token": {set: func(m *marketplace.Server) { m.ExpireToken(true) }, health: sample.Down, reason: "not accepted"},
			"a throttle storm": {set: func(m *marketplace.Server) { m.Storm(true) }, health: sample.Down, reason: "is throttled: "},
			"somebody's token": {keys: func(s *probes.QuotaSettings) { s.Seller.Token = secret.New("another-token-0002") }, health: sample.Down, reason: "not accepted"},
			"nobody is there":  {set: func(m *marketplace.Server) { m.Close() }, health: sample.Unknown, reason: "the quota could not be read: "},
		} {
			t.Run(platform+": "+name, func(t *testing.T) {
				t.Parallel()
				market := marketplace.New(platform)
				if name != "nobody is there" {
					defer market.Close()
				}
				market.AddOrder(marketplace.Order{ID: "902-1845936-5435065"})
				p := build(t, "quota", probes.Env{Check: "quota"}, func(s *probes.QuotaSettings) {
					askedOf(platform, market)(s)
					if tc.keys != nil {
						tc.keys(s)
					}
				})
				if tc.set != nil {
					tc.set(market)
				}
				o := lookLong(t, p)
				reason := tc.reason
				if platform == "tiktok_shop" && reason == "not accepted" {
					reason = "The access token has expired" // one code for both
				}
				if o.Health != tc.health || !strings.Contains(o.Reason.String(), reason) || (o.Health == sample.Up) != (o.Reason.IsZero()) {
					t.Errorf("got %s %q, want %s %q\n%s", o.Health, o.Reason, tc.health, reason, o.Detail)
				}
				wantSilent(t, o, market.Credentials().Secret, market.Credentials().Token, "another-token-0002")
				if name != "good" {
					return
				}
				if numbers[platform] == "" {
					for _, v := range o.Values {
						if strings.HasPrefix(v.Name, "marketplace_quota_") {
							t.Errorf("a number that nobody told: %v", v)
						}
					}
					return
				}
				words := strings.Fields(numbers[platform])
				value(t, o, words[0], words[1:]...)
			})
		}
	}
}

// The signing of each side is its own: what is signed with another secret is refused.
func TestQuotaWithAnotherSecretIsRefused(t *testing.T) {
	for _, platform := range []string{"shopee", "lazada", "tiktok_shop", "aliexpress", "temu"} {
		market := marketplace.New(platform)
		p := build(t, "quota", probes.Env{Check: "quota"}, func(s *probes.QuotaSettings) {
			askedOf(platform, market)(s)
			s.Seller.Secret = secret.New("another-secret-0002")
		})
		o := lookLong(t, p)
		if o.Health != sample.Down || !strings.Contains(o.Reason.String(), "The signature is not accepted") {
			t.Errorf("%s: %s %q", platform, o.Health, o.Reason)
		}
		wantSilent(t, o, "another-secret-0002")
		market.Close()
	}
}

// A storm is told while it lasts, counted, and over when it is over.
func TestQuotaRidesOutAStorm(t *testing.T) {
	for _, platform := range marketplace.Names() {
		market := marketplace.New(platform)
		market.AddOrder(marketplace.Order{ID: "902-1845936-5435065"})
		p := build(t, "quota", probes.Env{Check: "quota"}, askedOf(platform, market))
		var seen []string
		throttled := 0.0
		for _, storm := range []bool{false, true, true, false} {
			market.Storm(storm)
			o := lookLong(t, p)
			seen = append(seen, o.Health.String())
			for _, v := range o.Values {
				if v.Name == "marketplace_throttled_total" {
					throttled = v.V
				}
			}
		}
		if got := strings.Join(seen, " "); got != "up down down up" || throttled != 2 {
			t.Errorf("%s: %s, %v throttled", platform, got, throttled)
		}
		market.Close()
	}
}
