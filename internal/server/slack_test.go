package server_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"guardian/internal/chatops"
	"guardian/internal/secret"
	"guardian/internal/server"
	"guardian/notifiers"
	"guardian/rules"
)

// clickOn sends what Slack sends when lin.yue clicks a button whose value is a signed request.
func clickOn(t *testing.T, base, button, value, key string, at time.Time) answer {
	t.Helper()
	payload, err := json.Marshal(map[string]any{
		"type": "block_actions", "user": map[string]any{"id": "U012AB3CD", "name": "lin.yue"}, "channel": map[string]any{"id": "C0ALERTS"},
		"container": map[string]any{"message_ts": "1.2"}, "message": map[string]any{"text": "down"},
		"actions": []any{map[string]any{"type": "button", "block_id": "b", "action_id": "guardian_" + button, "value": value}},
	})
	if err != nil {
		t.Fatal(err)
	}
	body := url.Values{"payload": {string(payload)}}.Encode()
	return send(t, base, http.MethodPost, "/api/slack/actions", body, "Content-Type", "application/x-www-form-urlencoded",
		"X-Slack-Request-Timestamp", strconv.FormatInt(at.Unix(), 10), "X-Slack-Signature", notifiers.SignSlack(secret.New(key), at.Unix(), []byte(body)))
}

func valueOf(action chatops.Action, delivery string) string {
	_, text, _ := strings.Cut(link(action, delivery), "?t=")
	return text
}

func clickedOn(m *memory) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.clicked
}

func TestAClickInSlackActsAndIsAnswered(t *testing.T) {
	m := secured()
	base := serve(t, m, nil)
	if got := clickOn(t, base, "ack", valueOf(chatops.Acknowledge, "q_1"), slackSecret, fixedNow()); got.status != 200 || got.body != "" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if ack := ackOf(m, "a_1"); ack == nil || ack.By != "lin.yue, in Slack" {
		t.Errorf("acknowledged: %+v", ack)
	}
	eventually(t, func() bool { return len(clickedOn(m)) == 1 })
	if got := clickOn(t, base, "silence", valueOf(chatops.Silence, "q_1"), slackSecret, fixedNow()); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	eventually(t, func() bool { return len(clickedOn(m)) == 2 })
	if got := clickOn(t, base, "ack", valueOf(chatops.Acknowledge, "q_1"), slackSecret, fixedNow().Add(time.Second)); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	eventually(t, func() bool { return len(clickedOn(m)) == 3 })
	want := "true ✅ lin.yue 已于 18:15:00 确认|true 🔕 lin.yue 已设置静默，至 20:15:00 结束|false 已由 lin.yue（在 Slack 中） 于 18:15:00 确认。"
	if got := strings.Join(clickedOn(m), "|"); got != want {
		t.Errorf("answered\n%s, want\n%s", got, want)
	}
}

func TestAClickThatMayNotActIsAnsweredWithWords(t *testing.T) {
	for name, c := range map[string]struct {
		button, value string
		change        func(*memory)
		says          string
	}{
		"resolved":                  {"ack", valueOf(chatops.Acknowledge, "q_1"), func(m *memory) { m.alerts[1].State = rules.Resolved }, "false 告警已经恢复"},
		"a value of another action": {"silence", valueOf(chatops.Acknowledge, "q_1"), nil, "false This link is not for this action."},
		"a value that was made up":  {"ack", "x.y.z.w", nil, "false The link is not valid"},
		"an approval":               {"approve", valueOf(chatops.Acknowledge, "q_1"), nil, "false This link is not for this action."},
	} {
		t.Run(name, func(t *testing.T) {
			m := secured()
			if c.change != nil {
				c.change(m)
			}
			if got := clickOn(t, serve(t, m, nil), c.button, c.value, slackSecret, fixedNow()); got.status != 200 {
				t.Fatalf("%d %s", got.status, got.body)
			}
			eventually(t, func() bool { return len(clickedOn(m)) == 1 })
			if got := clickedOn(m)[0]; !strings.HasPrefix(got, c.says) || ackOf(m, "a_1") != nil || len(m.silences) != 1 || m.runs[0].State != "awaiting_approval" {
				t.Errorf("answered %q, %+v", got, ackOf(m, "a_1"))
			}
		})
	}
}

func TestACallThatSlackDidNotMakeIsRefused(t *testing.T) {
	m := secured()
	var log bytes.Buffer
	base := serve(t, m, func(o *server.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	value := valueOf(chatops.Acknowledge, "q_1")
	if got := clickOn(t, base, "ack", value, "another secret", fixedNow()); got.status != 401 || !strings.Contains(got.body, "signing_secret") {
		t.Errorf("another secret: %d %s", got.status, got.body)
	}
	if got := clickOn(t, base, "ack", value, slackSecret, fixedNow().Add(-301*time.Second)); got.status != 401 || !strings.Contains(got.body, "five minutes") {
		t.Errorf("too old: %d %s", got.status, got.body)
	}
	if got := send(t, base, http.MethodPost, "/api/slack/actions", "payload=x", "Authorization", "Bearer the admin"); got.status != 401 {
		t.Errorf("a token in place of the signature: %d %s", got.status, got.body)
	}
	if ackOf(m, "a_1") != nil {
		t.Fatal("one of them acted")
	}
	if got := clickOn(t, base, "ack", value, slackSecret, fixedNow()); got.status != 200 {
		t.Errorf("Slack's call: %d %s", got.status, got.body)
	}
	if got := clickOn(t, base, "ack", value, slackSecret, fixedNow()); got.status != 409 || !strings.Contains(got.body, "made before") {
		t.Errorf("the same call again: %d %s", got.status, got.body)
	}
	if text := log.String(); strings.Contains(text, value) || strings.Contains(text, slackSecret) || !strings.Contains(text, "lin.yue, in Slack") {
		t.Errorf("the log is\n%s", text)
	}
}

// A standby passes a click on as it was signed.
func TestAStandbyPassesAClickOn(t *testing.T) {
	leads, stands := secured(), secured()
	stands.standby = true
	active := serve(t, leads, nil)
	base := serve(t, stands, func(o *server.Options) { o.Active = func() (bool, string) { return false, active } })
	if got := clickOn(t, base, "ack", valueOf(chatops.Acknowledge, "q_1"), slackSecret, fixedNow()); got.status != 200 || ackOf(leads, "a_1") == nil || ackOf(stands, "a_1") != nil {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen")
		}
	}
}
