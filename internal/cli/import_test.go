package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guardian/internal/cli"
)

// called runs a command and gives what it printed.
func called(args ...string) (out, errs string, code int) {
	var stdout, stderr bytes.Buffer
	code = cli.Main(args, strings.NewReader(""), &stdout, &stderr)
	return stdout.String(), stderr.String(), code
}

// What was imported is a configuration, except for what has no counterpart: check names that, and the
// routes that let critical alerts wait.
func TestAnAlertmanagerConfigurationBecomesAGuardians(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("hook", "https://hooks.slack.com/services/T0/B0/secret\n")
	theirs := write("alertmanager.yml", `
global: {slack_api_url_file: hook}
route:
  receiver: team
  group_wait: 10s
  routes:
    - {matchers: [severity="critical"], receiver: pager, group_wait: 0s}
    - {matchers: [alertname="Watchdog"], receiver: nobody}
receivers:
  - name: team
    slack_configs: [{}]
    webhook_configs: [{url: "http://127.0.0.1:9/"}]
  - {name: pager, pagerduty_configs: [{}]}
  - name: nobody
`)
	converted, notes, code := called("import", "alertmanager", theirs)
	if code != 0 {
		t.Fatalf("exits %d: %s", code, notes)
	}
	for _, want := range []string{
		theirs + ":13: receivers[1].pagerduty_configs[0]: has no counterpart",
		"routes.routes[0]: critical alerts that this route sends to pager wait: group_wait 0s, group_interval 5m",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes do not say %q:\n%s", want, notes)
		}
	}
	if strings.Contains(converted+notes, "secret") {
		t.Errorf("a secret was read from its file:\n%s%s", converted, notes)
	}
	ours := write("guardian.yaml", converted)
	if out, _, code := called("check", ours); code != 1 || !strings.Contains(out, "receivers[2]: has no kind") || strings.Count(out, "\n") != 1 {
		t.Errorf("check exits %d and says:\n%s\n%s", code, out, converted)
	}
	write("guardian.yaml", strings.Replace(converted, "- name: pager\n", "- name: pager\n    webhook: {url: \"http://127.0.0.1:9/\"}\n", 1))
	out, _, code := called("check", ours)
	if code != 0 || !strings.Contains(out, "warning: critical alerts that this route sends to pager wait") || strings.Contains(out, "nobody") {
		t.Errorf("check exits %d and says:\n%s", code, out)
	}
	for labels, want := range map[string]string{"severity=critical": "pager", "severity=warning": "team-slack,team-webhook", "alertname=Watchdog": "nobody"} {
		if out, errs, code := called("test", "routes", "--config", ours, "--expect", want, labels); code != 0 {
			t.Errorf("%s does not go to %s: %s%s", labels, want, out, errs)
		}
		if _, errs, code := called("test", "routes", "--config", ours, "--expect", "x", labels); code != 1 || !strings.Contains(errs, "expected x, got "+want) {
			t.Errorf("%s goes to x too: %s", labels, errs)
		}
	}
	out, _, _ = called("test", "routes", "--config", ours, "severity=critical")
	if want := `pager  route {}/{severity="critical"}, group {}, group_wait 0s, group_interval 5m, repeat_interval 4h` + "\n"; out != want {
		t.Errorf("got  %swant %s", out, want)
	}
	plain := write("plain.yaml", "receivers: [{name: a, webhook: {url: \"http://127.0.0.1:9/\"}}]\nroutes: {receiver: a}")
	out, _, _ = called("test", "routes", "--config", plain, "severity=page", "service=x")
	if want := `a  route {}, group {service="x", tier="critical"}, group_wait 0s, group_interval 10s, repeat_interval 4h` + "\n"; out != want {
		t.Errorf("got  %swant %s", out, want)
	}
	for args, code := range map[string]int{"import alertmanager " + filepath.Join(dir, "none"): 2, "import alertmanager " + filepath.Join(dir, "hook"): 1, "test routes --config " + ours + " x": 2} {
		if _, errs, got := called(strings.Fields(args)...); got != code || errs == "" {
			t.Errorf("guardian %s exits %d, want %d: %s", args, got, code, errs)
		}
	}
}
