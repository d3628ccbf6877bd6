package server_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"guardian/internal/chatops"
	"guardian/internal/server"
	"guardian/rules"
)

// post sends the form of a link's page, as a browser without a session does.
func follow(t *testing.T, base, link string) answer {
	t.Helper()
	path, text, _ := strings.Cut(link, "?t=")
	return send(t, base, http.MethodPost, path, url.Values{"t": {text}}.Encode(),
		"Content-Type", "application/x-www-form-urlencoded", "Origin", "https://guardian.example.com", "Sec-Fetch-Site", "same-origin")
}

func ackOf(m *memory, id string) *rules.Ack {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.alerts {
		if a.ID == id {
			return a.Ack
		}
	}
	return nil
}

// A messenger fetches the links of a message to show a preview: that changes nothing, however often.
func TestALinkAsksBeforeItActs(t *testing.T) {
	m := secured()
	base := serve(t, m, nil)
	for _, action := range chatops.Actions() {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodGet} {
			if got := send(t, base, method, link(action, "q_1"), ""); got.status != 200 || got.header.Get("Set-Cookie") != "" {
				t.Errorf("%s %s: %d", method, action, got.status)
			}
		}
	}
	if ackOf(m, "a_1") != nil || len(m.silences) != 1 {
		t.Error("a look at the page changed something")
	}
}

// What the page offers is done with a second click, without a session and without JavaScript, and
// recorded as the receiver's.
func TestTheSecondClickActs(t *testing.T) {
	m := secured()
	base := serve(t, m, nil)
	page := send(t, base, http.MethodGet, link(chatops.Acknowledge, "q_1")+"&lang=zh", "").body
	form := regexp.MustCompile(`<form method="post" action="(/act/ack)">\s*<input type="hidden" name="t" value="([^"]+)">`).FindStringSubmatch(page)
	if form == nil || !strings.Contains(page, "<button class=\"main big\">确认</button>") || !strings.Contains(page, "接收方 dingtalk-oncall（通过消息链接）") || !strings.Contains(page, "OrderPushFailing") {
		t.Fatalf("the page does not ask:\n%s", page)
	}
	got := follow(t, base, form[1]+"?t="+form[2])
	if got.status != http.StatusSeeOther || got.header.Get("Location") != link(chatops.Acknowledge, "q_1") {
		t.Fatalf("%d to %q\n%s", got.status, got.header.Get("Location"), got.body)
	}
	if ack := ackOf(m, "a_1"); ack == nil || ack.By != "receiver dingtalk-oncall, by link" {
		t.Errorf("acknowledged: %+v", ack)
	}
	if page := send(t, base, http.MethodGet, link(chatops.Acknowledge, "q_1")+"&lang=en", "").body; !strings.Contains(page, "Acknowledged by receiver dingtalk-oncall, by link at") || strings.Contains(page, `method="post"`) {
		t.Errorf("afterwards the page is\n%s", page)
	}

	page = send(t, base, http.MethodGet, link(chatops.Silence, "q_1")+"&lang=en", "").body
	if !strings.Contains(page, `shop=&#34;sg-1&#34;`) || !strings.Contains(page, "Silence for 2 hours") {
		t.Errorf("the page does not show what would be silenced:\n%s", page)
	}
	if got := follow(t, base, link(chatops.Silence, "q_1")); got.status != http.StatusSeeOther {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if s := m.silences[len(m.silences)-1]; s.By != "receiver dingtalk-oncall, by link" || !s.Until.Equal(fixedNow().Add(2*time.Hour)) {
		t.Errorf("the silence is %+v", s)
	}
}

func TestALinkThatCannotBeFollowedSaysWhy(t *testing.T) {
	good := link(chatops.Acknowledge, "q_1")
	for name, c := range map[string]struct {
		link         string
		change       func(*memory)
		get, post    int
		en, zh       string
		result       string
		otherActions bool
	}{
		"forged":           {link: good[:len(good)-1] + "!", get: 403, post: 403, en: "signature is not right", zh: "签名不正确", result: "forged"},
		"nothing":          {link: "/act/ack?t=", get: 403, post: 403, en: "signature is not right", zh: "签名不正确", result: "forged"},
		"another action":   {link: strings.Replace(good, "/act/ack", "/act/silence", 1), get: 403, post: 403, en: "not for this action", zh: "不能用于该操作", result: "other_action"},
		"expired":          {link: good, change: func(m *memory) { m.now = m.now.Add(24 * time.Hour) }, get: 410, post: 410, en: "has expired", zh: "已过期", result: "expired"},
		"used":             {link: good, change: func(m *memory) { m.done[request("q_1")] = chatops.Done{By: "receiver x, by link", At: m.now} }, get: 200, post: 409, en: "Acknowledged by receiver x, by link at", zh: "已由 接收方 x（通过消息链接） 于", result: "used"},
		"resolved":         {link: good, change: func(m *memory) { m.alerts[1].State = rules.Resolved }, get: 200, post: 409, en: "is resolved", zh: "已经恢复", result: "over"},
		"fired again":      {link: good, change: func(m *memory) { m.alerts[1].FiredAt = m.sent.Add(time.Second) }, get: 200, post: 409, en: "fired again", zh: "再次触发", result: "anew"},
		"acked by another": {link: link(chatops.Acknowledge, "q_2"), get: 200, post: 409, en: "Acknowledged by wang.fang", zh: "wang.fang 已确认", result: "acked"},
		"no such message":  {link: link(chatops.Acknowledge, "q_9"), get: 410, post: 410, en: "not known any more", zh: "找不到", result: "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			m, reg := secured(), prometheus.NewRegistry()
			if c.change != nil {
				c.change(m)
			}
			before := ackOf(m, "a_1")
			base := serve(t, m, func(o *server.Options) { o.Registerer = reg })
			sep := "&"
			for lang, text := range map[string]string{"en": c.en, "zh": c.zh} {
				if got := send(t, base, http.MethodGet, c.link+sep+"lang="+lang, ""); got.status != c.get || !strings.Contains(got.body, text) || strings.Contains(got.body, `method="post" action="/act`) {
					t.Errorf("in %s: %d\n%s", lang, got.status, got.body)
				}
			}
			if got := follow(t, base, c.link); got.status != c.post || ackOf(m, "a_1") != before || len(m.silences) != 1 {
				t.Errorf("the second click: %d\n%s", got.status, got.body)
			}
			action := "ack"
			if strings.Contains(c.link, "silence") {
				action = "silence"
			}
			if n := counted(t, reg, action, c.result); n != 3 {
				t.Errorf("counted %g times as %s, want 3", n, c.result)
			}
		})
	}
}

