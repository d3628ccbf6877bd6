package notifiers_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"guardian/internal/secret"
	"guardian/notifiers"
	"guardian/test/fake/chat/dingtalk"
	"guardian/test/fake/chat/slack"
)

func outage() notifiers.Notice {
	return notifiers.Notice{
		ID: "n_1", Key: "alert/1", Tier: "critical", Tone: notifiers.Bad, Lang: "zh", Title: "推单失败", Text: "自 10:00 起\n仍在失败", Mention: true,
		Facts: []notifiers.Fact{{Name: "当前值", Value: "0.8"}}, Steps: []string{"看一看"},
		Links: []notifiers.Link{{Text: "详情", URL: "https://guardian.example.com/watches/w_1"}},
	}
}

// The expected value was computed independently of this code.
func TestDingTalksSignature(t *testing.T) {
	key := secret.New("SECtest000000000000000000000000000000000000000000000000000000000")
	if got, want := notifiers.SignDingTalk(key, 1700000000000), "DJod61Wp+rWt00DmyJE4fWVaEOGea2mh0d39CzUkmKE="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDingTalkAcceptsNotices(t *testing.T) {
	robot := dingtalk.New(dingtalk.WithSecret("SECabc+/="), dingtalk.WithKeywords("监控", "告警"))
	defer robot.Close()
	at := notifiers.DingTalkAt{Mobiles: []string{"13800138000", "+65-81234567"}, UserIDs: []string{"manager01"}, All: true}
	c := build(t, "dingtalk", &notifiers.DingTalkSettings{
		Webhook: secret.New(robot.URL()), Secret: secret.New("SECabc+/="), Keywords: []string{"监控", "告警"}, At: at,
	}, notifiers.Env{})

	quiet := outage()
	quiet.Mention = false
	linkless := quiet
	linkless.Links = nil
	linkless.Title = "告警：推单失败"
	for _, n := range []notifiers.Notice{outage(), quiet, linkless} {
		if err := c.Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	got := robot.Messages()

	ping := got[0]
	if ping.Type != "markdown" || len(ping.AtMobiles) != 2 || len(ping.AtUserIDs) != 1 || !ping.AtAll {
		t.Errorf("it does not ping: %+v", ping)
	}
	for _, want := range []string{"@13800138000", "@+65-81234567", "@manager01", "@所有人", "](https://guardian.example.com/watches/w_1)", "**当前值**：0.8", "1. 看一看", "自 10:00 起  \n仍在失败"} {
		if !strings.Contains(ping.Text, want) {
			t.Errorf("the text lacks %q:\n%s", want, ping.Text)
		}
	}
	if !strings.Contains(ping.Title, "监控") || !strings.Contains(ping.Text, "监控") {
		t.Errorf("the keyword is missing in the title %q or the text", ping.Title)
	}
	card := got[1]
	if card.Type != "actionCard" || len(card.Buttons) != 1 || card.Buttons[0].URL != "https://guardian.example.com/watches/w_1" || strings.Contains(card.Text, "@") {
		t.Errorf("a notice with links that pings nobody should be a card: %+v", card)
	}
	plain := got[2]
	if plain.Type != "markdown" || plain.AtMobiles != nil || strings.Contains(plain.Title+plain.Text, "监控") {
		t.Errorf("a notice that holds a keyword should get none: %+v", plain)
	}
}

func TestDingTalksErrorsSayWhatToDo(t *testing.T) {
	good := notifiers.DingTalkSettings{Secret: secret.New("SECgood"), Keywords: []string{"告警"}}
	for name, c := range map[string]struct {
		robot  []dingtalk.Option
		change func(*notifiers.DingTalkSettings)
		env    notifiers.Env
		want   string
	}{
		"a wrong secret":       {change: func(s *notifiers.DingTalkSettings) { s.Secret = secret.New("SECbad") }, want: "set secret to that of the robot"},
		"no secret":            {change: func(s *notifiers.DingTalkSettings) { s.Secret = secret.Secret{} }, want: "set secret to that of the robot"},
		"a clock off by hours": {env: notifiers.Env{Now: func() time.Time { return time.Now().Add(-3 * time.Hour) }}, want: "clock is off by more than an hour"},
		"no keyword":           {change: func(s *notifiers.DingTalkSettings) { s.Keywords = nil }, want: "set keywords"},
		"another address":      {robot: []dingtalk.Option{dingtalk.WithAllowList()}, want: "add this machine's address"},
		"a wrong token": {change: func(s *notifiers.DingTalkSettings) {
			s.Webhook = secret.New(strings.Replace(s.Webhook.Reveal(), "c0ffee", "c0ffe1", 1))
		}, want: "the access_token is not right"},
	} {
		t.Run(name, func(t *testing.T) {
			robot := dingtalk.New(append(c.robot, dingtalk.WithSecret("SECgood"), dingtalk.WithKeywords("告警"))...)
			defer robot.Close()
			s := good
			s.Webhook = secret.New(robot.URL())
			if c.change != nil {
				c.change(&s)
			}
			err := build(t, "dingtalk", &s, c.env).Send(t.Context(), outage())
			var permanent *notifiers.Permanent
			if !errors.As(err, &permanent) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %T %v, want a permanent error that says %q", err, err, c.want)
			}
		})
	}
}

func TestDingTalksCodes(t *testing.T) {
	for _, c := range []struct {
		code    int
		retry   bool
		penalty time.Duration
	}{
		{-1, true, 0},
		{130101, true, 10 * time.Minute},
		{410100, true, 10 * time.Minute},
		{90020, true, time.Hour},
		{90030, true, time.Hour},
		{460101, false, 0},
		{101002, false, 0},
		{400102, false, 0},
		{400013, false, 0},
		{430102, false, 0},
		{123456, true, 0}, // unknown code
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"errcode":%d,"errmsg":"the vendor says why"}`, c.code)
		}))
		err := build(t, "dingtalk", &notifiers.DingTalkSettings{Webhook: secret.New(s.URL + "/robot/send?access_token=abcdefgh")}, notifiers.Env{}).Send(t.Context(), outage())
		s.Close()
		var retry *notifiers.Retry
		if errors.As(err, &retry) != c.retry || (c.retry && (retry.Penalty != (c.penalty > 0) || retry.After != c.penalty)) {
			t.Errorf("errcode %d: got %T %+v", c.code, err, retry)
		}
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(c.code)) || !strings.Contains(err.Error(), "the vendor says why") {
			t.Errorf("errcode %d: %v does not say what the vendor said", c.code, err)
		}
	}
}

func TestTheTwentyFirstMessageOfAMinuteIsAPenalty(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	robot := dingtalk.New(dingtalk.WithNow(func() time.Time { return now }))
	defer robot.Close()
	c := build(t, "dingtalk", &notifiers.DingTalkSettings{Webhook: secret.New(robot.URL())}, notifiers.Env{})
	for range 20 {
		if err := c.Send(t.Context(), outage()); err != nil {
			t.Fatal(err)
		}
	}
	var retry *notifiers.Retry
	for _, after := range []time.Duration{0, 9 * time.Minute} {
		now = now.Add(after)
		if err := c.Send(t.Context(), outage()); !errors.As(err, &retry) || !retry.Penalty {
			t.Errorf("got %v, want a penalty", err)
		}
	}
	now = now.Add(2 * time.Minute)
	if err := c.Send(t.Context(), outage()); err != nil {
		t.Errorf("the punishment is over, but: %v", err)
	}
}

func TestSlackAcceptsNotices(t *testing.T) {
	hook := slack.New()
	defer hook.Close()
	c := build(t, "slack", &notifiers.SlackSettings{Webhook: secret.New(hook.URL()), Mention: "<!subteam^S012AB>"}, notifiers.Env{})
	n := outage()
	n.Text = "reason: <!channel> & <b>"
	if err := c.Send(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	quiet := n
	quiet.Mention = false
	if err := c.Send(t.Context(), quiet); err != nil {
		t.Fatal(err)
	}
	got := hook.Messages()
	for _, want := range []string{"🔴 推单失败", "<!subteam^S012AB> reason: &lt;!channel&gt; &amp; &lt;b&gt;", "*当前值*\n0.8", "• 看一看", "<https://guardian.example.com/watches/w_1|详情>"} {
		if !strings.Contains(got[0].All(), want) {
			t.Errorf("the message lacks %q:\n%s", want, got[0].All())
		}
	}
	if strings.Contains(got[1].All(), "subteam") {
		t.Errorf("a notice that need not ping does:\n%s", got[1].All())
	}
}

func TestSlacksRevokedWebhookSaysWhatToDo(t *testing.T) {
	hook := slack.New()
	defer hook.Close()
	hook.Fail(1, slack.Revoked)
	err := build(t, "slack", &notifiers.SlackSettings{Webhook: secret.New(hook.URL())}, notifiers.Env{}).Send(t.Context(), outage())
	var permanent *notifiers.Permanent
	if !errors.As(err, &permanent) || !strings.Contains(err.Error(), "create a new one") {
		t.Errorf("got %v", err)
	}
}

func TestSlacksRateIsARetry(t *testing.T) {
	now := time.Now()
	hook := slack.New(slack.WithNow(func() time.Time { return now }))
	defer hook.Close()
	c := build(t, "slack", &notifiers.SlackSettings{Webhook: secret.New(hook.URL())}, notifiers.Env{})
	var err error
	for range slack.Burst + 1 {
		err = c.Send(t.Context(), outage())
	}
	var retry *notifiers.Retry
	if !errors.As(err, &retry) || retry.After != time.Second || retry.Penalty {
		t.Errorf("got %v, want a retry after a second", err)
	}
}

// The fake servers enforce the vendors' limits of length.
func TestMessengersAcceptLongNotices(t *testing.T) {
	robot, hook := dingtalk.New(dingtalk.WithKeywords("告警")), slack.New(slack.WithoutLimit())
	defer robot.Close()
	defer hook.Close()
	channels := map[string]notifiers.Channel{
		"dingtalk": build(t, "dingtalk", &notifiers.DingTalkSettings{
			Webhook: secret.New(robot.URL()), Keywords: []string{"告警"}, At: notifiers.DingTalkAt{Mobiles: []string{"13800138000"}},
		}, notifiers.Env{}),
		"slack": build(t, "slack", &notifiers.SlackSettings{Webhook: secret.New(hook.URL()), Mention: "<!here>"}, notifiers.Env{}),
	}
	for text, unit := range map[string]string{"chinese": "订单", "escapes": `&"<`, "emoji": "🔥👩‍👧", "english": "order ", "markdown": "[a](b) # > *"} {
		for _, size := range []int{1, 149, 150, 151, 700, 2990, 3000, 3001, 6500, 12000, 50000} {
			long := strings.Repeat(unit, size/len([]rune(unit))+1)
			n := outage()
			n.Title, n.Text = long, long
			n.Facts = append(n.Facts, notifiers.Fact{Name: long, Value: long})
			for range size / 500 {
				n.Facts = append(n.Facts, notifiers.Fact{Name: "名", Value: long})
				n.Steps = append(n.Steps, long)
			}
			for kind, c := range channels {
				robot.Forgive()
				if err := c.Send(t.Context(), n); err != nil {
					t.Errorf("%s, %s, %d characters: %v", kind, text, size, err)
				}
			}
		}
	}
	for _, m := range robot.Messages() {
		if !strings.Contains(m.Text, "@13800138000") || !strings.Contains(m.Title, "告警") || !strings.Contains(m.Text, "](https://guardian.example.com/") {
			t.Fatalf("shortening took the ping, the keyword or the link away:\n%s", m.Text)
		}
	}
}

