package notifiers_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"guardian/internal/secret"
	"guardian/notifiers"
	"guardian/notifiers/notifiertest"
	"guardian/test/fake/chat/wecom"
)

func TestWeComKeepsTheContract(t *testing.T) {
	notifiertest.Run(t, notifiertest.Messenger{
		Build: func(t *testing.T, base string, env notifiers.Env) notifiers.Channel {
			t.Helper()
			return build(t, "wecom", &notifiers.WeComSettings{
				Webhook: secret.New(base + "/cgi-bin/webhook/send?key=we-key-0123456789"), At: notifiers.WeComAt{UserIDs: []string{"wangwu"}},
			}, env)
		},
		Secrets:  []string{"we-key-0123456789"},
		Accepted: `{"errcode":0,"errmsg":"ok"}`,
		Refused: []string{
			"", "ok", "{}", `{"errmsg":"ok"}`, `{"errcode":"0"}`, "<html>login</html>",
			`{"errcode":45009,"errmsg":"api freq out of limit"}`, `{"errcode":93000,"errmsg":"invalid webhook url"}`,
		},
		MaxBytes: 2 * wecom.MarkdownBytes, // with escapes; the fake counts those of the content
	})
}

func TestWeComMentionsInMarkdown(t *testing.T) {
	robot := wecom.New()
	defer robot.Close()
	c := build(t, "wecom", &notifiers.WeComSettings{Webhook: secret.New(robot.URL()), At: notifiers.WeComAt{UserIDs: []string{"wangwu", "zhaoliu"}}}, notifiers.Env{})
	n := outage()
	n.Text += "\n<@everyone> <font color=\"info\">"
	quiet := n
	quiet.Mention = false
	for _, n := range []notifiers.Notice{n, quiet} {
		if err := c.Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	got := robot.Messages()
	if got[0].Type != "markdown" || !slices.Equal(got[0].Mentions, []string{"wangwu", "zhaoliu"}) {
		t.Errorf("it pings %q in %s, want wangwu and zhaoliu in markdown", got[0].Mentions, got[0].Type)
	}
	for _, want := range []string{"### 🔴 推单失败", "自 10:00 起\n仍在失败", "> **当前值**：0.8", "1. 看一看", "[详情](https://guardian.example.com/watches/w_1)"} {
		if !strings.Contains(got[0].Text, want) {
			t.Errorf("the text lacks %q:\n%s", want, got[0].Text)
		}
	}
	if len(got[1].Mentions) != 0 || strings.Contains(got[1].Text, "<font") {
		t.Errorf("a notice that need not ping does, or its text is markup: %q\n%s", got[1].Mentions, got[1].Text)
	}
}

// WeCom mentions mobile numbers and everybody in plain text only.
func TestWeComMentionsInText(t *testing.T) {
	robot := wecom.New()
	defer robot.Close()
	for _, c := range []struct {
		at   notifiers.WeComAt
		want []string
	}{
		{notifiers.WeComAt{All: true}, []string{"@all"}},
		{notifiers.WeComAt{UserIDs: []string{"wangwu"}, Mobiles: []string{"13800138000"}}, []string{"wangwu", "13800138000"}},
	} {
		channel := build(t, "wecom", &notifiers.WeComSettings{Webhook: secret.New(robot.URL()), At: c.at}, notifiers.Env{})
		quiet := outage()
		quiet.Mention = false
		for _, n := range []notifiers.Notice{outage(), quiet} {
			if err := channel.Send(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		got := robot.Messages()
		ping, plain := got[len(got)-2], got[len(got)-1]
		if ping.Type != "text" || !slices.Equal(ping.Mentions, c.want) || !strings.Contains(ping.Text, "详情：https://guardian.example.com/watches/w_1") {
			t.Errorf("%+v: got %+v, want a text that pings %q with the link", c.at, ping, c.want)
		}
		if plain.Type != "markdown" || len(plain.Mentions) != 0 {
			t.Errorf("%+v: a notice that need not ping is %+v, want markdown", c.at, plain)
		}
	}
}

// The fake counts the bytes of the content as WeCom does.
func TestWeComAcceptsLongNotices(t *testing.T) {
	robot := wecom.New()
	defer robot.Close()
	for _, at := range []notifiers.WeComAt{{UserIDs: []string{"wangwu"}}, {All: true}} {
		c := build(t, "wecom", &notifiers.WeComSettings{Webhook: secret.New(robot.URL()), At: at}, notifiers.Env{})
		for _, unit := range []string{"订单推送失败。", `&"<`, "🔥👩‍👧", "order ", "[a](b) # > *"} {
			for _, size := range []int{1, 600, 682, 683, 1365, 1366, 2048, 4096, 20000} {
				long := strings.Repeat(unit, size/len([]rune(unit))+1)
				n := outage()
				n.Title, n.Text = long, long
				n.Facts = append(n.Facts, notifiers.Fact{Name: long, Value: long}, notifiers.Fact{Name: long, Value: long})
				n.Steps = append(n.Steps, long, long)
				robot.Forgive()
				if err := c.Send(t.Context(), n); err != nil {
					t.Errorf("%q, %d characters: %v", unit, size, err)
				}
			}
		}
		m := robot.Messages()[len(robot.Messages())-1]
		if len(m.Mentions) != 1 || !strings.Contains(m.Text, "https://guardian.example.com/") {
			t.Errorf("shortening took the ping or the link away:\n%s", m.Text)
		}
	}
	// The main link alone may be longer than a message of text.
	n := outage()
	n.Links[0].URL = "https://guardian.example.com/" + strings.Repeat("a", 1960)
	robot.Forgive()
	if err := build(t, "wecom", &notifiers.WeComSettings{Webhook: secret.New(robot.URL()), At: notifiers.WeComAt{All: true}}, notifiers.Env{}).Send(t.Context(), n); err != nil {
		t.Error(err)
	}
}

func TestWeComsErrorsSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		code    int
		retry   bool
		penalty time.Duration
		want    string
	}{
		{-1, true, 0, ""},
		{45033, true, 0, ""},
		{45009, true, time.Minute, ""},
		{93000, false, 0, "copy the robot's address again"},
		{93004, false, 0, "switch it on"},
		{93008, false, 0, "add it again"},
		{40058, false, 0, "length"},
		{47001, false, 0, "please report this"},
		{123456, true, 0, ""}, // unknown code
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"errcode":%d,"errmsg":"the vendor says why"}`, c.code)
		}))
		err := build(t, "wecom", &notifiers.WeComSettings{Webhook: secret.New(s.URL + "/send?key=abcdefgh")}, notifiers.Env{}).Send(t.Context(), outage())
		s.Close()
		var retry *notifiers.Retry
		if errors.As(err, &retry) != c.retry || (c.retry && (retry.Penalty != (c.penalty > 0) || retry.After != c.penalty)) {
			t.Errorf("errcode %d: got %T %+v", c.code, err, retry)
		}
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(c.code)) || !strings.Contains(err.Error(), "the vendor says why") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("errcode %d: %v does not say what the vendor said and %q", c.code, err, c.want)
		}
	}
}

func TestWeComsTwentyFirstMessageOfAMinuteIsAPenalty(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	robot := wecom.New(wecom.WithNow(func() time.Time { return now }))
	defer robot.Close()
	c := build(t, "wecom", &notifiers.WeComSettings{Webhook: secret.New(robot.URL())}, notifiers.Env{})
	for range wecom.PerMinute {
		if err := c.Send(t.Context(), outage()); err != nil {
			t.Fatal(err)
		}
	}
	var retry *notifiers.Retry
	if err := c.Send(t.Context(), outage()); !errors.As(err, &retry) || !retry.Penalty {
		t.Fatalf("got %v, want a penalty", err)
	}
	now = now.Add(retry.After)
	if err := c.Send(t.Context(), outage()); err != nil {
		t.Errorf("after the penalty: %v", err)
	}
}
