package notifiers_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"

	"guardian/internal/secret"
	"guardian/notifiers"
	"guardian/test/fake/chat/slack"
)

// The example of Slack's documentation, which computes a signature step by step.
func TestSlacksSignatureIsTheOneOfItsDocumentation(t *testing.T) {
	const body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner" +
		"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	const want = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
	if got := notifiers.SignSlack(secret.New("8f742231b10e8888abcd99yyyzzz85a5"), 1531420618, []byte(body)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

const signing = "8f742231b10e8888abcd99yyyzzz85a5"

// pressed is a message with buttons, and the call of a click on one of them.
func pressed(t *testing.T, w *slack.Server, c slack.Click) (notifiers.SlackClicks, http.Header, []byte) {
	t.Helper()
	settings := botOf(w)
	settings.SigningSecret = secret.New(signing)
	n := outage()
	n.Links = append(n.Links, notifiers.Link{Text: "确认", Button: &notifiers.Button{ID: "ack", Value: "for q_1"}}, notifiers.Link{Text: "静默", Button: &notifiers.Button{ID: "silence", Value: "for q_1, too"}})
	if err := build(t, "slack", settings, notifiers.Env{}).Send(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	c.To, c.TS = "http://guardian.example.com/api/slack/actions", w.Shown()[0].TS
	if c.Secret == "" {
		c.Secret = signing
	}
	if c.Action == "" {
		c.Action = "guardian_ack"
	}
	if c.By == (slack.User{}) {
		c.By = slack.User{ID: "U012AB3CD", Name: "lin.yue"}
	}
	r, err := w.Call(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	clicks, ok := notifiers.NewSlackClicks(settings, notifiers.Env{})
	if !ok {
		t.Fatal("the bot has no buttons")
	}
	return clicks, r.Header, body
}

func TestAClickInSlackIsRead(t *testing.T) {
	w := slack.New()
	defer w.Close()
	clicks, header, body := pressed(t, w, slack.Click{})
	got, err := clicks.Read(header, body, time.Now())
	if err != nil || got.Button != (notifiers.Button{ID: "ack", Value: "for q_1"}) || got.UserID != "U012AB3CD" || got.UserName != "lin.yue" || got.Once == "" {
		t.Errorf("got %+v, %v", got, err)
	}
	// What is accepted here is accepted by Slack's own library.
	v, err := slackgo.NewSecretsVerifier(header, signing)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Write(body); err != nil || v.Ensure() != nil {
		t.Errorf("slack-go refuses it: %v, %v", err, v.Ensure())
	}
}

func TestACallThatIsNotSlacksIsRefused(t *testing.T) {
	w := slack.New()
	defer w.Close()
	now := time.Now()
	for name, c := range map[string]struct {
		click  slack.Click
		change func(h http.Header, body []byte) []byte
		want   error
	}{
		"another secret": {click: slack.Click{Secret: "another"}, want: notifiers.ErrSlackSignature},
		"another body":   {change: func(_ http.Header, b []byte) []byte { return append(b, "&x=y"...) }, want: notifiers.ErrSlackSignature},
		"no signature":   {change: func(h http.Header, b []byte) []byte { h.Del("X-Slack-Signature"); return b }, want: notifiers.ErrSlackSignature},
		"no time":        {change: func(h http.Header, b []byte) []byte { h.Del("X-Slack-Request-Timestamp"); return b }, want: notifiers.ErrSlackSignature},
		"another time": {change: func(h http.Header, b []byte) []byte {
			h.Set("X-Slack-Request-Timestamp", strconv.FormatInt(now.Unix()+1, 10))
			return b
		}, want: notifiers.ErrSlackSignature},
		"six minutes ago":  {click: slack.Click{At: now.Add(-6 * time.Minute)}, want: notifiers.ErrSlackTime},
		"in six minutes":   {click: slack.Click{At: now.Add(6 * time.Minute)}, want: notifiers.ErrSlackTime},
		"four minutes ago": {click: slack.Click{At: now.Add(-4 * time.Minute)}},
		"an older signature": {change: func(h http.Header, b []byte) []byte {
			h.Set("X-Slack-Signature", strings.Replace(h.Get("X-Slack-Signature"), "v0=", "v1=", 1))
			return b
		}, want: notifiers.ErrSlackSignature},
	} {
		clicks, header, body := pressed(t, w, c.click)
		if c.change != nil {
			body = c.change(header, body)
		}
		if _, err := clicks.Read(header, body, now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		} else if err != nil && strings.Contains(err.Error(), signing) {
			t.Errorf("%s: the error has the secret: %v", name, err)
		}
	}
}

func TestACallOfAnotherKindIsRefused(t *testing.T) {
	w := slack.New()
	defer w.Close()
	clicks, _, _ := pressed(t, w, slack.Click{})
	now := time.Now()
	for name, payload := range map[string]string{
		"not JSON":           "x",
		"a shortcut":         `{"type":"shortcut","user":{"id":"U1"},"channel":{"id":"C0ALERTS"}}`,
		"a button of others": `{"type":"block_actions","user":{"id":"U1"},"channel":{"id":"C0ALERTS"},"actions":[{"type":"button","block_id":"b","action_id":"deploy","value":"x"}]}`,
		"another channel":    `{"type":"block_actions","user":{"id":"U1"},"channel":{"id":"C0OTHER"},"actions":[{"type":"button","block_id":"b","action_id":"guardian_ack","value":"x"}]}`,
		"nobody":             `{"type":"block_actions","channel":{"id":"C0ALERTS"},"actions":[{"type":"button","block_id":"b","action_id":"guardian_ack","value":"x"}]}`,
	} {
		body := []byte(url.Values{"payload": {payload}}.Encode())
		header := http.Header{}
		header.Set("X-Slack-Request-Timestamp", strconv.FormatInt(now.Unix(), 10))
		header.Set("X-Slack-Signature", notifiers.SignSlack(secret.New(signing), now.Unix(), body))
		if _, err := clicks.Read(header, body, now); !errors.Is(err, notifiers.ErrSlackCall) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What was done is in the message, in place of the button; the rest of the message stays.
func TestAMessageInSlackSaysWhatWasDone(t *testing.T) {
	w := slack.New()
	defer w.Close()
	clicks, header, body := pressed(t, w, slack.Click{})
	before := w.Shown()[0]
	if !strings.Contains(before.Body, `"action_id":"guardian_ack"`) || strings.Contains(before.All(), "for q_1") {
		t.Fatalf("the message is %s", before.Body)
	}
	click, err := clicks.Read(header, body, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := clicks.Done(t.Context(), click, "王伟 <!channel> 已确认"); err != nil {
		t.Fatal(err)
	}
	after := w.Shown()[0]
	if len(w.Shown()) != 1 || strings.Contains(after.Body, "guardian_ack") || !strings.Contains(after.Body, `"action_id":"guardian_silence"`) ||
		!strings.Contains(after.Body, "王伟 &lt;!channel&gt; 已确认") && !strings.Contains(after.Body, `王伟 \u0026lt;!channel\u0026gt; 已确认`) || !strings.Contains(after.All(), before.Parts[1]) {
		t.Errorf("the message is %s", after.Body)
	}
	if err := clicks.Reply(t.Context(), click, "链接已过期"); err != nil {
		t.Fatal(err)
	}
	if all := w.Shown(); len(all) != 2 || !all[1].Private || all[1].Text != "链接已过期" {
		t.Errorf("answered %+v", all)
	}
}
