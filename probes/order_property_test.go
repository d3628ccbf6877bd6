package probes_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"pgregory.net/rapid"

	"guardian/probes"
)

// Whatever goes wrong and wherever the guardian dies: nothing is pushed that was not
// journalled, and once all is well again no order stays behind that nobody was told of.
func TestOrderPushLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	shop, url := newOrderShop(t)
	rapid.Check(t, func(t *rapid.T) {
		j := &journal{}
		shop.set(func(s *orderShop) { s.orders, s.pushes = map[string]map[string]any{}, 0 })
		build := func() probes.Probe {
			k := probes.Builtin()["order_push"]
			s := k.Settings().(*probes.OrderPushSettings)
			overHTTP(url)(s)
			s.Lookup.HTTP.Ref = "ref"
			s.Lookup.Every, s.Lookup.Within, s.Lookup.LostAfter = model.Duration(2*time.Millisecond), model.Duration(5*time.Millisecond), model.Duration(8*time.Millisecond)
			s.Cleanup.Backoff = model.Duration(3 * time.Millisecond)
			p, err := k.Build(s, probes.Env{Check: "push", Orders: j})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		p := build()
		for range rapid.IntRange(1, 3).Draw(t, "looks") {
			j.refuse = rapid.SampledFrom([]string{"", "", "intended", "pushed", "visible", "cleaned", "abandoned"}).Draw(t, "journal refuses")
			status := rapid.SampledFrom([]int{0, 0, 0, 500, 422}).Draw(t, "push status")
			clean := rapid.SampledFrom([]int{0, 0, 500, 404}).Draw(t, "cleanup status")
			see := rapid.SampledFrom([]int{0, 0, 503}).Draw(t, "see status")
			lose := rapid.Bool().Draw(t, "lose")
			shop.set(func(s *orderShop) { s.pushStatus, s.cleanStatus, s.seeStatus, s.lose = status, clean, see, lose })
			ctx, cancel := context.WithTimeout(context.Background(), orderPatience)
			if rapid.Bool().Draw(t, "broken off") {
				time.AfterFunc(time.Duration(rapid.IntRange(0, 5).Draw(t, "after ms"))*time.Millisecond, cancel)
			}
			p.Look(ctx)
			cancel()
			if rapid.Bool().Draw(t, "dies") {
				_ = p.(probes.Closer).Close()
				p = build()
				_ = p.(probes.Sweeper).Sweep(context.Background())
			}
		}
		j.refuse = ""
		shop.set(func(s *orderShop) { s.pushStatus, s.cleanStatus, s.seeStatus, s.lose = 422, 0, 0, false })
		for range 5 {
			time.Sleep(13 * time.Millisecond) // the longest backoff
			ctx, cancel := context.WithTimeout(context.Background(), orderPatience)
			p.Look(ctx)
			cancel()
		}
		_ = p.(probes.Closer).Close()

		shop.mu.Lock()
		defer shop.mu.Unlock()
		for id := range shop.orders {
			i := slices.IndexFunc(j.orders, func(o probes.Order) bool { return o.ID == id })
			if i < 0 {
				t.Fatalf("the order %s was pushed and not journalled", id)
			}
			if j.orders[i].Stage != "abandoned" {
				t.Fatalf("the order %s stays behind as %s: %v", id, j.orders[i].Stage, j.stages)
			}
		}
		if open, _ := j.Open(context.Background(), "push"); len(open) != 0 {
			t.Fatalf("orders are open at the end: %+v", open)
		}
	})
}
