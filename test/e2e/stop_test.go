package e2e_test

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestStoppedInTheMiddleOfAStepItsOutcomeIsKept stops a guardian during a step that takes longer
// than its lease lasts, as steps of deploy tools do.
func TestStoppedInTheMiddleOfAStepItsOutcomeIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	two := `
runbooks:
  - name: two-steps
    cooldown: 1s
    steps:
      - {name: first, timeout: 5m, webhook: {url: "WORLD/acts", body: '{"version": {{json .To}}}'}}
      - {name: second, timeout: 5m, webhook: {url: "WORLD/acts", body: '{"version": "second"}'}}
    verify: {for: 5m, every: 100ms, successes: 2}
`
	config := w.config(configOptions{lease: "3s"})
	config = strings.Replace(config, "rollback: back", "rollback: two-steps", 1)
	config = strings.Replace(config, "\nrunbooks:\n", strings.ReplaceAll(two, "WORLD", w.server.URL), 1)
	g := newGuardian(t, config, map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	w.holdAt("act")
	v := w.failedDeploy(g, "v2")
	eventually(t, "the first step under way", func() bool { return get(w, func(w *world) int { return len(w.acts) }) == 1 })
	stopped := make(chan int)
	go func() { stopped <- g.Stop() }()
	time.Sleep(6 * time.Second) // twice as long as the lease lasts
	w.release("act")
	if code := <-stopped; code != 0 {
		t.Errorf("it ended with exit status %d", code)
	}
	if n := get(w, func(w *world) int { return len(w.acts) }); n != 1 {
		t.Errorf("%d steps were begun, want no second one while it stops", n)
	}
	g.Start()
	r := g.RunState(v.Rollback.ID, "cured")
	if got := r.Steps[0].State + " " + r.Steps[0].Resolved; got != "done " {
		t.Errorf("the first step is %q, want done, and settled by nobody else: its answer had come", got)
	}
	if n := get(w, func(w *world) int { return len(w.acts) }); n != 2 {
		t.Errorf("the deploy tool was called %d times, want once for each step", n)
	}
}

// TestTwoAlertsAtOnceDoNotWorkOnOneServiceTogether binds a runbook to three alerts that begin to
// fire at the same moment.
func TestTwoAlertsAtOnceDoNotWorkOnOneServiceTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rules := `
groups:
  - name: api
    interval: 1s
    rules:
      - {alert: ApiDown, expr: 'probe_success{check="service"} == 0', labels: {tier: critical, service: order-sync}}
      - {alert: ApiRed, expr: 'probe_success{check="service"} == 0', labels: {tier: critical, service: order-sync}}
      - {alert: ApiGone, expr: 'probe_success{check="service"} == 0', labels: {tier: critical, service: order-sync}}
`
	bound := `
on_alert:
  - {match: {alertname: ApiDown}, runbook: pause-writes, mode: auto}
  - {match: {alertname: ApiRed}, runbook: pause-writes, mode: auto}
  - {match: {alertname: ApiGone}, runbook: pause-writes, mode: auto}
`
	g := newGuardian(t, w.config(configOptions{extra: bound}), map[string]string{"rules.yaml": rules})
	g.Start()
	g.Up("service")
	w.holdAt("act")
	w.set(func(w *world) { w.bad = true })
	eventually(t, "three runs, of which one runs and the others are refused", func() bool {
		states := map[string]int{}
		for _, r := range g.Runs() {
			states[r.State]++
		}
		return len(states) == 2 && states["running"] == 1 && states["refused"] == 2
	})
	w.release("act")
}

// TestANoticeForAReceiverThatWasRenamedIsTold restarts a guardian whose configuration was
// changed while it was down.
func TestANoticeForAReceiverThatWasRenamedIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{}), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	w.set(func(w *world) { w.slackDown = true })
	v := w.failedDeploy(g, "v2")
	g.RunState(v.Rollback.ID, "cured")
	g.Kill()
	text, err := os.ReadFile(g.File)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(text), "name: oncall", "name: chat")
	g.Write("guardian.yaml", strings.ReplaceAll(changed, "receiver: oncall", "receiver: chat"))
	w.set(func(w *world) { w.slackDown = false })
	g.Start()
	eventually(t, "the verdict", func() bool { return w.heard("Deploy failed: order-sync v2") == 1 })
	allDelivered(t, g)
}
