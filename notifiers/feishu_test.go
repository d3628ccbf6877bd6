package notifiers_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guardian/internal/secret"
	"guardian/notifiers"
	"guardian/notifiers/notifiertest"
	"guardian/test/fake/chat/feishu"
)

func TestFeishuKeepsTheContract(t *testing.T) {
	notifiertest.Run(t, notifiertest.Messenger{
		Build: func(t *testing.T, base string, env notifiers.Env) notifiers.Channel {
			t.Helper()
			env.Now = func() time.Time { return time.Unix(1700000000, 0) } // the signature is in the body: the same notice is the same message
			return build(t, "feishu", &notifiers.FeishuSettings{
				Webhook: secret.New(base + "/open-apis/bot/v2/hook/feishu-token-0123456789"), Secret: secret.New("feishusecret"),
				Keywords: []string{"告警"}, At: notifiers.FeishuAt{OpenIDs: []string{"ou_1"}},
			}, env)
		},
		Secrets:  []string{"feishu-token-0123456789", "feishusecret"},
		Accepted: `{"code":0,"msg":"success","data":{}}`,
		Refused: []string{
			"", "ok", "{}", `{"msg":"success"}`, `{"code":"0"}`, "<html>login</html>", `{"StatusCode":0}`,
			`{"code":11232,"msg":"frequency limited psm"}`, `{"code":19021,"msg":"sign match fail"}`, `{"code":9499,"msg":"too many request"}`,
		},
		MaxBytes: feishu.MaxBytes,
	})
}

// The expected value was computed independently of this code.
func TestFeishusSignature(t *testing.T) {
	if got, want := notifiers.SignFeishu(secret.New("feishu-secret"), 1700000000), "OrBzY1Y01Gq+HgJsl+7OfWcMVwc7YocohQm5iiZwjhU="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFeishuAcceptsNotices(t *testing.T) {
	bot := feishu.New(feishu.WithSecret("abc+/="), feishu.WithKeywords("监控", "告警"))
	defer bot.Close()
	c := build(t, "feishu", &notifiers.FeishuSettings{
		Webhook: secret.New(bot.URL()), Secret: secret.New("abc+/="), Keywords: []string{"监控", "告警"},
		At: notifiers.FeishuAt{OpenIDs: []string{"ou_1", "ou_2"}, All: true},
	}, notifiers.Env{})
	n := outage()
	n.Text += "\n<at id=all></at>"
	quiet := n
	quiet.Mention, quiet.Tone, quiet.Title = false, notifiers.Good, "告警：推单恢复"
	for _, n := range []notifiers.Notice{n, quiet} {
		if err := c.Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	got := bot.Messages()
	ping := got[0]
	if !slices.Equal(ping.Ats, []string{"ou_1", "ou_2", "all"}) || ping.Color != "red" || ping.Type != "interactive" {
		t.Errorf("got %+v, want a red card that pings ou_1, ou_2 and all", ping)
	}
	if len(ping.Buttons) != 1 || ping.Buttons[0] != (feishu.Button{Title: "详情", URL: "https://guardian.example.com/watches/w_1"}) {
		t.Errorf("buttons %+v", ping.Buttons)
	}
	for _, want := range []string{"自 10:00 起\n仍在失败", "**当前值**：0.8", "1. 看一看", "监控"} {
		if !strings.Contains(ping.Text, want) {
			t.Errorf("the text lacks %q:\n%s", want, ping.Text)
		}
	}
	if strings.Contains(ping.Text, "> **") {
		t.Errorf("cards of Feishu show no quotations:\n%s", ping.Text)
	}
	if !strings.Contains(ping.Title, "监控") || !strings.Contains(ping.Title, "🔴 推单失败") {
		t.Errorf("title %q", ping.Title)
	}
	if len(got[1].Ats) != 0 || got[1].Color != "green" || strings.Contains(got[1].Title, "监控") {
		t.Errorf("a notice that need not ping does, or has the wrong colour or keyword: %+v", got[1])
	}
}

func TestFeishuAcceptsLongNotices(t *testing.T) {
	bot := feishu.New(feishu.WithSecret("s"), feishu.WithKeywords("告警"))
	defer bot.Close()
	c := build(t, "feishu", &notifiers.FeishuSettings{
		Webhook: secret.New(bot.URL()), Secret: secret.New("s"), Keywords: []string{"告警"}, At: notifiers.FeishuAt{All: true},
	}, notifiers.Env{})
	for _, unit := range []string{"订单推送失败。", `&"<`, "🔥👩‍👧", "order ", "[a](b) # > *"} {
		for _, size := range []int{1, 3000, 6500, 20480, 50000} {
			long := strings.Repeat(unit, size/len([]rune(unit))+1)
			n := outage()
			n.Title, n.Text = long, long
			for range size / 500 {
				n.Facts = append(n.Facts, notifiers.Fact{Name: "名", Value: long})
				n.Steps = append(n.Steps, long)
			}
			bot.Forgive()
			if err := c.Send(t.Context(), n); err != nil {
				t.Errorf("%q, %d characters: %v", unit, size, err)
			}
			m := bot.Messages()[len(bot.Messages())-1]
			if len(m.Ats) != 1 || len(m.Buttons) != 1 || !strings.Contains(m.Title, "告警") {
				t.Errorf("%q, %d characters: shortening took the ping, the button or the keyword away: %+v", unit, size, m)
			}
		}
	}
}

func TestFeishusErrorsSayWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		bot    []feishu.Option
		change func(*notifiers.FeishuSettings)
		env    notifiers.Env
		want   string
	}{
		"a wrong secret":       {change: func(s *notifiers.FeishuSettings) { s.Secret = secret.New("bad") }, want: "set secret to that of the bot"},
		"no secret":            {change: func(s *notifiers.FeishuSettings) { s.Secret = secret.Secret{} }, want: "set secret to that of the bot"},
		"a clock off by hours": {env: notifiers.Env{Now: func() time.Time { return time.Now().Add(-3 * time.Hour) }}, want: "check this machine's clock"},
		"no keyword":           {change: func(s *notifiers.FeishuSettings) { s.Keywords = nil }, want: "set keywords"},
		"another address":      {bot: []feishu.Option{feishu.WithAllowList()}, want: "add this machine's address"},
		"a wrong address":      {change: func(s *notifiers.FeishuSettings) { s.Webhook = secret.New(s.Webhook.Reveal() + "1") }, want: "copy the bot's address again"},
	} {
		t.Run(name, func(t *testing.T) {
			bot := feishu.New(append(c.bot, feishu.WithSecret("good"), feishu.WithKeywords("告警"))...)
			defer bot.Close()
			s := notifiers.FeishuSettings{Webhook: secret.New(bot.URL()), Secret: secret.New("good"), Keywords: []string{"告警"}}
			if c.change != nil {
				c.change(&s)
			}
			err := build(t, "feishu", &s, c.env).Send(t.Context(), outage())
			var permanent *notifiers.Permanent
			if !errors.As(err, &permanent) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %T %v, want a permanent error that says %q", err, err, c.want)
			}
		})
	}
}

