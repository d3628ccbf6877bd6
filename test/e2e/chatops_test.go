package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"guardian/test/fake/chat/dingtalk"
	"guardian/test/fake/chat/slack"
)

// linkIn finds the link of an action in a message, as a person finds it by its text.
func linkIn(m dingtalk.Message, text string) string {
	for _, b := range m.Buttons {
		if b.Title == text {
			return b.URL
		}
	}
	if found := regexp.MustCompile(`\[` + text + `\]\(([^)]+)\)`).FindStringSubmatch(m.Text); found != nil {
		return found[1]
	}
	return ""
}

// phone is a browser without a session, which runs no JavaScript.
func phone(t *testing.T, method, address string, form url.Values) (status int, page string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Language", "zh-CN")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

// TestAnAlertIsAcknowledgedFromItsMessage: a link of the message leads to a page that asks, a second
// click acknowledges, also after a crash; and nothing but the message has the signature.
func TestAnAlertIsAcknowledgedFromItsMessage(t *testing.T) {
	t.Parallel()
	ding := dingtalk.New(dingtalk.WithSecret("SECe2e"))
	t.Cleanup(ding.Close)
	g := newGuardian(t, fmt.Sprintf(`
server: {listen: "LISTEN", external_url: "http://LISTEN"}
storage: {path: data}
services: [{name: orders, watch: {grace: 0s}}]
checks: [{name: push, service: orders, every: 1s, http: {url: "http://127.0.0.1:1/"}}]
rules: [rules.yaml]
receivers: [{name: dingtalk-oncall, language: zh, dingtalk: {webhook: %q, secret: SECe2e}}]
routes: {receiver: dingtalk-oncall}
`, ding.URL()), map[string]string{"rules.yaml": "groups: [{name: a, interval: 1s, rules: [{alert: Down, expr: 'probe_success == 0', labels: {tier: critical}}]}]"})
	g.Start()
	eventually(t, "the message", func() bool { return len(ding.Messages()) > 0 })
	message := ding.Messages()[0]
	ack, silence := linkIn(message, "确认"), linkIn(message, "静默 2 小时")
	if !strings.HasPrefix(ack, g.URL+"/act/ack?t=") || !strings.HasPrefix(silence, g.URL+"/act/silence?t=") {
		t.Fatalf("the message has no links to act with: %s", message.Body)
	}

	status, page := phone(t, http.MethodGet, ack, nil)
	form := regexp.MustCompile(`action="(/act/ack)">\s*<input type="hidden" name="t" value="([^"]+)"`).FindStringSubmatch(page)
	if status != http.StatusOK || form == nil || !strings.Contains(page, "Down") {
		t.Fatalf("the page: %d\n%s", status, page)
	}
	if _, again := phone(t, http.MethodGet, ack, nil); !strings.Contains(again, form[2]) {
		t.Error("to look at the page changed something")
	}
	g.Kill()
	g.Start() // the key of the links is kept
	if status, page = phone(t, http.MethodPost, g.URL+form[1], url.Values{"t": {form[2]}}); status != http.StatusOK || !strings.Contains(page, "已由 接收方 dingtalk-oncall（通过消息链接） 于") {
		t.Fatalf("the second click: %d\n%s", status, page)
	}
	if status, page = phone(t, http.MethodPost, g.URL+form[1], url.Values{"t": {form[2]}}); status != http.StatusConflict || !strings.Contains(page, "每个链接只能使用一次") {
		t.Errorf("used again: %d\n%s", status, page)
	}
	if status, _ = phone(t, http.MethodPost, g.URL+"/act/silence", url.Values{"t": {form[2]}}); status != http.StatusForbidden {
		t.Errorf("used for another action: %d", status)
	}

	seen := read(t, g.URL+"/api/v1/journal") + read(t, g.URL+"/api/v1/acks")
	if strings.Count(seen, `"receiver dingtalk-oncall, by link"`) != 2 {
		t.Errorf("the journal and the acknowledgements are %s", seen)
	}
	var acks struct{ Acks []struct{ Alert string } }
	if err := json.Unmarshal([]byte(read(t, g.URL+"/api/v1/acks")), &acks); err != nil || len(acks.Acks) != 1 {
		t.Fatalf("acknowledgements %+v, %v", acks, err)
	}
	seen += read(t, g.URL+"/api/v1/alerts/"+acks.Acks[0].Alert+"/notices") + read(t, g.URL+"/api/v1/alerts") + g.Log.String()
	key, err := os.ReadFile(filepath.Join(g.Dir, "data", "links.key"))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(g.Dir, "data", "links.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info.Mode(), err)
	}
	for _, link := range []string{ack, silence} {
		if strings.Contains(seen, link[strings.LastIndexByte(link, '.')+1:]) {
			t.Errorf("the signature of %s is in a log or in the API", link)
		}
	}
	if strings.Contains(seen, strings.TrimSpace(string(key))) {
		t.Error("the key is in a log or in the API")
	}
}

// TestAnAlertIsAcknowledgedInSlack: a click on a button of the bot's message acknowledges, in the name
// of the person of the configuration, and the message says so in place.
func TestAnAlertIsAcknowledgedInSlack(t *testing.T) {
	t.Parallel()
	const signing = "8f742231b10e8888abcd99yyyzzz85a5"
	w := slack.New(slack.WithoutLimit())
	t.Cleanup(w.Close)
	g := newGuardian(t, fmt.Sprintf(`
server: {listen: "LISTEN", language: zh}
storage: {path: data}
services: [{name: orders, watch: {grace: 0s}}]
checks: [{name: push, service: orders, every: 1s, http: {url: "http://127.0.0.1:1/"}}]
rules: [rules.yaml]
receivers: [{name: slack-oncall, slack: {token: %q, channel: C0ALERTS, api_url: %q, signing_secret: %q}}]
routes: {receiver: slack-oncall}
people: [{name: wei, full_name: 王伟, slack: U012AB3CD}]
`, w.Token(), w.API(), signing), map[string]string{"rules.yaml": "groups: [{name: a, interval: 1s, rules: [{alert: Down, expr: 'probe_success == 0', labels: {tier: critical}}]}]"})
	g.Start()
	eventually(t, "the message", func() bool { return len(w.Shown()) > 0 })
	message := w.Shown()[0]
	click := slack.Click{To: g.URL + "/api/slack/actions", Secret: signing, TS: message.TS, Action: "guardian_ack", By: slack.User{ID: "U012AB3CD", Name: "wei.wang"}}

	forged := click
	forged.Secret = "a guess"
	if status, err := w.Press(t.Context(), forged); err != nil || status != http.StatusUnauthorized {
		t.Errorf("a call that is not Slack's: %d, %v", status, err)
	}
	played, err := w.Call(t.Context(), click)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(played.Body)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{http.StatusOK, http.StatusConflict} { // the same call, sent twice
		played.Body = io.NopCloser(strings.NewReader(string(body)))
		answer, err := http.DefaultClient.Do(played)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != want {
			t.Errorf("call %d: %d", i+1, answer.StatusCode)
		}
	}
	eventually(t, "the message says who acknowledged", func() bool { return strings.Contains(w.Shown()[0].Body, "✅ 王伟 已于") })
	if after := w.Shown()[0]; strings.Contains(after.Body, "guardian_ack") || !strings.Contains(after.Body, "guardian_silence") || after.Text != message.Text {
		t.Errorf("the message is %s", after.Body)
	}
	if acks := read(t, g.URL+"/api/v1/acks"); !strings.Contains(acks, `"wei, in Slack"`) {
		t.Errorf("acknowledgements %s", acks)
	}

	silence := click
	silence.Action, silence.By = "guardian_silence", slack.User{ID: "U0OTHER00", Name: "lin.yue"}
	if status, err := w.Press(t.Context(), silence); err != nil || status != http.StatusOK {
		t.Errorf("the other button: %d, %v", status, err)
	}
	eventually(t, "the message says who silenced", func() bool { return strings.Contains(w.Shown()[0].Body, "🔕 lin.yue 已设置静默") })
	if all := read(t, g.URL+"/api/v1/silences"); !strings.Contains(all, `"lin.yue, in Slack"`) {
		t.Errorf("silences %s", all)
	}
	if log := g.Log.String(); strings.Contains(log, signing) || strings.Contains(log, played.Header.Get("X-Slack-Signature")) {
		t.Error("the secret or a signature is in the log")
	}
}

// TestAClickReachesAGuardianThatSlackCannotReach: the leader opens a connection to Slack, and clicks
// come by it.
func TestAClickReachesAGuardianThatSlackCannotReach(t *testing.T) {
	t.Parallel()
	w := slack.New(slack.WithoutLimit())
	t.Cleanup(w.Close)
	g := newGuardian(t, fmt.Sprintf(`
server: {listen: "LISTEN"}
storage: {path: data}
services: [{name: orders, watch: {grace: 0s}}]
checks: [{name: push, service: orders, every: 1s, http: {url: "http://127.0.0.1:1/"}}]
rules: [rules.yaml]
receivers: [{name: slack-oncall, slack: {token: %q, channel: C0ALERTS, api_url: %q, app_token: %q}}]
routes: {receiver: slack-oncall}
`, w.Token(), w.API(), w.AppToken()), map[string]string{"rules.yaml": "groups: [{name: a, interval: 1s, rules: [{alert: Down, expr: 'probe_success == 0', labels: {tier: critical}}]}]"})
	g.Start()
	eventually(t, "the message", func() bool { return len(w.Shown()) > 0 })
	eventually(t, "the connection", func() bool { return w.Connected() > 0 })
	click := slack.Click{TS: w.Shown()[0].TS, Action: "guardian_ack", By: slack.User{ID: "U012AB3CD", Name: "lin.yue"}}
	if err := w.PressBySocket(t.Context(), "e-1", click); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message says who acknowledged", func() bool { return strings.Contains(w.Shown()[0].Body, "✅ Acknowledged by lin.yue at") })
	if acks := read(t, g.URL+"/api/v1/acks"); !strings.Contains(acks, `"lin.yue, in Slack"`) {
		t.Errorf("acknowledgements %s", acks)
	}
	// Slack's own address for clicks is closed: nothing proves that a call comes from Slack.
	click.To, click.Secret, click.Action = g.URL+"/api/slack/actions", "", "guardian_silence"
	if status, err := w.Press(t.Context(), click); err != nil || status != http.StatusUnauthorized {
		t.Errorf("a call: %d, %v", status, err)
	}
	if code := g.Stop(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	if log := g.Log.String(); strings.Contains(log, w.AppToken()) {
		t.Error("the token is in the log")
	}
}
