package marketplace_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"guardian/probes/marketplace"
)

func start() time.Time { return time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC) }

// In any window the looks that are let through make at most burst + rate·t calls, whatever
// is asked when, through reloads, restarts and throttles.
func TestNoWindowHoldsMoreThanTheAllowance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		share := rapid.Float64Range(0.01, 1).Draw(t, "share")
		limit := marketplace.Limit{Rate: rapid.Float64Range(0.005, 10).Draw(t, "rate"), Burst: float64(rapid.IntRange(1, 40).Draw(t, "burst"))}
		bucket := marketplace.Bucket{Marketplace: "amazon", Shop: "us-1", Operation: "getOrders"}
		budgets := marketplace.Budgets{Share: share, Overrides: []marketplace.Override{{Marketplace: "amazon", Operation: "getOrders", Limit: limit}}}
		calls := float64(rapid.IntRange(1, 3).Draw(t, "calls"))
		uses := []marketplace.Use{{Check: "a", Bucket: bucket, Calls: calls, Every: time.Minute}}
		now := start()
		l := marketplace.NewLimiter()
		l.Apply(budgets, uses, now)
		type call struct {
			at time.Time
			n  float64
		}
		var made []call
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(5*time.Minute)).Draw(t, "wait")))
			switch rapid.SampledFrom([]string{"take", "take", "take", "throttle", "reload", "restart"}).Draw(t, "step") {
			case "take":
				later, why := l.Take(uses, now)
				if later.IsZero() != why.IsZero() {
					t.Fatalf("later %v with reason %q", later, why)
				}
				if later.IsZero() {
					made = append(made, call{now, calls})
				} else if !later.After(now) {
					t.Fatalf("refused until %v, which is over at %v", later, now)
				}
			case "throttle":
				l.Throttled(bucket, nil, now)
			case "reload":
				l.Apply(budgets, uses, now)
			case "restart":
				l = marketplace.NewLimiter()
				l.Apply(budgets, uses, now)
				if len(made) > 0 {
					l.Spent(uses, made[len(made)-1].at, now)
				}
			}
		}
		burst := max(share*limit.Burst, 1, calls)
		for i := range made {
			sum := 0.0
			for j := i; j < len(made); j++ {
				sum += made[j].n
				if most := burst + share*limit.Rate*made[j].at.Sub(made[i].at).Seconds(); sum > most+1e-3 {
					t.Fatalf("%v calls in %s, at most %v wanted", sum, made[j].at.Sub(made[i].at), most)
				}
			}
		}
	})
}

func TestAThrottleRestsTheBucketForAllItsChecks(t *testing.T) {
	bucket := marketplace.Bucket{Marketplace: "shopee", Shop: "sg-1", Operation: "get_shop_info"}
	other := marketplace.Bucket{Marketplace: "shopee", Shop: "sg-2", Operation: "get_shop_info"}
	a := []marketplace.Use{{Check: "a", Bucket: bucket, Calls: 1, Every: time.Minute}}
	b := []marketplace.Use{{Check: "b", Bucket: bucket, Calls: 1, Every: time.Minute}}
	c := []marketplace.Use{{Check: "c", Bucket: other, Calls: 1, Every: time.Minute}}
	fresh := func() *marketplace.Limiter {
		l := marketplace.NewLimiter()
		l.Apply(marketplace.Budgets{Share: 0.05}, append(append(append([]marketplace.Use{}, a...), b...), c...), start())
		return l
	}
	told := func(d time.Duration) *time.Duration { return &d }

	t.Run("for as long as the platform says", func(t *testing.T) {
		l := fresh()
		l.Throttled(bucket, told(90*time.Second), start())
		later, why := l.Take(b, start().Add(89*time.Second))
		if want := start().Add(90 * time.Second); !later.Equal(want) || !strings.Contains(why.String(), "get_shop_info of shopee, shop sg-1 was throttled") {
			t.Errorf("the other check of the bucket: %v, %q", later, why)
		}
		if later, _ := l.Take(c, start()); !later.IsZero() {
			t.Error("another shop rests, too")
		}
		if later, _ := l.Take(a, start().Add(90*time.Second)); !later.IsZero() {
			t.Error("it rests longer than was said")
		}
	})
	t.Run("doubling where it does not say", func(t *testing.T) {
		l, now := fresh(), start()
		for _, want := range []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second} {
			until := l.Throttled(bucket, nil, now)
			if until.Sub(now) != want {
				t.Errorf("it rests %s, want %s", until.Sub(now), want)
			}
			now = until
		}
		for range 20 {
			now = l.Throttled(bucket, nil, now)
		}
		if rest := l.Throttled(bucket, nil, now).Sub(now); rest != time.Hour {
			t.Errorf("at the most it rests %s, want 1h", rest)
		}
		l.Answered(bucket)
		now = now.Add(2 * time.Hour)
		if rest := l.Throttled(bucket, nil, now).Sub(now); rest != 10*time.Second {
			t.Errorf("after an answer it rests %s, want 10s", rest)
		}
	})
	t.Run("longer where a told wait was kept and did not help", func(t *testing.T) {
		l, now := fresh(), start()
		var rests []time.Duration
		for range 10 {
			until := l.Throttled(bucket, told(time.Second), now)
			rests, now = append(rests, until.Sub(now)), until
		}
		if rests[0] != time.Second || rests[1] != 10*time.Second || rests[2] != 20*time.Second || rests[9] != 10*time.Minute {
			t.Errorf("it rests %v, want what it was told, then 10s, doubled up to 10m", rests)
		}
		l.Answered(bucket)
		if rest := l.Throttled(bucket, told(time.Second), now).Sub(now); rest != time.Second {
			t.Errorf("after an answer it rests %s, want what it is told", rest)
		}
	})
	t.Run("for the operations that share the quota", func(t *testing.T) {
		of := func(operation string) []marketplace.Use {
			return []marketplace.Use{{Check: operation, Bucket: marketplace.Bucket{Marketplace: "shopify", Shop: "us-1", Operation: operation}, Calls: 1, Every: time.Minute}}
		}
		l := marketplace.NewLimiter()
		l.Apply(marketplace.Budgets{Share: 0.05}, append(append(of("orders"), of("shop")...), of("graphql")...), start())
		l.Throttled(of("orders")[0].Bucket, told(2*time.Second), start())
		if later, _ := l.Take(of("shop"), start().Add(time.Second)); later.IsZero() {
			t.Error("another operation of REST does not rest")
		}
		if later, _ := l.Take(of("graphql"), start().Add(time.Second)); !later.IsZero() {
			t.Error("GraphQL has points of its own, and rests")
		}
	})
	t.Run("a year is not believed", func(t *testing.T) {
		if rest := fresh().Throttled(bucket, told(300*24*time.Hour), start()).Sub(start()); rest != 24*time.Hour {
			t.Errorf("it rests %s, want 24h", rest)
		}
	})
}
