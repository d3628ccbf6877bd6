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

// TestARollbackThatWaitsEndsWithItsVersion announces the fix while a person is still asked
// about the version before it.
func TestARollbackThatWaitsEndsWithItsVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{mode: "approve"}), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	v := w.failedDeploy(g, "v2")
	g.RunState(v.Rollback.ID, "awaiting_approval", 10*time.Second)
	id := g.Deploy("v3", nil)
	r := g.RunState(v.Rollback.ID, "refused", 10*time.Second)
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
			eventually(t, "the freeze", 10*time.Second, func() bool {
				var gate struct{ Open bool }
				return g.Try(http.MethodGet, "/api/v1/gate?service=order-sync", nil, &gate) == nil && !gate.Open
			})
			w.set(func(w *world) { w.bad = true })
			v := g.Verdict(id, 20*time.Second)
			if v.State != "failed" || v.Rollback == nil {
				t.Fatalf("the verdict is %s: %s", v.State, v.Reason)
			}
			g.RunState(v.Rollback.ID, state, 20*time.Second)
			want := "Deploy failed: order-sync v2, rolling back to v1"
			if state == "awaiting_approval" {
				want = "Deploy failed: order-sync v2, roll back to v1?"
			}
			eventually(t, want, 10*time.Second, func() bool { return w.heard(want) == 1 })
		})
	}
}

// An alert of a bad deploy begins its runbook before the verdict is there: the rollback waits
// for that run and begins by itself after it, also when the guardian is killed meanwhile.
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
	extra := `
  - name: restart
    cooldown: 1s
    steps:
      - name: restart
        timeout: 60s
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
        expr: probe_success{check="service"} == 0
        labels: {tier: critical, service: order-sync}
`
	g := newGuardian(t, w.config(configOptions{length: "60s", extra: extra}), map[string]string{"rules.yaml": rules})
	g.Start()
	g.Up("service")
	v := w.failedDeploy(g, "v2")
	g.RunState(v.Rollback.ID, "waiting", 10*time.Second)
	eventually(t, "the word that it waits", 10*time.Second, func() bool { return w.heard("the rollback to v1 waits for another run") == 1 })
	g.Kill()
	g.Start()
	if r := g.RunState(v.Rollback.ID, "waiting", 10*time.Second); len(r.Steps) != 1 || r.Steps[0].State != "pending" {
		t.Errorf("after a kill it is %+v, want it to wait with nothing done", r)
	}
	if n := get(w, func(w *world) int { return w.effects["v1"] }); n != 0 {
		t.Fatal("v1 was put back beside the other run")
	}
	close(slow)
	g.RunState(v.Rollback.ID, "cured", 30*time.Second)
	if n := get(w, func(w *world) int { return w.effects["v1"] }); n != 1 {
		t.Errorf("v1 was put back %d times, want once", n)
	}
	if n := restarts.Load(); n != 1 {
		t.Errorf("the alert's runbook acted %d times, want once", n)
	}
	eventually(t, "the cure in Slack", 10*time.Second, func() bool { return w.heard("Cured: rollback of order-sync") == 1 })
}
