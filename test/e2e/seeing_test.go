package e2e_test

import (
	"errors"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"guardian/test/proxy"
)

// failing alerts on every check that is down.
const failing = `
groups:
  - name: down
    interval: 200ms
    rules: [{alert: ServiceDown, expr: 'probe_success == 0', labels: {tier: critical}, annotations: {summary: "it is down"}}]
`

// address returns host and port of a URL.
func address(url string) string { return strings.TrimPrefix(url, "http://") }

func TestADroppedConnectionIsNoNewsWithRetries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := proxy.New(t, address(w.server.URL))
	p.Drop(func(n int) bool { return n%3 == 0 })
	config := strings.Replace(w.config(configOptions{}), w.server.URL+"/service\"}", "http://"+p.Addr+"/service\"}\n    retry: {times: 2, pause: 10ms}", 1)
	g := newGuardian(t, config, map[string]string{"rules.yaml": failing})
	g.Start()
	g.Up("service")
	// A look that needed a retry is counted and is up.
	g.Eventually("a look that needed another try", func() bool {
		return g.Query(`max_over_time(probe_retries{check="service"}[1m]) > 0`) == 1
	})
	var c checkView
	g.Eventually("the page tells of the first try", func() bool {
		g.Call(http.MethodGet, "/api/v1/checks/service", nil, &c)
		for _, l := range c.Looks {
			if l.Health == "up" && strings.Contains(l.Detail, "try 1 of 3 was down") {
				return true
			}
		}
		return false
	})
	if n := g.Query(`min_over_time(probe_success{check="service"}[1m]) == 0`); n != 0 {
		t.Error("a dropped connection became a failure in spite of the retries")
	}
	if n := w.heard("ServiceDown"); n != 0 {
		t.Errorf("a dropped connection was told %d times", n)
	}
}

// checkView is a check as the API shows it, with the fields that tests read.
type checkView struct {
	Health    string
	Reason    string
	FollowUps struct{ Seen, Again, Cleared int } `json:"follow_ups"`
	Looks     []lookView
	Failures  []lookView
}

type lookView struct {
	Health, Reason, Detail string
	Raised                 bool
}

func TestBeingCutOffIsOneNoticeAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	way := proxy.New(t, address(w.server.URL))
	control := proxy.New(t, address(newServer(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))))
	config := strings.Replace(w.config(configOptions{blindAfter: "2s", checks: `
  - name: way-out
    service: order-sync
    every: 1s
    blind_after: 2s
    control: true
    http: {url: "http://` + control.Addr + `"}
`}), w.server.URL+"/service\"}", "http://"+way.Addr+"/service\"}", 1)
	g := newGuardian(t, config, map[string]string{"rules.yaml": failing})
	g.Start()
	g.Up("service")
	g.Up("way-out")
	id := g.Deploy("v2", nil)
	control.Cut()
	way.Cut()
	g.Eventually("the cut is told", func() bool { return w.heard("Network path default is down") == 1 })
	// So many looks would be an alert and a rollback if they counted.
	g.Eventually("looks that are unknown", func() bool {
		e := g.Watch(id).Evidence
		return len(e) > 0 && e[0].After.Unknown >= 6
	})
	var c checkView
	g.Call(http.MethodGet, "/api/v1/checks/service", nil, &c)
	if c.Health != "unknown" || !strings.Contains(c.Reason, "cut off: control way-out does not answer") {
		t.Errorf("the check is %s (%s), want unknown because it is cut off", c.Health, c.Reason)
	}
	if v := g.Watch(id); v.State != "watching" || v.Evidence[0].After.Failures != 0 || v.Evidence[0].After.Unknown == 0 {
		t.Errorf("the watch: %+v, want it to go on with looks that are unknown", v)
	}
	way.Mend()
	control.Mend()
	g.Eventually("the path's return is told", func() bool { return w.heard("path default is up again") == 1 })
	g.Up("service")
	if n := w.heard("default is down"); n != 1 {
		t.Errorf("being cut off was told %d times", n)
	}
	if n := w.heard("ServiceDown") + w.heard("blind"); n != 0 {
		t.Errorf("%d more notices were told", n)
	}
	if runs := g.Runs(); len(runs) != 0 {
		t.Errorf("being cut off led to runs: %+v", runs)
	}

	// When the control answers, a failure counts again.
	way.Cut()
	g.Eventually("the service's own failure is told", func() bool { return w.heard("ServiceDown") > 0 })
}

func TestAFailureIsFollowedUpAndKeptAcrossARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	config := strings.Replace(w.config(configOptions{every: "2s"}), w.server.URL+"/service\"}", w.server.URL+"/service?key=query-secret-77\"}\n    recheck: {interval: 200ms}", 1)
	g := newGuardian(t, config, map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	w.set(func(w *world) { w.bad = true })
	var c checkView
	raised := func() (n int) {
		g.Call(http.MethodGet, "/api/v1/checks/service", nil, &c)
		for _, l := range c.Failures {
			if l.Raised {
				n++
			}
		}
		return n
	}
	g.Eventually("raised looks", func() bool { return raised() >= 3 })
	w.set(func(w *world) { w.bad = false })
	g.Eventually("a follow-up that is over", func() bool {
		raised()
		return c.FollowUps.Seen == 1 && c.FollowUps.Again >= 3 && c.FollowUps.Cleared == 1
	})
	g.Stop()
	g.Start()
	raised()
	if c.FollowUps.Seen != 1 || len(c.Failures) == 0 || !strings.Contains(c.Failures[0].Detail, "orders are lost") {
		t.Errorf("after a restart: %+v, want the follow-up and the failure with its body", c)
	}

	// guardian probe explains the same look and does not print the secret.
	w.set(func(w *world) { w.bad = true })
	out, err := exec.Command(binary.Path, "probe", "service", "--config", g.File).CombinedOutput()
	var code *exec.ExitError
	if !errors.As(err, &code) || code.ExitCode() != 1 {
		t.Errorf("guardian probe ended with %v, want exit 1", err)
	}
	for _, want := range []string{"service is down", "FAIL  status is 2xx: status 500", "recheck.interval: 200ms", "a failure in the watches of order-sync", "orders are lost", "phase"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("guardian probe does not say %q:\n%s", want, out)
		}
	}
	if strings.Contains(string(out), "query-secret-77") {
		t.Errorf("guardian probe tells a secret:\n%s", out)
	}
}
