package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// guardian check --messages shows what templates make of each kind of notice, in the receiver's language.
func TestCheckShowsMessages(t *testing.T) {
	file := filepath.Join(t.TempDir(), "guardian.yaml")
	if err := os.WriteFile(file, []byte(`
receivers:
  - name: group
    language: zh
    wecom: {webhook: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=a-key-of-a-robot"}
    templates: {title: '值班 {{.Title}}', text: '{{.Status}}：{{.Text}}', without: [facts]}
  - name: log
    webhook: {url: "https://log.example.com/"}
routes: {receiver: group}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := runCLI(t, "", "check", "--messages", file)
	for _, want := range []string{
		"--- group: alert firing\n🔴 值班 【严重】order-sync：推单失败\n\nfiring：18:02:10 起异常。", "--- group: alert resolved\n🟢 值班 【已恢复】", "resolved：18:09:40",
		"--- group: watch failed\n", "--- group: run awaiting_approval\n🟠 值班 【待批准】", "--- group: digest\n🔴 值班 3 条通知合并",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("exit code %d, it does not show %q:\n%s%s", code, want, out, errs)
		}
	}
	if code != 0 || strings.Contains(out, "当前值") || strings.Contains(out, "--- log") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if code, out, _ := runCLI(t, "", "check", "--messages", "--output", "json", file); code != 0 || !strings.Contains(out, `"example":"run awaiting_approval"`) {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}
