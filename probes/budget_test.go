package probes_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"guardian/internal/reason"
	"guardian/probes"
	"guardian/probes/marketplace"
	"guardian/probes/sample"
)

// vendor is a platform's token bucket, as the platform keeps it.
type vendor struct {
	mu          sync.Mutex
	rate, burst float64
	level       float64
	at          time.Time
	own         []time.Time // when the guardian called
	throttled   int         // of its calls
}

// call takes a call and tells whether it is served.
func (v *vendor) call(own bool) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	if v.at.IsZero() {
		v.level = v.burst
	} else {
		v.level = min(v.level+now.Sub(v.at).Seconds()*v.rate, v.burst)
	}
	v.at = now
	if own {
		v.own = append(v.own, now)
	}
	if v.level < 1 {
		if own {
			v.throttled++
		}
		return false
	}
	v.level--
	return true
}

// saw gives when the guardian called and how often it was throttled.
func (v *vendor) saw() (own []time.Time, throttled int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.own), v.throttled
}

// limited is a budget by the Limiter that runs in production.
type limited struct {
	limiter *marketplace.Limiter
	uses    map[string][]marketplace.Use
}

func (l limited) MayLook(check string, at time.Time) (later time.Time, why reason.Reason) {
	return l.limiter.Take(l.uses[check], at)
}

func TestAThrottleStormIsRiddenOut(t *testing.T) {
	bucket := marketplace.Bucket{Marketplace: "amazon", Shop: "us-1", Operation: "getOrder"} // 0.5 a second, burst 30
	const share = 0.05
	budget := limited{marketplace.NewLimiter(), map[string][]marketplace.Use{}}
	onStage(t, func(o *probes.RunnerOptions) { o.Budget = budget }, func(s *stage) {
		v := &vendor{rate: 0.5, burst: 30}
		var all []marketplace.Use
		var checks []probes.Check
		for _, name := range []string{"a", "b", "c"} {
			u := marketplace.Use{Check: name, Bucket: bucket, Calls: 1, Every: time.Minute}
			budget.uses[name] = []marketplace.Use{u}
			all = append(all, u)
			k := check(name, time.Minute, &scripted{look: func(context.Context) sample.Observation {
				if !v.call(true) {
					budget.limiter.Throttled(bucket, nil, time.Now())
					return sample.Observation{Health: sample.Down, Reason: reason.Text("throttled")}
				}
				budget.limiter.Answered(bucket)
				return sample.Observation{Health: sample.Up}
			}})
			k.Budgeted = true
			checks = append(checks, k)
		}
		budget.limiter.Apply(marketplace.Budgets{Share: share}, all, time.Now())
		s.Apply(checks)
		begun := time.Now()
		time.Sleep(10 * time.Minute)
		if _, throttled := v.saw(); throttled > 0 {
			t.Errorf("%d looks were throttled before the storm", throttled)
		}
		// The seller's own application takes all that there is, for a quarter of an hour.
		for time.Since(begun) < 25*time.Minute {
			v.call(false)
			time.Sleep(100 * time.Millisecond)
		}
		if _, throttled := v.saw(); throttled == 0 || throttled > 12 {
			t.Errorf("%d looks were throttled in the storm; a few are needed to see it, and each takes from nobody", throttled)
		}
		time.Sleep(95 * time.Minute)
		own, _ := v.saw()
		for i := range own {
			for j := i; j < len(own); j++ {
				within := own[j].Sub(own[i])
				if most := share*30 + share*0.5*within.Seconds(); float64(j-i+1) > most+1e-6 {
					t.Fatalf("%d calls in %s, at most %.2f are the guardian's", j-i+1, within, most)
				}
			}
		}
		turns := map[string]int{} // in the last hour, of 90 that there are
		said := 0
		for _, x := range s.got() {
			switch {
			case x.Health == sample.Up && time.Since(x.At) < time.Hour:
				turns[x.Check]++
			case x.Health == sample.Unknown && strings.Contains(x.Reason.String(), "not looked: getOrder of amazon, shop us-1 was throttled"):
				said++
			}
		}
		if said == 0 {
			t.Error("nothing said that looks were left out because of the throttle")
		}
		for _, name := range []string{"a", "b", "c"} {
			if turns[name] < 10 {
				t.Errorf("the turns of the last hour are %v: %s does not get its own", turns, name)
			}
		}
		if n := s.metric(t, "guardian_probe_over_budget_total"); n == 0 {
			t.Error("no look that was put off or left out is counted")
		}
	})
}

func TestLooksOverTheBudget(t *testing.T) {
	bucket := marketplace.Bucket{Marketplace: "amazon", Operation: "searchOrders"}
	budget := limited{marketplace.NewLimiter(), map[string][]marketplace.Use{
		"a": {{Check: "a", Bucket: bucket, Calls: 1, Every: time.Hour}},
	}}
	onStage(t, func(o *probes.RunnerOptions) { o.Budget = budget }, func(s *stage) {
		budget.limiter.Apply(marketplace.Budgets{Share: 0.05}, budget.uses["a"], time.Now())
		s.Apply([]probes.Check{check("a", 10*time.Minute, &scripted{look: func(context.Context) sample.Observation { return sample.Observation{Health: sample.Up} }})})
		time.Sleep(61 * time.Minute)
		if got := drawn(s.got()); got != "0 ?600 ?1200 ?1800 ?2400 3571" {
			t.Errorf("looks %s; the others are to be said, and the last one put off until there is room", got)
		}
		if _, err := s.LookNow(context.Background(), "a"); err == nil || !strings.Contains(err.Error(), "the guardian's share of searchOrders of amazon is used until") {
			t.Errorf("somebody asks for a look: %v", err)
		}
	})
}

