package notifiers_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"guardian/internal/secret"
	"guardian/notifiers"
)

// FuzzAnswers lets a messenger answer anything: the notice counts as delivered only if the
// answer says so; otherwise the error is one short line without secrets.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		`{"errcode":0,"errmsg":"ok"}`, `{"errcode":310000,"errmsg":"sign not match"}`, `{"errcode":"0"}`, `{"errcode":1e99}`, `{"errmsg":"\ud800\n"}`,
		`{"ok":false}`, `{"success":null}`, "ok", "no_service", "", "null", "[]", "\xff", `{"errcode":130101}`,
	} {
		f.Add(200, s, "1")
		f.Add(429, s, "x")
	}
	type said struct {
		status      int
		body, after string
	}
	var answer atomic.Pointer[said]
	messenger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		a := answer.Load()
		w.Header().Set("Retry-After", a.after)
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	f.Cleanup(messenger.Close)
	const token = "a-token-that-must-not-show"
	address := secret.New(messenger.URL + "/robot/send?access_token=" + token)
	channels := map[string]notifiers.Channel{}
	for kind, settings := range map[string]any{
		"dingtalk": &notifiers.DingTalkSettings{Webhook: address},
		"feishu":   &notifiers.FeishuSettings{Webhook: secret.New(messenger.URL + "/open-apis/bot/v2/hook/" + token)},
		"slack":    &notifiers.SlackSettings{Webhook: address},
		"webhook":  &notifiers.WebhookSettings{URL: address},
		"wecom":    &notifiers.WeComSettings{Webhook: secret.New(address.Reveal() + "&key=" + token)},
	} {
		c, err := notifiers.Build(notifiers.Builtin(), kind, settings, notifiers.Env{})
		if err != nil {
			f.Fatal(err)
		}
		channels[kind] = c
	}
	f.Fuzz(func(t *testing.T, status int, body, after string) {
		if status < 200 || status > 599 || strings.ContainsAny(after, "\r\n\x00") || status == http.StatusNoContent || status == http.StatusNotModified {
			return // no answer that a server can give
		}
		answer.Store(&said{status, body, after})
		for kind, c := range channels {
			err := c.Send(t.Context(), outage())
			if err == nil {
				if status > 299 || (kind == "dingtalk" || kind == "wecom") && !strings.Contains(strings.ToLower(body), "errcode") || kind == "slack" && strings.TrimSpace(body) != "ok" ||
					kind == "feishu" && !strings.Contains(body, "code") {
					t.Errorf("%s counts status %d and %q as a delivery", kind, status, body)
				}
				continue
			}
			if s := err.Error(); len(s) > 1000 || strings.ContainsAny(s, "\n\r") || !utf8.ValidString(s) || strings.Contains(s, token) {
				t.Errorf("%s: %q", kind, s)
			}
			var again *notifiers.Retry
			if errors.As(err, &again) && (again.After < 0 || again.After > 366*24*time.Hour) {
				t.Errorf("%s: again after %s", kind, again.After)
			}
		}
	})
}
