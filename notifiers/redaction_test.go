package notifiers_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guardian/internal/secret"
	"guardian/notifiers"
)

// answers is a transport that gives every request the same answer, or error.
type answers struct {
	body string
	err  error
}

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

// TestErrorsOfAChannelAreRedacted lets the messenger or the network quote one secret alone.
// The channel itself must redact it: nothing behind it is part of this test.
func TestErrorsOfAChannelAreRedacted(t *testing.T) {
	const address = "https://messenger.test/hooks/path-token-000004711?access_token=query-token-4711"
	for _, quoted := range []string{"path-token-000004711", "query-token-4711"} {
		for kind, settings := range map[string]any{
			"dingtalk": &notifiers.DingTalkSettings{Webhook: secret.New(address)},
			"feishu":   &notifiers.FeishuSettings{Webhook: secret.New(strings.Replace(address, "/hooks/", "/bot/v2/hook/", 1))},
			"slack":    &notifiers.SlackSettings{Webhook: secret.New(address)},
			"webhook":  &notifiers.WebhookSettings{URL: secret.New(address), Expect: "accepted"},
			"wecom":    &notifiers.WeComSettings{Webhook: secret.New(address + "&key=0123456789")},
		} {
			for name, a := range map[string]answers{
				"errmsg":               {body: fmt.Sprintf(`{"errcode":310000,"errmsg":"token %s not exist","code":19001,"msg":"token %s not exist"}`, quoted, quoted)},
				"an answer as text":    {body: "token " + quoted + " not exist"},
				"an error of the call": {err: errors.New("proxy: token " + quoted + " not exist")},
			} {
				t.Run(kind+", "+name+", "+quoted, func(t *testing.T) {
					err := build(t, kind, settings, notifiers.Env{Transport: a}).Send(t.Context(), outage())
					if err == nil {
						t.Fatal("there is no error")
					}
					if strings.Contains(err.Error(), quoted) || !strings.Contains(err.Error(), secret.Mask) {
						t.Errorf("%q shows the secret, or not where it was", err)
					}
				})
			}
		}
	}
}

func TestAWebhooksErrorAnswerIsRedacted(t *testing.T) {
	c := build(t, "webhook", &notifiers.WebhookSettings{URL: secret.New("https://gateway.test/hook?key=query-token-4711")},
		notifiers.Env{Transport: answers{body: `{"ok":false,"error":"key query-token-4711 is unknown"}`}})
	if err := c.Send(t.Context(), outage()); err == nil || strings.Contains(err.Error(), "4711") {
		t.Errorf("got %v, want an error without the key", err)
	}
}

// TestErrorsOfACallDoNotNameTheAddress: the address is left out even where redaction would
// not find it.
func TestErrorsOfACallDoNotNameTheAddress(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := build(t, "webhook", &notifiers.WebhookSettings{URL: secret.New(s.URL + "/in/x")}, notifiers.Env{
		Transport: answers{err: errors.New("no route to host")},
	})
	if err := c.Send(t.Context(), outage()); err == nil || strings.Contains(err.Error(), u.Host) || strings.Contains(err.Error(), `Post "`) {
		t.Errorf("got %v, want an error without the address", err)
	}
}

// TestErrorsAreRedactedBeforeTheyAreSaved: a channel that does not redact does not bring a
// secret into the outbox, the status or a notice about what was given up.
func TestErrorsAreRedactedBeforeTheyAreSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leaky := &messenger{answer: func(int, notifiers.Notice) error {
			return &notifiers.Permanent{Err: errors.New("token hunter2-hunter2 not exist")}
		}}
		other := &messenger{}
		k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: leaky}, "team": {Channel: other}}, func(o *notifiers.Options) {
			o.Redactor = &secret.Redactor{}
			o.Redactor.Learn(secret.New("hunter2-hunter2"))
		})
		k.start()
		k.put("oncall", "critical", "a/1")
		pass(time.Second)
		k.state("oncall/a/1", notifiers.GivenUp)
		for _, seen := range []string{fmt.Sprintf("%+v", k.outbox.All()), fmt.Sprintf("%+v", k.d.Status()), fmt.Sprintf("%+v", other.all())} {
			if strings.Contains(seen, "hunter2") {
				t.Errorf("%s shows the secret", seen)
			}
			if !strings.Contains(seen, secret.Mask) && !strings.Contains(seen, "LastError:}") {
				t.Errorf("%s does not hold the error", seen)
			}
		}
	})
}

// TestAChannelDoesNotPrintItsSecrets prints channels as a careless log line would.
func TestAChannelDoesNotPrintItsSecrets(t *testing.T) {
	const address = "https://messenger.test/hook?access_token=query-token-4711"
	for kind, settings := range map[string]any{
		"dingtalk": &notifiers.DingTalkSettings{Webhook: secret.New(address), Secret: secret.New("SEC-4711")},
		"feishu":   &notifiers.FeishuSettings{Webhook: secret.New("https://open.feishu.test/bot/v2/hook/token-4711"), Secret: secret.New("SEC-4711")},
		"slack":    &notifiers.SlackSettings{Webhook: secret.New(address)},
		"webhook":  &notifiers.WebhookSettings{URL: secret.New(address), Secret: secret.New("SEC-4711"), Token: secret.New("token-4711")},
		"wecom":    &notifiers.WeComSettings{Webhook: secret.New(address + "&key=4711")},
	} {
		c := build(t, kind, settings, notifiers.Env{})
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if got := fmt.Sprintf(verb, c); strings.Contains(got, "-4711") || strings.Contains(got, "=4711") { // an address of memory may hold the digits
				t.Errorf("%s, %s: %s", kind, verb, got)
			}
		}
	}
}

func TestACancelledCallKeepsItsAddress(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := build(t, "webhook", &notifiers.WebhookSettings{URL: secret.New("https://gateway.test/x")}, notifiers.Env{Transport: answers{err: context.Canceled}})
	if err := c.Send(ctx, outage()); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "gateway.test") {
		t.Errorf("got %v, want a cancelled call without the address", err)
	}
}
