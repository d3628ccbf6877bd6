package e2e_test

import (
	"net/http"
	"os"
	"strings"
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