func request(delivery string) chatops.Request {
	return chatops.Request{Action: chatops.Acknowledge, Delivery: delivery, Receiver: "dingtalk-oncall", Expires: fixedNow().Add(24 * time.Hour)}
}

// counted reads guardian_action_links_total.
func counted(t *testing.T, reg *prometheus.Registry, action, result string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range metric.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if f.GetName() == "guardian_action_links_total" && labels["action"] == action && labels["result"] == result {
				return metric.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no series for %s, %s: %v", action, result, testutil.CollectAndCount(reg))
	return 0
}

func TestALinkPermitsNothingElse(t *testing.T) {
	m := secured()
	base := serve(t, m, nil)
	text := strings.TrimPrefix(link(chatops.Acknowledge, "q_1"), "/act/ack?t=")
	for _, path := range []string{"/act/approve", "/act/unack", "/act/"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if got := send(t, base, method, path+"?t="+text, ""); got.status != http.StatusNotFound {
				t.Errorf("%s %s: %d", method, path, got.status)
			}
		}
	}
	if got := send(t, base, http.MethodPost, "/api/v1/rollbacks/r_3/approve", "", "Authorization", "Bearer "+text); got.status != http.StatusUnauthorized {
		t.Errorf("the API: %d", got.status)
	}
}

func TestWithoutLinksTheirPagesSayWhatToSet(t *testing.T) {
	m := secured()
	m.messages = nil
	if got := send(t, serve(t, m, nil), http.MethodGet, link(chatops.Acknowledge, "q_1"), ""); got.status != http.StatusNotFound || !strings.Contains(got.body, "server.external_url") {
		t.Errorf("%d\n%s", got.status, got.body)
	}
}

// A standby shows the page, and passes the second click on.
func TestAStandbyPassesTheSecondClickOn(t *testing.T) {
	leads, stands := secured(), secured()
	stands.standby = true
	active := serve(t, leads, nil)
	base := serve(t, stands, func(o *server.Options) { o.Active = func() (bool, string) { return false, active } })
	if got := send(t, base, http.MethodGet, link(chatops.Acknowledge, "q_1"), ""); got.status != 200 {
		t.Errorf("the page: %d", got.status)
	}
	if got := follow(t, base, link(chatops.Acknowledge, "q_1")); got.status != http.StatusSeeOther || ackOf(leads, "a_1") == nil || ackOf(stands, "a_1") != nil {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestALinkIsInNoLog(t *testing.T) {
	m := secured()
	var log bytes.Buffer
	base := serve(t, m, func(o *server.Options) {
		o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	good := link(chatops.Acknowledge, "q_1")
	_, text, _ := strings.Cut(good, "?t=")
	send(t, base, http.MethodGet, good, "")
	send(t, base, http.MethodGet, good+"x", "")
	follow(t, base, good)
	m.mu.Lock()
	m.fail = http.ErrBodyNotAllowed
	m.mu.Unlock()
	follow(t, base, link(chatops.Silence, "q_1"))
	if said := log.String(); strings.Contains(said, text) || strings.Contains(said, text[strings.LastIndexByte(text, '.')+1:]) || !strings.Contains(said, "receiver dingtalk-oncall, by link") || !strings.Contains(said, "request failed") {
		t.Errorf("the log is\n%s", said)
	}
}
