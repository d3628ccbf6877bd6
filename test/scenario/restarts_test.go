//go:build !race

package scenario_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"guardian/test/rig"
)

const (
	// both are two checks of the service, of which a version may break one.
	both = front + "  - {name: stock, service: order-sync, every: 250ms, http: {url: \"SHOP/outside\"}}\n"
	// unjudged is a check that only a rule reads.
	unjudged = front + "  - {name: stock, service: order-sync, every: 250ms, watch: false, http: {url: \"SHOP/outside\"}}\n"

	stockRule = `groups:
  - name: stock
    rules:
      - alert: StockFails
        expr: probe_success{check="stock"} == 0
        for: 2s
        labels: {tier: critical, fails_watch: "true", service: order-sync}
`
	// restart is how long nothing answers: three looks.
	restart = 750 * time.Millisecond
)

// restarted is a deploy during which nothing answers. It is announced some time after the old
// version stopped; more is what else is said.
func restarted(after time.Duration, more func(*stage) map[string]any) func(*stage) string {
	return func(st *stage) string {
		st.Restart("v2", restart)
		time.Sleep(after)
		body := map[string]any{"previous_version": "v1"}
		if more != nil {
			maps.Copy(body, more(st))
		}
		return st.Deploy("v2", body)
	}
}

// told says when the version before stopped.
func told(st *stage) map[string]any {
	st.mu.Lock()
	defer st.mu.Unlock()
	return map[string]any{"at": st.switched.UTC().Format(time.RFC3339Nano)}
}

// executed deploys v2 by a command that guardian watch runs: it lasts for as long as the restart.
func executed(st *stage) string {
	st.t.Helper()
	lasts := filepath.Join(st.Dir, "deploying")
	cmd := exec.Command(binary.Path, "watch", "--server", st.URL, "--service", "order-sync", "--version", "v2", "--previous", "v1", "--output", "json",
		"--exec", "--", "sh", "-c", `touch "$0"; while [ -e "$0" ]; do sleep 0.05; done`, lasts)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		st.t.Fatal(err)
	}
	st.Eventually("the command runs", func() bool { _, err := os.Stat(lasts); return err == nil })
	st.Restart("v2", restart)
	time.Sleep(restart)
	if err := os.Remove(lasts); err != nil {
		st.t.Fatal(err)
	}
	var answer struct{ Watch struct{ ID string } }
	if err := cmd.Wait(); err != nil {
		st.t.Fatalf("guardian watch --exec: %v\n%s", err, errs.String())
	}
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil || answer.Watch.ID == "" {
		st.t.Fatalf("guardian watch --exec printed %s: %v", out.String(), err)
	}
	return answer.Watch.ID
}

// badAt makes v2 fail at one place.
func badAt(p place) func(request) answer {
	return func(m request) answer { return answer{bad: m.version == "v2" && m.at == p} }
}

// notKnownGood says that v2 is not known to be good.
func notKnownGood(st *stage, _ rig.WatchView) {
	var l struct {
		Services []struct {
			KnownGood []string `json:"known_good"`
		}
	}
	st.Call("GET", "/api/v1/services", nil, &l)
	for _, s := range l.Services {
		if slices.Contains(s.KnownGood, "v2") {
			st.t.Errorf("v2 is known good: %v", s.KnownGood)
		}
	}
}

// restarts are deploys with a restart, announced before, in, and after it: what happens between the
// old version and the hook neither excuses the new one nor counts against it.
func restarts() []scenario {
	const short = "for: 15s, max_blind: 10s"
	return []scenario{
		{
			name: "restart, then an outage, announced right after it", play: bad("v2"), before: 24, script: restarted(restart+100*time.Millisecond, nil),
			want: "failed", says: "storefront failed", rolled: true, then: notKnownGood,
		},
		{
			name: "restart, then an outage, announced twelve looks later", play: bad("v2"), before: 24, script: restarted(3*time.Second, nil),
			want: "failed", says: "storefront failed", rolled: true, then: notKnownGood,
		},
		{
			name: "restart, then one of two checks fails, announced six looks later", checks: both, play: badAt(storefront), before: 24,
			script: restarted(restart+1500*time.Millisecond, nil), want: "failed", says: "storefront failed", rolled: true, then: notKnownGood,
		},
		{
			name: "restart, then an outage, announced within it with its time", play: bad("v2"), before: 24, script: restarted(restart/2, told),
			want: "failed", says: "storefront failed", rolled: true,
		},
		{
			name: "restart, then one request in three fails, announced late with its time", before: 24,
			play:   func(m request) answer { return answer{bad: m.version == "v2" && m.nth%3 == 1} },
			script: restarted(2*time.Second, told), want: "failed", says: "storefront failed", rolled: true,
		},
		{
			name: "restart, then an outage that names the version, announced late", checks: visible, play: bad("v2"), before: 24,
			script: restarted(2*time.Second, nil), want: "failed", says: "storefront failed", rolled: true, then: notKnownGood,
		},
		{
			name: "restart, then a rule fires, announced late", checks: unjudged, rules: stockRule, play: badAt(outside), before: 24,
			script: restarted(4*time.Second, nil), want: "failed", says: "StockFails", rolled: true, then: notKnownGood,
		},
		{
			name: "restart under --exec, then an outage", play: bad("v2"), before: 24, script: executed,
			want: "failed", says: "storefront failed", rolled: true, then: notKnownGood,
		},
		{name: "restart under --exec, healthy", watch: short, before: 24, script: executed, want: "passed"},
		{name: "restart, healthy, announced within it", watch: short, before: 24, script: restarted(restart/2, nil), want: "passed"},
		{name: "restart, healthy, announced late", watch: short, before: 24, script: restarted(2*time.Second, nil), want: "passed"},
		{name: "restart, healthy and names the version, announced late", watch: short, checks: visible, before: 24, script: restarted(2*time.Second, nil), want: "passed"},
		{
			name: "fix, announced ten looks after it works", watch: short, play: bad("v1"),
			script: func(st *stage) string {
				st.Eventually("the storefront down", func() bool { return st.Query(`probe_success{check="storefront"} == 0`) == 1 })
				st.Restart("v2", restart)
				time.Sleep(restart + 2500*time.Millisecond)
				return st.Deploy("v2", map[string]any{"previous_version": "v1"})
			},
			want: "passed",
		},
		{
			name: "second bad version before the verdict on the first", before: 24,
			play: func(m request) answer { return answer{bad: m.version != "v1"} },
			script: func(st *stage) string {
				first := st.Ship("v2", "v1", nil)
				st.waitJudged(first, 3)
				return st.Ship("v3", "v2", nil)
			},
			want: "failed", says: "storefront failed", rolled: true,
		},
		{
			name: "outage that a control sees too, from before the hook on", checks: front + control, watch: short, before: 24,
			play: everywhere(0, 5*time.Second, storefront, outside), script: restarted(1500*time.Millisecond, nil), want: "passed",
		},
	}
}
