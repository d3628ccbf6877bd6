package e2e_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"guardian/test/fake/chat/dingtalk"
)

// TestCommandsInDingTalk: what fires is listed and acknowledged from the group, in the name of the person of the
// configuration, also by a guardian that started again; a group that is not configured learns its ID.
func TestCommandsInDingTalk(t *testing.T) {
	t.Parallel()
	ding, app := dingtalk.New(), dingtalk.NewApp()
	t.Cleanup(ding.Close)
	t.Cleanup(app.Close)
	g := newGuardian(t, fmt.Sprintf(`
server: {listen: "LISTEN"}
storage: {path: data}
services: [{name: orders, watch: {grace: 0s}}]
checks: [{name: push, service: orders, every: 1s, http: {url: "http://127.0.0.1:1/"}}]
rules: [rules.yaml]
receivers: [{name: group, language: zh, dingtalk: {webhook: %q, app: {client_id: %q, client_secret: %q, conversation_id: cidOrders, api_url: %q}}}]
routes: {receiver: group}
people: [{name: wei, full_name: 王伟, dingtalk: manager7}]
`, ding.URL(), app.ClientID, app.ClientSecret, app.URL()), map[string]string{"rules.yaml": "groups: [{name: a, interval: 1s, rules: [{alert: Down, expr: 'probe_success == 0', labels: {tier: critical}}]}]"})
	g.Start()
	eventually(t, "the message", func() bool { return len(ding.Messages()) > 0 })
	eventually(t, "the connection", func() bool { return app.Connected() == 1 })
	say := func(id, group, text string) string {
		t.Helper()
		before := len(app.Replies())
		if err := app.Say(t.Context(), dingtalk.Said{Conversation: group, StaffID: "manager7", Nick: "Wei", Text: text, ID: id}, nil); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the answer", func() bool { return len(app.Replies()) > before })
		return app.Replies()[before]
	}
	found := regexp.MustCompile(`(?m)^([0-9a-f]{4})  🔴 .*Down`).FindStringSubmatch(say("m1", "cidOrders", "状态"))
	if found == nil {
		t.Fatalf("the answers are %q", app.Replies())
	}
	if text := say("m2", "cidStranger", "确认 "+found[1]); !strings.Contains(text, "conversation_id: cidStranger") {
		t.Errorf("another group is answered %q", text)
	}
	g.Kill()
	g.Start()
	eventually(t, "another connection", func() bool { return app.Connected() == 2 })
	if text := say("m3", "cidOrders", "确认 "+found[1]+" 正在看"); !strings.Contains(text, "王伟 已确认：") {
		t.Errorf("it is answered %q", text)
	}
	if acks := read(t, g.URL+"/api/v1/acks"); strings.Count(acks, `"by"`) != 1 || !strings.Contains(acks, `"wei, in DingTalk"`) || !strings.Contains(acks, "正在看") {
		t.Errorf("acknowledgements %s", acks)
	}
	if code := g.Stop(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	if log := g.Log.String(); strings.Contains(log, app.ClientSecret) || strings.Contains(log, "ticket=") {
		t.Errorf("a secret is in the log: %s", log)
	}
}
