package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	known "guardian/probes/marketplace"
	"guardian/test/fake/marketplace"
	"guardian/test/fake/seller"
)

// marketKeys returns the keys that sign a marketplace's pushes.
func marketKeys(t *testing.T, platform string) marketplace.Endpoint {
	t.Helper()
	e := marketplace.Endpoint{App: "2001887", Secret: "e2e-push-secret-0001"}
	if platform == "ebay" {
		private, public, err := marketplace.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		e.Secret, e.Public = private, public
	}
	return e
}

// pushCheck returns the configuration of a check that pushes to a seller's system as a marketplace
// does.
func pushCheck(platform string, shop *seller.Server, more string) string {
	e := shop.Endpoint()
	every, timeout := "6s", "5800ms"
	if platform == "shopify" { // Shopify waits 5 s for an answer
		every, timeout = "12s", "11s"
	}
	body := ""
	if platform == "aliexpress" || platform == "temu" {
		body = `, body: '{"id": "{{.ID}}", "sku": "{{.Order.SKU}}"}'`
	}
	return strings.NewReplacer("PLATFORM", platform, "EVERY", every, "TIMEOUT", timeout, "SHOP", shop.URL(), "PUSH", e.URL, "SECRET", fmt.Sprintf("%q", e.Secret), "BODY", body, "MORE", more).Replace(`
  - name: push-PLATFORM
    service: order-sync
    every: EVERY
    timeout: TIMEOUT
    watch: false
    order_push:
      platform: PLATFORM
      seller: {shop: "14701711", site: SG, app_key: "2001887", secret: SECRET}
      push: {url: "PUSH", timeout: 1sBODY}
      lookup: {every: 50ms, within: 1s, http: {url: "SHOP/orders/{{.ID}}"}}
      verify: [{json: copies, equals: "1"}]
      cleanup: {timeout: 2s, backoff: 1s, http: {method: DELETE, url: "SHOP/orders/{{.ID}}"}}
MORE`)
}

// quotaCheck returns the configuration of a check that reads a marketplace's quota.
func quotaCheck(platform string, m *marketplace.Server) string {
	c := m.Credentials()
	address := m.URL() + map[string]string{
		"amazon": "/orders/2026-01-01/orders/902-1845936-5435065", "shopify": "/admin/api/2026-10/graphql.json",
	}[platform]
	return fmt.Sprintf(`
  - name: quota-%s
    service: order-sync
    every: 5s
    timeout: 4s
    watch: false
    quota: {platform: %s, url: %q, seller: {shop: %q, app_key: %q, secret: %q, token: %q}}
`, platform, platform, address, c.Shop, c.App, c.Secret, c.Token)
}

// TestTenMarketplaces pushes an order as each marketplace does, and reads the quota of each.
func TestTenMarketplaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var checks strings.Builder
	markets, shops := map[string]*marketplace.Server{}, map[string]*seller.Server{}
	for _, name := range marketplace.Names() {
		markets[name], shops[name] = marketplace.New(name), seller.New(name, marketKeys(t, name))
		t.Cleanup(markets[name].Close)
		t.Cleanup(shops[name].Close)
		markets[name].AddOrder(marketplace.Order{ID: "902-1845936-5435065"})
		checks.WriteString(pushCheck(name, shops[name], "") + quotaCheck(name, markets[name]))
	}
	forged := seller.New("shopee", marketKeys(t, "shopee"))
	t.Cleanup(forged.Close)
	forged.Set(seller.Faults{TakeAnything: true})
	checks.WriteString(strings.Replace(pushCheck("shopee", forged, "      variant: bad_signature\n"), "push-shopee", "push-forged", 1))

	shops["shopify"].Set(seller.Faults{Lose: true})
	markets["lazada"].ExpireToken(true)
	markets["amazon"].Storm(true)
	bad := map[string]string{
		"push-shopify": "order lost: accepted, but not visible", "push-forged": "a push with a wrong signature was accepted",
		"quota-lazada": "The access token is not accepted or has expired", "quota-amazon": "getOrder is throttled",
	}
	// The checks of this test call far more often than the real marketplaces allow.
	const limits = `
marketplaces:
  operations:
    - {marketplace: amazon, operation: getOrder, rate: 100, burst: 100}
    - {marketplace: ebay, operation: getRateLimits, rate: 100, burst: 100}
`
	g := newGuardian(t, w.config(configOptions{checks: checks.String(), extra: limits}), map[string]string{"rules.yaml": noRules})
	g.Start()
	for _, name := range marketplace.Names() {
		for _, check := range []string{"push-" + name, "quota-" + name} {
			if bad[check] == "" {
				g.Up(check)
			}
		}
	}
	for check, reason := range bad {
		eventually(t, check+" is down: "+reason, func() bool {
			var c struct {
				Health string `json:"health"`
				Reason string `json:"reason"`
			}
			return g.Try("GET", "/api/v1/checks/"+check, nil, &c) == nil && strings.EqualFold(c.Health, "down") && strings.Contains(c.Reason, reason)
		})
	}
	for name, m := range markets {
		if strings.Contains(g.Log.String(), m.Credentials().Token) || strings.Contains(g.Log.String(), "e2e-push-secret-0001") {
			t.Errorf("a secret of %s is in the log", name)
		}
	}
	g.Stop()
	left := map[string][]string{}
	for name, s := range shops {
		if ids := s.IDs(); len(ids) > 0 {
			left[name] = ids
		}
	}
	if len(left) == 0 {
		return
	}
	// A push that the stop interrupted may reach the seller after its cleanup found nothing. Such an
	// order is still open in the journal, and is cleaned up by the next start.
	g.Start()
	for name, ids := range left {
		eventually(t, "the synthetic orders left on "+name+" cleaned up", func() bool {
			now := shops[name].IDs()
			return !slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(now, id) })
		})
	}
}

