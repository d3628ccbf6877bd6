package e2e_test

import (
	"net/http"
	"testing"
)

func TestABadDeployIsRolledBackToldAndProven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{}), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	v := w.failedDeploy(g, "v2")
	r := g.RunState(v.Rollback.ID, "cured")
	if r.To != "v1" || r.From != "v2" {
		t.Errorf("rolled back from %s to %s, want v2 to v1", r.From, r.To)
	}
	if n := get(w, func(w *world) int { return w.effects["v1"] }); n != 1 {
		t.Errorf("v1 was put back %d times, want once", n)
	}
	eventually(t, "the verdict and the cure in Slack", func() bool {
		return w.heard("Deploy failed: order-sync v2") == 1 && w.heard("Cured: rollback of order-sync") == 1
	})
	eventually(t, "both in DingTalk, in Chinese", func() bool { return len(w.dingtalk.Messages()) >= 1 })

	// The rollback is not watched as a deploy of its own.
	var page struct{ Watches []watchView }
	g.Call(http.MethodGet, "/api/v1/watches", nil, &page)
	if len(page.Watches) != 1 {
		t.Errorf("there are %d watches, want 1", len(page.Watches))
	}
	if code := g.Stop(); code != 0 {
		t.Errorf("SIGTERM ended it with %d, want 0", code)
	}
}

func TestAHealthyDeployPassesAndBecomesKnownGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{length: "20s"}), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	if v := g.Verdict(g.Deploy("v2", nil)); v.State != "passed" {
		t.Fatalf("the verdict is %s: %s", v.State, v.Reason)
	}
	// v3 is bad: the rollback goes to v2, which has passed a watch.
	v := w.failedDeploy(g, "v3")
	if r := g.RunState(v.Rollback.ID, "cured"); r.To != "v2" {
		t.Errorf("rolled back to %s, want v2", r.To)
	}
}

func TestABlindGuardianRollsNothingBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// The check queries a Prometheus-compatible server that stops answering: the guardian is blind
	// and sees neither failures nor successes.
	prom := newProm(t)
	checks := `
  - name: orders
    service: order-sync
    every: 1s
    blind_after: 4s
    promql: {server: "` + prom.url() + `", query: "orders_ok"}
`
	config := w.config(configOptions{length: "15s", checks: checks})
	g := newGuardian(t, config, map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("orders")
	g.Up("service")
	id := g.Deploy("v2", nil)
	prom.cut()
	v := g.Verdict(id)
	if v.State != "inconclusive" {
		t.Errorf("the verdict is %s (%s), want inconclusive", v.State, v.Reason)
	}
	if len(g.Runs()) != 0 {
		t.Error("something was rolled back")
	}
	eventually(t, "the blind check is told", func() bool { return w.heard("Blind: check orders cannot look") > 0 })
	allDelivered(t, g)
	if n := w.heard("Blind: check orders cannot look"); n != 1 {
		t.Errorf("people were told %d times that the check is blind, want once", n)
	}
}

func TestAnAlertRunsItsRunbookOnceWithoutAnyDeploy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rules := `
groups:
  - name: api
    interval: 1s
    rules:
      - alert: ApiDown
        expr: probe_success{check="service"} == 0
        for: 1s
        labels: {tier: critical, service: order-sync}
`
	g := newGuardian(t, w.config(configOptions{extra: "on_alert: [{match: {alertname: ApiDown}, runbook: pause-writes, mode: auto}]\n"}), map[string]string{"rules.yaml": rules})
	g.Start()
	g.Up("service")
	w.set(func(w *world) { w.bad = true })
	eventually(t, "the runbook", func() bool { return get(w, func(w *world) int { return w.effects["paused"] }) == 1 })
	// The alert goes on firing while the service is bad, also after a crash: there is still one run.
	w.set(func(w *world) { w.bad = true })
	g.Kill()
	g.Start()
	looks := get(w, func(w *world) int { return w.looks })
	eventually(t, "more looks, each of which wakes the rule", func() bool { return get(w, func(w *world) int { return w.looks }) >= looks+4 })
	if n := get(w, func(w *world) int { return w.effects["paused"] }); n != 1 {
		t.Errorf("the runbook ran %d times for one alert, want once", n)
	}
	if n := len(g.Runs()); n != 1 {
		t.Errorf("the ledger has %d runs, want 1", n)
	}
}

func TestApprovalIsAskedForAndGiven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{mode: "approve"}), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	v := w.failedDeploy(g, "v2")
	if v.Rollback.State != "awaiting_approval" {
		t.Fatalf("rollback is %+v, want one that awaits approval", v.Rollback)
	}
	if n := get(w, func(w *world) int { return len(w.acts) }); n != 0 {
		t.Fatal("something was done before anybody approved")
	}
	g.Call(http.MethodPost, "/api/v1/rollbacks/"+v.Rollback.ID+"/approve", map[string]any{"note": "go"}, nil)
	g.RunState(v.Rollback.ID, "cured")
	if err := g.Try(http.MethodPost, "/api/v1/rollbacks/"+v.Rollback.ID+"/approve", map[string]any{}, nil); err == nil {
		t.Error("an approval was taken twice")
	}
}
