package amapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"guardian/test/program"
	"guardian/test/rig"
)

// binary is the program under test, built once.
var binary program.Program

func TestMain(m *testing.M) { os.Exit(rig.Main(m, &binary)) }

// start runs a guardian that notifies a webhook, with two rules that always fire. more is added to
// its configuration.
func start(t *testing.T, more string) *rig.Guardian {
	t.Helper()
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	t.Cleanup(hook.Close)
	g := rig.New(t, binary, `
server: {listen: "LISTEN"}
storage: {path: data}
rules: [rules.yaml]
evaluation_interval: 1s
receivers: [{name: team, webhook: {url: "`+hook.URL+`"}}]
routes: {receiver: team, group_by: [alertname]}
`+more, map[string]string{"rules.yaml": `
groups:
  - name: always
    rules:
      - {alert: Down, expr: vector(1), labels: {severity: critical, service: orders}}
      - {alert: Slow, expr: vector(1), labels: {severity: warning, service: orders}}
`})
	g.Start()
	return g
}

// amtool runs Debian's amtool against the guardian.
func amtool(t *testing.T, g *rig.Guardian, args ...string) (out string, err error) {
	t.Helper()
	path := program.Installed(t, "amtool", "prometheus-alertmanager")
	if err := binary.Used(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, append([]string{"--alertmanager.url", g.URL}, args...)...)
	var both, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &errs
	err = cmd.Run()
	if err != nil {
		both.Write(errs.Bytes())
	}
	return strings.TrimSpace(both.String()), err
}

func must(t *testing.T, g *rig.Guardian, args ...string) string {
	t.Helper()
	out, err := amtool(t, g, args...)
	if err != nil {
		t.Fatalf("amtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

type status struct {
	State                            string
	SilencedBy, InhibitedBy, MutedBy []string
}

type gettable struct {
	Labels, Annotations map[string]string
	Fingerprint         string
	Status              status
	Receivers           []struct{ Name string }
}

func alertsOf(t *testing.T, text string) map[string]gettable {
	t.Helper()
	var list []gettable
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	all := map[string]gettable{}
	for _, a := range list {
		all[a.Labels["alertname"]] = a
	}
	return all
}