func TestAWebhookGetsASignedNoticeWithItsID(t *testing.T) {
	key := secret.New("topsecret")
	var id, given, want, auth, body string
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		var seconds int64
		_, _ = fmt.Sscan(r.Header.Get("X-Guardian-Timestamp"), &seconds)
		id, given, auth, body = r.Header.Get("Idempotency-Key"), r.Header.Get("X-Guardian-Signature"), r.Header.Get("Authorization"), string(b)
		want = notifiers.SignWebhook(key, seconds, b)
	}))
	defer s.Close()
	c := build(t, "webhook", &notifiers.WebhookSettings{URL: secret.New(s.URL), Secret: key, Token: secret.New("tok")}, notifiers.Env{})
	if err := c.Send(t.Context(), outage()); err != nil {
		t.Fatal(err)
	}
	if id != "n_1" || given != want || !strings.HasPrefix(given, "v0=") || auth != "Bearer tok" || !strings.Contains(body, `"title":"推单失败"`) {
		t.Errorf("id %q, signature %q (want %q), authorization %q, body %s", id, given, want, auth, body)
	}
	// Computed with openssl: a change of the scheme would break existing endpoints.
	if got, want := notifiers.SignWebhook(key, 1700000000, []byte("{}")), "v0=d98252d87851758c993e036017762291902b79c70e099d1cb6285064384411dc"; got != want {
		t.Errorf("the scheme changed: %s", got)
	}
}

