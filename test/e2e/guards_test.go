package e2e_test

import (
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestARollbackThatWaitsEndsWithItsVersion announces a fix while the rollback of the version
// before it still awaits approval.
func TestARollbackThatWaitsEndsWithItsVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{mode: "approve"}), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	v := w.failedDeploy(g, "v2")
	g.RunState(v.Rollback.ID, "awaiting_approval")
	id := g.Deploy("v3", nil)
	r := g.RunState(v.Rollback.ID, "refused")
	if !strings.Contains(r.Reason, "superseded") || !strings.Contains(r.Reason, "v3") {
		t.Errorf("it says %q, want superseded and the version that runs now", r.Reason)
	}
	err := g.Try(http.MethodPost, "/api/v1/rollbacks/"+r.ID+"/approve", map[string]any{}, nil)
	if err == nil || !strings.Contains(err.Error(), "409") {
		t.Errorf("approving it was answered %v, want 409", err)
	}
	if n := get(w, func(w *world) int { return len(w.acts) }); n != 0 {
		t.Errorf("the deploy tool was called %d times, want never", n)
	}
	if state := g.Watch(id).State; state != "watching" {
		t.Errorf("the watch of the fix is %s", state)
	}
}

// TestInAFreezeThatAllowsNoRollbackAPersonIsAsked lets a freeze begin while a deploy is
// watched in mode auto.
func TestInAFreezeThatAllowsNoRollbackAPersonIsAsked(t *testing.T) {
	t.Parallel()
	for allow, state := range map[string]string{"": "awaiting_approval", "allow: [rollback], ": "cured"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			g := newGuardian(t, w.config(configOptions{}), map[string]string{"rules.yaml": noRules})
			g.Start()
			g.Up("service")
			id := g.Deploy("v2", nil)
			text, err := os.ReadFile(g.File)
			if err != nil {
				t.Fatal(err)
			}
			from, to := time.Now().Add(-time.Hour).Format(time.RFC3339), time.Now().Add(time.Hour).Format(time.RFC3339)
			g.Write("guardian.yaml", string(text)+"freezes: [{name: sale, "+allow+"from: "+from+", to: "+to+"}]\n")
			g.Signal(syscall.SIGHUP)
			eventually(t, "the freeze", func() bool {
				var gate struct{ Open bool }
				return g.Try(http.MethodGet, "/api/v1/gate?service=order-sync", nil, &gate) == nil && !gate.Open
			})
			w.set(func(w *world) { w.bad = true })
			v := g.Verdict(id)
			if v.State != "failed" || v.Rollback == nil {
				t.Fatalf("the verdict is %s: %s", v.State, v.Reason)
			}
			g.RunState(v.Rollback.ID, state)
			want := "Deploy failed: order-sync v2, rolling back to v1"
			if state == "awaiting_approval" {
				want = "Deploy failed: order-sync v2, roll back to v1?"
			}
			eventually(t, want, func() bool { return w.heard(want) == 1 })
		})
	}
}

// When an alert has started its runbook before the verdict, the rollback waits for that run and
// begins by itself after it, also when the guardian is killed meanwhile. The alert reads a check of
// its own, so that it fires before the watched check fails.
func TestARollbackWaitsForTheRunThatAnAlertBegan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slow := make(chan struct{})
	var restarts atomic.Int32
	tool := newServer(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			restarts.Add(1)
		}
		select {
		case <-slow:
			_, _ = io.WriteString(rw, `{"status": "done"}`)
		case <-r.Context().Done():
		}
	}))
	var crash atomic.Bool
	pods := newServer(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		if crash.Load() {
			rw.WriteHeader(http.StatusInternalServerError)
		}
	}))
	checks := `
  - {name: pods, service: order-sync, every: 1s, watch: false, http: {url: "` + pods + `"}}
`
	extra := `
  - name: restart
    cooldown: 1s
    steps:
      - name: restart
        timeout: 5m
        webhook: {url: "` + tool + `", status_request: {url: "` + tool + `/{{.Intent}}", done: {path: status, equals: done}, not_done_status: [404]}}
    verify: {for: 0s}
on_alert: [{match: {alertname: ApiDown}, runbook: restart, mode: auto}]
`
	rules := `
groups:
  - name: api
    interval: 1s
    rules:
      - alert: ApiDown
        expr: probe_success{check="pods"} == 0
        labels: {tier: critical, service: order-sync}
`
	g := newGuardian(t, w.config(configOptions{checks: checks, extra: extra}), map[string]string{"rules.yaml": rules})
	g.Start()
	g.Up("service")
	g.Up("pods")
	id := g.Deploy("v2", nil)
	crash.Store(true)
	eventually(t, "the alert's runbook", func() bool { return restarts.Load() == 1 })
	w.set(func(w *world) { w.bad = true })
	v := g.Verdict(id)
	if v.State != "failed" || v.Rollback == nil {
		t.Fatalf("the verdict is %s (%s), rollback %v; want failed with a rollback", v.State, v.Reason, v.Rollback)
	}
	g.RunState(v.Rollback.ID, "waiting")
	eventually(t, "the word that it waits", func() bool { return w.heard("the rollback to v1 is queued behind another run") == 1 })
	g.Kill()
	g.Start()
	if r := g.RunState(v.Rollback.ID, "waiting"); len(r.Steps) != 1 || r.Steps[0].State != "pending" {
		t.Errorf("after a kill it is %+v, want it to wait with nothing done", r)
	}
	if n := get(w, func(w *world) int { return w.effects["v1"] }); n != 0 {
		t.Fatal("v1 was put back beside the other run")
	}
	close(slow)
	g.RunState(v.Rollback.ID, "cured")
	if n := get(w, func(w *world) int { return w.effects["v1"] }); n != 1 {
		t.Errorf("v1 was put back %d times, want once", n)
	}
	if n := restarts.Load(); n != 1 {
		t.Errorf("the alert's runbook acted %d times, want once", n)
	}
	eventually(t, "the cure in Slack", func() bool { return w.heard("Cured: rollback of order-sync") == 1 })
}