// TestAStormIsRiddenOutWithinTheShare lets two checks use the guardian's whole share of each
// marketplace's quota, with rechecks where they fail, while another application uses the quota up.
// The checks pause and log that, never make more calls than their share, and recover afterwards.
func TestAStormIsRiddenOutWithinTheShare(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const rate, burst, share = 20.0, 60, 0.05
	var checks strings.Builder
	var limits strings.Builder
	limits.WriteString("\nmarketplaces:\n  operations:\n")
	markets, reads := map[string]*marketplace.Server{}, map[string]string{}
	for _, name := range marketplace.Names() {
		p, err := known.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		m := marketplace.New(name, marketplace.WithLimit("", marketplace.Limit{Rate: rate, Burst: burst}))
		t.Cleanup(m.Close)
		m.AddOrder(marketplace.Order{ID: "902-1845936-5435065"})
		markets[name], reads[name] = m, p.SafeRead.Operation
		limits.WriteString(fmt.Sprintf("    - {marketplace: %s, operation: %q, rate: %v, burst: %v}\n", name, p.SafeRead.Operation, rate, burst))
		for _, other := range []string{"one", "two"} {
			checks.WriteString(strings.NewReplacer("quota-"+name, name+"-"+other, "every: 5s\n    timeout: 4s", "every: 2s\n    timeout: 1900ms\n    recheck: {interval: 200ms}").Replace(quotaCheck(name, m)))
		}
	}
	began := time.Now()
	g := newGuardian(t, w.config(configOptions{checks: checks.String(), extra: limits.String()}), map[string]string{"rules.yaml": noRules})
	g.Start()
	made := func(name string) int {
		answered, throttled := markets[name].Calls(reads[name])
		return answered + throttled
	}
	within := func(when string) {
		for name := range markets {
			calls := float64(made(name)) // counted before the time is taken, which allows more with every moment
			if most := share * (burst + rate*time.Since(began).Seconds()); calls > most {
				t.Errorf("%s: %s got %v calls in %s, its share are %.1f", when, name, calls, time.Since(began), most)
			}
		}
	}
	for name := range markets {
		g.Up(name + "-one")
		g.Up(name + "-two")
	}
	within("in peace")
	for _, m := range markets {
		m.Storm(true)
	}
	for name, m := range markets {
		eventually(t, "a throttled call at "+name, func() bool { _, throttled := m.Calls(reads[name]); return throttled > 0 })
	}
	resting, since := map[string]int{}, time.Now()
	for name := range markets {
		resting[name] = made(name)
	}
	eventually(t, "some seconds of the storm", func() bool { return time.Since(since) > 4*time.Second })
	within("in the storm")
	for name := range markets {
		// One call of a bucket may be under way when another is throttled, and some marketplaces
		// tell their callers to wait for one second only.
		if more := made(name) - resting[name]; more > 1+int(time.Since(since)/time.Second) {
			t.Errorf("%s got %d more calls in %s of its storm", name, more, time.Since(since))
		}
	}
	for _, m := range markets {
		m.Storm(false)
	}
	for name := range markets {
		if name == "aliexpress" { // it bans for hours
			continue
		}
		for _, check := range []string{name + "-one", name + "-two"} {
			eventually(t, check+" is up again", func() bool {
				var c struct {
					Health string `json:"health"`
				}
				return g.Try("GET", "/api/v1/checks/"+check, nil, &c) == nil && strings.EqualFold(c.Health, "up")
			})
		}
	}
	within("afterwards")
	if more := made("aliexpress") - resting["aliexpress"]; more > 1 {
		t.Errorf("aliexpress got %d more calls, in the hours of which it told", more)
	}
	if !strings.Contains(g.Log.String(), "a marketplace throttled the guardian; every check of this quota rests") {
		t.Error("nobody is told that checks rest")
	}
}

func TestKilledDuringAMarketplacesPush(t *testing.T) {
	t.Parallel()
	for platform, stage := range map[string]string{"shopee": "push", "shopify": "see", "tiktok_shop": "clean"} {
		t.Run(platform+" killed at "+stage, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			shop := seller.New(platform, marketKeys(t, platform))
			t.Cleanup(shop.Close)
			g := newGuardian(t, w.config(configOptions{checks: pushCheck(platform, shop, "")}), map[string]string{"rules.yaml": noRules})
			shop.Hold("clean") // so that nothing is cleaned up when the held stage times out
			if stage != "clean" {
				shop.Hold(stage)
			}
			g.Start()
			eventually(t, "an order under way", func() bool { return shop.Orders() > 0 })
			g.Kill()
			if shop.Orders() == 0 {
				t.Fatal("no order was left behind: this test shows nothing")
			}
			shop.Release("clean")
			shop.Release(stage)
			left := shop.IDs()
			g.Start()
			eventually(t, "the order of before the crash cleaned up", func() bool {
				for _, id := range shop.IDs() {
					if slices.Contains(left, id) {
						return false
					}
				}
				return true
			})
		})
	}
}
