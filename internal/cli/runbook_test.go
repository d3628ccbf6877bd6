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
  - name: shops
    require: [{check: push}, {name: queue, query: max(queue_depth), max: 100}]
    on_failure: fallback
    worse: undo
    steps:
      - {name: back, shops: [tb, sg], webhook: {url: "https://deploy.example.com/{{.Shop}}"}}
      - {name: caches, when: ['kind="code"'], parallel: [{name: cn, on_failure: continue, webhook: {url: "https://deploy.example.com/cn"}}, {name: sea, webhook: {url: "https://deploy.example.com/sea"}}]}
    fallback: [{name: pause, freeze: {for: 2h}}]
    verify: {for: 15m, success: [{name: order success, query: ok / all, min: 0.995, for: 5m}]}
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
		"all": {[]string{"runbook"}, 0, []string{"back: stop, deploy; started by a failed deploy of orders in production, at once; an alert with service=\"orders\", tier=\"critical\", after approval; a person", "empty-handed: exec; started by a person", "shops: back, cn, sea, and a fallback of 1; started"}},
		"one": {[]string{"runbook", "show", "back"}, 0, []string{
			"# Runbook back", "- [ ] a failed deploy of orders in production, at once", "without an answer within 30m it is not started", "at most 3 runs within 24 hours",
			"1. [ ] **stop** (freeze, within 5m)", "   - headers.Authorization: `<secret>`", "   - body: `{\"version\": {{json .To}}}`", "the run has failed, and a person goes on", "- [ ] the check push is up",
		}},
		"one that verifies nothing": {[]string{"runbook", "show", "empty-handed"}, 0, []string{"the next one follows", "nothing is verified"}},
		"as JSON":                   {[]string{"runbook", "show", "back", "--output", "json"}, 0, []string{`"by":"verdict"`, `"kind":"freeze"`}},
		"one that there is not":     {[]string{"runbook", "show", "bak"}, 2, []string{`there is no runbook "bak"; did you mean "back"? known are back, empty-handed, shops`}},
		"all parts": {[]string{"runbook", "show", "shops"}, 0, []string{
			"- [ ] the check push is up\n- [ ] queue is at most 100 (`max(queue_depth)`)\n- else it is refused", "   - for each of tb, sg that has the version, at the same time", "**cn** (webhook, within 5m, at the same time as the others of caches)",
			"   - only when kind=\"code\"", "   - if it fails, the next one follows", "After a failed step the rest is skipped, and the fallback follows.", "## The fallback\n\n1. [ ] **pause**",
			"- [ ] order success is at least 0.995, for 5m without a break (`ok / all`)", "the rollback is undone, once",
		}},
		"in Chinese": {[]string{"runbook", "show", "shops", "--language", "zh"}, 0, []string{
			"# 预案 shops", "## 执行前必须满足", "- [ ] queue 不高于 100（`max(queue_depth)`）", "对 tb、sg 中已部署该版本的店铺并行执行", "跳过其余步骤，执行备用步骤", "order success 不低于 0.995，持续 5m", "自动撤销本次回滚，仅一次",
		}},
		"in no language": {[]string{"runbook", "show", "shops", "--language", "fr"}, 2, []string{"neither en nor zh"}},
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
