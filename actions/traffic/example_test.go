package traffic_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"guardian/actions"
	"guardian/actions/actiontest"
)

// example builds the step of a runbook of configs/runbooks, with the addresses of a test.
func example(t *testing.T, name string, replace ...string) actions.RunbookStep {
	t.Helper()
	return actiontest.Example(t, name, nil, func(text string) string {
		return regexp.MustCompile(`for: \d+s`).ReplaceAllString(strings.NewReplacer(replace...).Replace(text), "for: 50ms")
	})
}

// The files that people copy move traffic back under load, from green to blue.
func TestExamplesRollBack(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) (*shop, actions.RunbookStep){
		"traffic-nginx": func(t *testing.T) (*shop, actions.RunbookStep) {
			t.Helper()
			n := startNGINX(t)
			return n.shop, example(t, "traffic-nginx",
				"/etc/nginx/conf.d/shop-upstream.conf", n.file, "/run/nginx.pid", filepath.Join(n.dir, "nginx.pid"),
				"[nginx, -t]", "["+strings.Join(n.settings().NGINX.Test, ", ")+"]",
				"10.0.0.11:8080", n.blue.address, "10.0.0.12:8080", n.green.address)
		},
		"traffic-haproxy": func(t *testing.T) (*shop, actions.RunbookStep) {
			t.Helper()
			h := startHAProxy(t)
			return h.shop, example(t, "traffic-haproxy", "unix:///run/haproxy/admin.sock", h.socket)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, book := start(t)
			l := s.startLoad(t, "Connection: close")
			s.served(t, 200)
			call := actiontest.Call()
			call.Run.From, call.Run.To = "green", "blue"
			out := do(t, book.Step, call)
			for _, want := range []string{"before: blue 0 %", "now: blue 10 %", "now: blue 100 %"} {
				if !strings.Contains(out, want) {
					t.Errorf("the output lacks %q:\n%s", want, out)
				}
			}
			if share := s.served(t, 300); share < 0.97 { // what was asked before may be answered after
				t.Errorf("blue gets %v", share)
			}
			if failed, all := l.stop(t); failed != 0 {
				t.Errorf("%d of %d requests failed", failed, all)
			}
		})
	}
}
