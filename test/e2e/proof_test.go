package e2e_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"guardian/test/pg"
)

// prices is a service that is up while its prices are zero, which a rule sees.
type prices struct{ zero atomic.Bool }

func (p *prices) ServeHTTP(rw http.ResponseWriter, _ *http.Request) {
	if p.zero.Load() {
		http.Error(rw, "0.00", http.StatusInternalServerError)
	}
}

const pricesRule = `
groups:
  - name: prices
    interval: 1s
    rules:
      - alert: PricesZero
        expr: probe_success{check="prices"} == 0
        labels: {tier: critical, service: order-sync, fails_watch: "true"}
`

// A deploy that failed by a rule is cured when the rule is resolved, not because the checks are up,
// which they always were.
func TestADeployThatFailedByARuleIsCuredOnceTheRuleIsResolved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ mend bool }{"the rollback mends the prices": {true}, "the rollback changes nothing": {false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p := newWorld(t), &prices{}
			checks := `
  - {name: prices, service: order-sync, every: 1s, watch: false, counts_for_sla: false, http: {url: "` + newServer(t, p) + `"}}
`
			config := strings.Replace(w.config(configOptions{checks: checks}), "verify: {for: 5m, every: 100ms, successes: 2}", "verify: {for: 3s, every: 200ms, successes: 2}", 1)
			g := newGuardian(t, config, map[string]string{"rules.yaml": pricesRule})
			g.Start()
			g.Up("service")
			g.Up("prices")
			id := g.Deploy("v2", nil)
			time.Sleep(2 * time.Second)
			w.holdAt("act")
			p.zero.Store(true)
			v := g.Verdict(id)
			if v.State != "failed" || v.Rollback == nil {
				t.Fatalf("the verdict is %s (%s), rollback %v", v.State, v.Reason, v.Rollback)
			}
			eventually(t, "the rollback under way", func() bool { return get(w, func(w *world) int { return len(w.acts) }) == 1 })
			if c.mend {
				p.zero.Store(false)
			}
			w.release("act")
			want, says := "not_cured", "PricesZero"
			if c.mend {
				want, says = "cured", "resolved: PricesZero"
			}
			if r := g.RunState(v.Rollback.ID, want); !strings.Contains(r.Reason, says) {
				t.Errorf("it is %s because %q, want …%s…", r.State, r.Reason, says)
			}
		})
	}
}

// A pipeline may wait for the cure: a failed deploy exits 1 whether cured or not, and the output says
// which.
func TestThePipelineMayWaitForTheCure(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		output, says string
		cures        bool
	}{
		"cured, as text": {"text", "rollback r_", true}, "cured, as JSON": {"json", "cured", true}, "not cured": {"text", "not_cured", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			config := strings.Replace(w.config(configOptions{}), "verify: {for: 5m, every: 100ms, successes: 2}", "verify: {for: 3s, every: 200ms, successes: 2}", 1)
			g := newGuardian(t, config, map[string]string{"rules.yaml": noRules})
			g.Start()
			g.Up("service")
			go func() {
				for t.Context().Err() == nil {
					var all struct{ Watches []struct{ ID string } }
					if g.Try(http.MethodGet, "/api/v1/watches", nil, &all) == nil && len(all.Watches) > 0 {
						w.set(func(w *world) { w.bad = true })
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
			}()
			if !c.cures {
				go func() {
					for t.Context().Err() == nil {
						w.set(func(w *world) { w.bad = w.bad || len(w.acts) > 0 })
						time.Sleep(time.Millisecond)
					}
				}()
			}
			out, said, code := shell(t, g, "watch", "--service", "order-sync", "--version", "v2", "--wait=cured", "--output", c.output)
			if code != 1 {
				t.Errorf("it exits %d, want 1: %s%s", code, out, said)
			}
			if c.output == "json" {
				var v struct {
					State    string
					Rollback struct{ State, Reason string }
				}
				if err := json.Unmarshal([]byte(out), &v); err != nil || v.State != "failed" || v.Rollback.State != "cured" || v.Rollback.Reason == "" {
					t.Errorf("%v: %s", err, out)
				}
				return
			}
			want := "cured"
			if !c.cures {
				want = "not_cured"
			}
			if !strings.Contains(out, "failed: ") || !strings.Contains(out, c.says) || !strings.Contains(out, ": "+want+" (") {
				t.Errorf("it prints %q, want %q", out, want)
			}
		})
	}
	g := &guardian{URL: "http://127.0.0.1:1"}
	if _, said, code := shell(t, g, "watch", "--service", "s", "--version", "v2", "--wait=healed"); code != 2 || !strings.Contains(said, "verdict, cured") {
		t.Errorf("an unknown value exits %d: %s", code, said)
	}
}