func TestAWebhookWithExpectRetriesUntilTheAnswerHasIt(t *testing.T) {
	answer := "queued"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
	defer s.Close()
	c := build(t, "webhook", &notifiers.WebhookSettings{URL: secret.New(s.URL), Expect: "accepted"}, notifiers.Env{})
	var retry *notifiers.Retry
	if err := c.Send(t.Context(), outage()); !errors.As(err, &retry) {
		t.Errorf("%q: got %v, want a retry", answer, err)
	}
	answer = "accepted by m-17"
	if err := c.Send(t.Context(), outage()); err != nil {
		t.Errorf("%q: %v", answer, err)
	}
}

func TestSettingsSayEveryMistake(t *testing.T) {
	for name, c := range map[string]struct {
		settings interface{ Validate() error }
		want     []string
	}{
		"nothing set in slack":    {&notifiers.SlackSettings{}, []string{"webhook: is missing"}},
		"nothing set in dingtalk": {&notifiers.DingTalkSettings{}, []string{"webhook: is missing"}},
		"nothing set in webhook":  {&notifiers.WebhookSettings{}, []string{"url: is missing"}},
		"nothing set in email":    {&notifiers.EmailSettings{}, []string{"server: is missing", "from: is missing", "to: has no recipient"}},
		"email without port, with wrong addresses and an open password": {
			&notifiers.EmailSettings{Server: "smtp.example.com", Security: "none", Auth: "auto", Username: "u", Password: secret.New("s3cret"), From: "x", To: []string{"a@b", "y"}},
			[]string{"server:", "unencrypted", "from:", `to: "y"`},
		},
		"email with half a login": {
			&notifiers.EmailSettings{Server: "smtp.example.com:587", Username: "u", From: "a@b", To: []string{"a@b"}}, []string{"password: is missing"},
		},
		"nothing set in feishu": {&notifiers.FeishuSettings{}, []string{"webhook: is missing"}},
		"feishu with another address, wrong keyword and ID": {
			&notifiers.FeishuSettings{Webhook: secret.New("https://open.feishu.cn/x"), Keywords: []string{""}, At: notifiers.FeishuAt{OpenIDs: []string{"<ou>"}}},
			[]string{"not a custom bot's address", "keywords:", "at.open_ids:"},
		},
		"nothing set in wecom": {&notifiers.WeComSettings{}, []string{"webhook: is missing"}},
		"wecom without key, with a wrong user ID and mobile": {
			&notifiers.WeComSettings{
				Webhook: secret.New("https://qyapi.weixin.qq.com/cgi-bin/webhook/send"),
				At:      notifiers.WeComAt{UserIDs: []string{"a b", "@all"}, Mobiles: []string{"138-0013"}},
			}, []string{"has no key", `at.user_ids: "a b"`, "set all", "at.mobiles:"},
		},
		"slack with an address of another scheme and a bare mention": {
			&notifiers.SlackSettings{Webhook: secret.New("ftp://x/s3cret"), Mention: "@here"}, []string{"webhook: is not an address", `mention: "@here"`},
		},
		"an address that cannot be parsed": {&notifiers.SlackSettings{Webhook: secret.New("https://x/s3cret%zz")}, []string{"webhook: is not an address"}},
		"dingtalk without token, with a wrong mobile and keyword": {
			&notifiers.DingTalkSettings{
				Webhook: secret.New("https://oapi.dingtalk.com/robot/send"), Keywords: []string{" "},
				At: notifiers.DingTalkAt{Mobiles: []string{"138"}, UserIDs: []string{""}},
			}, []string{"no access_token", "keywords:", "at.mobiles:", "at.user_ids:"},
		},
		"dingtalk with too many keywords": {
			&notifiers.DingTalkSettings{Webhook: secret.New("https://x.test/?access_token=1"), Keywords: strings.Split("abcdefghijk", "")}, []string{"at most 10"},
		},
		"a token with a line break": {&notifiers.WebhookSettings{URL: secret.New("https://x.test"), Token: secret.New("a\nb")}, []string{"line break"}},
	} {
		err := c.settings.Validate()
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, err, want)
			}
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %q shows the secret", name, err)
		}
	}
	if err := (&notifiers.SlackSettings{Webhook: secret.New("https://hooks.slack.com/services/T/B/x"), Mention: "<!here> <@U012AB>"}).Validate(); err != nil {
		t.Error(err)
	}
}
