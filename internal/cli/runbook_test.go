package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guardian/internal/cli"
)

const runbookConfig = `
services: [{name: orders, watch: {for: 30m, mode: auto}, rollback: back, known_good: [v1]}]
checks: [{name: push, service: orders, every: 15s, http: {url: "http://127.0.0.1:1/"}}]
runbooks:
  - name: back
    steps:
      - {name: stop, freeze: {for: 2h}}
      - {name: deploy, webhook: {url: "https://deploy.example.com/", body: '{"version": {{json .To}}}', headers: {Authorization: "Bearer hunter2-token-123456"}}}
    verify: {checks: [push]}
  - {name: empty-handed, verify: {for: 0s}, on_failure: continue, steps: [{exec: {command: ["true"]}}]}
on_alert: [{match: {service: orders, tier: critical}, runbook: back, mode: approve}]
`

func TestARunbookIsPrintedAsAChecklist(t *testing.T) {
	file := filepath.Join(t.TempDir(), "guardian.yaml")
	if err := os.WriteFile(file, []byte(runbookConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		want []string
	}{
		"all": {[]string{"runbook"}, 0, []string{"back: stop, deploy; started by a failed deploy of orders in production, at once; an alert with service=\"orders\", tier=\"critical\", after approval; a person", "empty-handed: exec; started by a person"}},
		"one": {[]string{"runbook", "show", "back"}, 0, []string{
			"# Runbook back", "- [ ] a failed deploy of orders in production, at once", "without an answer within 30m it is not started", "at most 3 runs within 24 hours",
			"1. [ ] **stop** (freeze, within 5m)", "   - headers.Authorization: `<secret>`", "   - body: `{\"version\": {{json .To}}}`", "the run has failed, and a person goes on", "- [ ] the check push is up",
		}},
		"one that verifies nothing": {[]string{"runbook", "show", "empty-handed"}, 0, []string{"the next one follows", "nothing is verified"}},
		"as JSON":                   {[]string{"runbook", "show", "back", "--output", "json"}, 0, []string{`"by":"verdict"`, `"kind":"freeze"`}},
		"one that there is not":     {[]string{"runbook", "show", "bak"}, 2, []string{`there is no runbook "bak"; did you mean "back"? known are back, empty-handed`}},
	} {
		t.Run(name, func(t *testing.T) {
			var out, told bytes.Buffer
			code := cli.Main(append(c.args, "--config", file), strings.NewReader(""), &out, &told)
			text := out.String() + told.String()
			if code != c.code || strings.Contains(text, "hunter2") {
				t.Errorf("exit %d:\n%s", code, text)
			}
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("it does not say %q:\n%s", want, text)
				}
			}
		})
	}
}