// slaTimes reads the times by state of this month's report.
func slaTimes(t *testing.T, g *guardian) (up, down, blind time.Duration) {
	t.Helper()
	var report struct {
		Overall struct {
			Times struct {
				Up    float64 `json:"up_seconds"`
				Down  float64 `json:"down_seconds"`
				Blind float64 `json:"blind_seconds"`
			}
		}
	}
	out, said, code := shell(t, g, "report", "--format", "json")
	if code != 0 {
		t.Fatalf("the report exits %d: %s", code, said)
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	times := report.Overall.Times
	return seconds(times.Up), seconds(times.Down), seconds(times.Blind)
}

// TestADeadGuardianIsBlindInTheReport kills a guardian for some time. What was due to be looked at
// meanwhile was not seen, and what was not due yet was.
func TestADeadGuardianIsBlindInTheReport(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		every       string
		dead        time.Duration
		least, most time.Duration // blind
	}{
		"for many intervals":       {"1s", 12 * time.Second, 11 * time.Second, 20 * time.Second},
		"for a few intervals":      {"1s", 3 * time.Second, 2 * time.Second, 10 * time.Second},
		"for a part of a long one": {"1m", 4 * time.Second, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			g := newGuardian(t, w.config(configOptions{every: c.every}), map[string]string{"rules.yaml": noRules})
			g.Start()
			g.Up("service")
			time.Sleep(3 * time.Second)
			_, _, before := slaTimes(t, g)
			g.Kill()
			time.Sleep(c.dead)
			g.Start()
			looks := get(w, func(w *world) int { return w.looks })
			eventually(t, "another look", func() bool { return get(w, func(w *world) int { return w.looks }) > looks+1 || c.every == "1m" })
			time.Sleep(time.Second)
			_, down, blind := slaTimes(t, g)
			if blind -= before; blind < c.least || blind > c.most || down > 0 {
				t.Errorf("blind for %s, down for %s; want between %s and %s, and not down", blind, down, c.least, c.most)
			}
		})
	}
}

// A guardian that takes over has looked as a standby: nobody was blind.
func TestATakeoverIsNoBlindness(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := configOptions{postgres: pg.Start(t)}
	a := newGuardian(t, w.config(o), map[string]string{"rules.yaml": noRules})
	b := newGuardian(t, w.config(o), map[string]string{"rules.yaml": noRules})
	a.Start()
	a.Up("service")
	b.StartAs("standby")
	b.Up("service")
	time.Sleep(3 * time.Second)
	up, _, before := slaTimes(t, a)
	a.Kill()
	killed := time.Now()
	eventually(t, "the other one acts", func() bool { return b.Role() == "active" })
	time.Sleep(2 * time.Second)
	took := time.Since(killed)
	upAfter, down, blind := slaTimes(t, b)
	if blind -= before; blind > 2*time.Second || down > 0 {
		t.Errorf("blind for %s, down for %s; want neither: the standby looked", blind, down)
	}
	if upAfter-up < took-3*time.Second {
		t.Errorf("up for %s of %s", upAfter-up, took)
	}
}
