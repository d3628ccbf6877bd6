package notifiers_test

import (
	"testing"

	"guardian/internal/secret"
	"guardian/notifiers"
	"guardian/notifiers/notifiertest"
)

func build(t *testing.T, kind string, settings any, env notifiers.Env) notifiers.Channel {
	t.Helper()
	c, err := notifiers.Build(notifiers.Builtin(), kind, settings, env)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSlackKeepsTheContract(t *testing.T) {
	notifiertest.Run(t, notifiertest.Messenger{
		Build: func(t *testing.T, base string, env notifiers.Env) notifiers.Channel {
			t.Helper()
			return build(t, "slack", &notifiers.SlackSettings{
				Webhook: secret.New(base + "/services/T01/B01/slacksecretpath"), Mention: "<!here>",
			}, env)
		},
		Secrets:  []string{"slacksecretpath"},
		Accepted: "ok",
		Refused:  []string{"", "invalid_token", `{"ok":true}`, "<html>login</html>"},
		MaxBytes: 40000,
	})
}

func TestDingTalkKeepsTheContract(t *testing.T) {
	notifiertest.Run(t, notifiertest.Messenger{
		Build: func(t *testing.T, base string, env notifiers.Env) notifiers.Channel {
			t.Helper()
			return build(t, "dingtalk", &notifiers.DingTalkSettings{
				Webhook: secret.New(base + "/robot/send?access_token=dingtoken/secret+1"), Secret: secret.New("SECdingsecret"),
				Keywords: []string{"告警"}, At: notifiers.DingTalkAt{Mobiles: []string{"13800138000"}},
			}, env)
		},
		Secrets:  []string{"dingtoken/secret", "SECdingsecret"},
		Accepted: `{"errcode":0,"errmsg":"ok"}`,
		Refused: []string{
			"", "ok", "{}", `{"errmsg":"ok"}`, `{"errcode":"0"}`, "<html>login</html>",
			`{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}`, `{"errcode":310000,"errmsg":"sign not match"}`,
		},
		MaxBytes: 20000,
	})
}

func TestWebhookKeepsTheContract(t *testing.T) {
	notifiertest.Run(t, notifiertest.Messenger{
		Build: func(t *testing.T, base string, env notifiers.Env) notifiers.Channel {
			t.Helper()
			return build(t, "webhook", &notifiers.WebhookSettings{
				URL: secret.New(base + "/hook/urlsecret?key=querysecret"), Secret: secret.New("signsecret"), Token: secret.New("bearersecret"),
			}, env)
		},
		Secrets:  []string{"urlsecret", "querysecret", "signsecret", "bearersecret"},
		Accepted: `{"errcode":0,"ok":true}`,
		Refused:  []string{`{"errcode":130101}`, `{"errcode":"45009"}`, `{"ok":false,"error":"x"}`, `{"success":false}`},
		MaxBytes: 256 << 10,
	})
}

func TestAnUnknownMessengerNamesTheKnownOnes(t *testing.T) {
	_, err := notifiers.Build(notifiers.Builtin(), "slak", nil, notifiers.Env{})
	if want := `messenger "slak" is not known; choose one of dingtalk, discard, email, feishu, slack, webhook, wecom`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