func TestFeishusCodes(t *testing.T) {
	for _, c := range []struct {
		status  int
		body    string
		retry   bool
		penalty time.Duration
	}{
		{400, `{"code":9499,"msg":"too many request"}`, true, time.Minute},
		{200, `{"code":9499,"msg":"too many request"}`, true, time.Minute},
		{400, `{"code":9499,"msg":"Bad Request"}`, false, 0},
		{200, `{"code":11232,"msg":"frequency limited psm"}`, true, 20 * time.Second},
		{200, `{"code":19036,"msg":"exceeds size limit"}`, false, 0},
		{200, `{"code":19007,"msg":"Bot Not Enabled"}`, false, 0},
		{400, `{"code":123456,"msg":"unknown"}`, true, 0},
		{400, `not json`, false, 0},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = fmt.Fprint(w, c.body)
		}))
		err := build(t, "feishu", &notifiers.FeishuSettings{Webhook: secret.New(s.URL + "/open-apis/bot/v2/hook/x")}, notifiers.Env{}).Send(t.Context(), outage())
		s.Close()
		var retry *notifiers.Retry
		if err == nil || errors.As(err, &retry) != c.retry || (c.retry && (retry.Penalty != (c.penalty > 0) || retry.After != c.penalty)) {
			t.Errorf("%d %s: got %T %v", c.status, c.body, err, err)
		}
	}
}

// At the full and half hour what is not critical waits; what is critical does not.
func TestFeishusFullHourIsAvoided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{}
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: m, Budget: notifiers.Builtin()["feishu"].Budget}})
		k.start()
		half := time.Now().Truncate(30 * time.Minute).Add(30 * time.Minute)
		time.Sleep(time.Until(half) - time.Minute)
		k.put("oncall", "warning", "a/before")
		pass(time.Minute - time.Second) // 29:59
		k.put("oncall", "warning", "b/warning")
		k.put("oncall", "critical", "c/critical")
		pass(time.Minute)
		k.put("oncall", "info", "d/after")
		pass(time.Second)
		var got []string
		for _, c := range m.all() {
			got = append(got, c.notice.Title+" "+c.at.Sub(half).String())
		}
		if want := []string{"before -1m0s", "critical -1s", "warning 20s", "after 59s"}; !slices.Equal(got, want) {
			t.Errorf("sent %q, want %q", got, want)
		}
	})
}
