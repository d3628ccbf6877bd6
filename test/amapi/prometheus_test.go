package amapi_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guardian/test/promapi"
	"guardian/test/rig"
)

// A real Prometheus sends its alerts to a guardian in place of an Alertmanager.
func TestAPrometheusSendsItsAlerts(t *testing.T) {
	t.Parallel()
	h := newHook(t)
	g := rig.New(t, binary, `
server: {listen: "LISTEN"}
storage: {path: data}
receivers: [{name: default, webhook: {url: "`+h.URL+`", payload: alertmanager}}]
routes: {receiver: default, group_wait: 0s}
`, nil)
	g.Start()
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	until := time.Now().Add(20 * time.Second).Unix()
	if err := os.WriteFile(rules, fmt.Appendf(nil, `
groups:
  - name: theirs
    interval: 1s
    rules:
      - {alert: Theirs, expr: vector(time()) < %d, labels: {severity: page, service: orders}, annotations: {summary: "value {{ $value }}"}}
`, until), 0o600); err != nil {
		t.Fatal(err)
	}
	prometheus := promapi.Start(t, `
rule_files: ["`+rules+`"]
alerting:
  alertmanagers:
    - static_configs: [{targets: ["`+strings.TrimPrefix(g.URL, "http://")+`"]}]
`, "--rules.alert.resend-delay=1s")
	g.Eventually("its alert fires here", func() bool { return len(get(g, "")) == 1 })
	var list []struct {
		gettable
		GeneratorURL string
		EndsAt       time.Time
	}
	g.Call("GET", "/api/v2/alerts", nil, &list)
	a := list[0]
	if a.Labels["alertname"] != "Theirs" || a.Labels["severity"] != "page" || !strings.HasPrefix(a.Annotations["summary"], "value 1") ||
		!strings.HasPrefix(a.GeneratorURL, prometheus.URL[:len("http://")]) || !a.EndsAt.After(time.Now()) {
		t.Errorf("got %+v", a)
	}
	var own struct {
		Data struct{ Alerts []struct{ Labels set } }
	}
	g.Call("GET", "/api/v1/alerts", nil, &own)
	if len(own.Data.Alerts) != 1 || own.Data.Alerts[0].Labels["alertname"] != "Theirs" {
		t.Errorf("its own API shows %+v", own)
	}
	g.Eventually("a rule can read it", func() bool { return g.Query(`ALERTS{alertname="Theirs",alertstate="firing"}`) == 1 })
	g.Eventually("it is told", func() bool { return h.heard("firing Theirs") })
	g.Eventually("its end is told", func() bool { return h.heard("resolved Theirs") })
	if list := get(g, ""); len(list) != 0 {
		t.Errorf("over, and listed: %+v", list)
	}
}