// Over a real connection, with settings as people write them: three checks want ten times
// what they may, while the seller's application uses up the rest.
func TestTheShareIsKeptAgainstAServerThatThrottles(t *testing.T) {
	v := &vendor{rate: 100, burst: 20}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v.call(r.Header.Get("X-Seller") == "") {
			_, _ = fmt.Fprint(w, `{"payload":{}}`)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = fmt.Fprint(w, `{"errors":[{"code":"QuotaExceeded","message":"You exceeded your quota for the requested resource."}]}`)
	}))
	defer server.Close()
	platform, err := marketplace.Find("amazon")
	if err != nil {
		t.Fatal(err)
	}
	budgets := marketplace.Budgets{Share: 0.1, Overrides: []marketplace.Override{
		{Marketplace: "amazon", Operation: "getOrder", Limit: marketplace.Limit{Rate: 100, Burst: 20}},
	}}
	budget := limited{marketplace.NewLimiter(), map[string][]marketplace.Use{}}
	var checks []probes.Check
	var all []marketplace.Use
	labels := map[string]string{"marketplace": "amazon", "shop": "us-1", "operation": "getOrder"}
	for _, name := range []string{"a", "b", "c"} {
		settings, _ := probes.Builtin()["http"].Settings().(*probes.HTTPSettings)
		settings.URL = server.URL + "/orders/2026-01-01/orders/1"
		budget.uses[name] = probes.Uses(name, settings, labels, 30*time.Millisecond)
		if len(budget.uses[name]) != 1 {
			t.Fatalf("uses %+v, want one", budget.uses[name])
		}
		probe, err := probes.Builtin()["http"].Build(settings, probes.Env{Answered: func(a probes.Answer) {
			m := platform.Read(marketplace.Answer{Status: a.Status, Header: a.Header, Body: a.Body}, time.Now())
			if m.Class == marketplace.Throttled {
				budget.limiter.Throttled(budget.uses[name][0].Bucket, m.RetryAfter, time.Now())
			} else {
				budget.limiter.Answered(budget.uses[name][0].Bucket)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		checks = append(checks, probes.Check{Name: name, Kind: "http", Every: 30 * time.Millisecond, Probe: probe, Budgeted: true})
		all = append(all, budget.uses[name]...)
	}
	begun := time.Now()
	budget.limiter.Apply(budgets, all, begun)
	run := probes.NewRunner(probes.RunnerOptions{Budget: budget, OnSample: func(sample.Sample) {}})
	run.Apply(checks)
	for calls := 0; calls < 8; time.Sleep(5 * time.Millisecond) {
		own, _ := v.saw()
		calls = len(own)
	}
	// The storm: from now on there is nothing left, and who asks is throttled.
	v.mu.Lock()
	v.rate, v.level = 0, 0
	v.mu.Unlock()
	for time.Since(begun) < 1500*time.Millisecond {
		time.Sleep(20 * time.Millisecond)
	}
	if err := run.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	own, throttled := v.saw()
	if most := 2 + 10*time.Since(begun).Seconds(); float64(len(own)) > most {
		t.Errorf("%d calls, at most %.0f are the guardian's", len(own), most)
	}
	// One throttled answer rests all three; the others were under way at most.
	if throttled < 1 || throttled > 3 {
		t.Errorf("%d looks were throttled, want the first and what was under way", throttled)
	}
}

func TestWhatAQuotaCheckOfAPlatformUses(t *testing.T) {
	for name, c := range map[string]struct {
		set    func(s *probes.QuotaSettings)
		labels map[string]string
		want   marketplace.Bucket
	}{
		"the safe read, of the seller's shop": {
			set:  func(*probes.QuotaSettings) {},
			want: marketplace.Bucket{Marketplace: "ebay", Shop: "seller-7", Operation: "getRateLimits"},
		},
		"at a gateway": {
			set:    func(s *probes.QuotaSettings) { s.URL = "http://127.0.0.1:1" },
			labels: map[string]string{"shop": "us-1", "app": "erp"},
			want:   marketplace.Bucket{Marketplace: "ebay", App: "erp", Shop: "us-1", Operation: "getRateLimits"},
		},
		"another operation": {
			set:  func(s *probes.QuotaSettings) { s.Operation = "getOrders" },
			want: marketplace.Bucket{Marketplace: "ebay", Shop: "seller-7", Operation: "getOrders"},
		},
		"in the sandbox": {
			set:  func(s *probes.QuotaSettings) { s.URL = "https://api.sandbox.ebay.com" },
			want: marketplace.Bucket{Marketplace: "ebay", Shop: "seller-7", Operation: "getRateLimits", Sandbox: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			settings, _ := probes.Builtin()["quota"].Settings().(*probes.QuotaSettings)
			settings.Platform, settings.Seller.Shop = "ebay", "seller-7"
			c.set(settings)
			uses := probes.Uses("q", settings, c.labels, time.Minute)
			if len(uses) != 1 || uses[0].Bucket != c.want || uses[0].Calls != 1 {
				t.Errorf("uses %+v, want one call of %+v", uses, c.want)
			}
		})
	}
}
