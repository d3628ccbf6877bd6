package notifiers_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"guardian/internal/secret"
	"guardian/notifiers"
	"guardian/test/fake/chat"
	"guardian/test/fake/chat/dingtalk"
	"guardian/test/fake/chat/feishu"
	"guardian/test/fake/chat/slack"
	"guardian/test/fake/chat/wecom"
)

// fake is a messenger's fake with the channel that posts to it.
type fake struct {
	accepted func() int
	calls    func() int
	fail     func(int, chat.Fault)
	channel  func(notifiers.Env) notifiers.Channel
}

// fakes starts a fake of each messenger.
func fakes(t *testing.T) map[string]fake {
	t.Helper()
	ding, fei, hook, we := dingtalk.New(), feishu.New(), slack.New(slack.WithoutLimit()), wecom.New()
	for _, s := range []interface{ Close() }{ding, fei, hook, we} {
		t.Cleanup(s.Close)
	}
	channel := func(kind string, settings any) func(notifiers.Env) notifiers.Channel {
		return func(env notifiers.Env) notifiers.Channel { return build(t, kind, settings, env) }
	}
	return map[string]fake{
		"dingtalk": {
			func() int { return len(ding.Messages()) }, ding.Calls, ding.Fail,
			channel("dingtalk", &notifiers.DingTalkSettings{Webhook: secret.New(ding.URL())}),
		},
		"feishu": {
			func() int { fei.Forgive(); return len(fei.Messages()) }, fei.Calls, fei.Fail,
			channel("feishu", &notifiers.FeishuSettings{Webhook: secret.New(fei.URL())}),
		},
		"slack": {
			func() int { return len(hook.Messages()) }, hook.Calls, hook.Fail,
			channel("slack", &notifiers.SlackSettings{Webhook: secret.New(hook.URL())}),
		},
		"wecom": {
			func() int { return len(we.Messages()) }, we.Calls, we.Fail,
			channel("wecom", &notifiers.WeComSettings{Webhook: secret.New(we.URL())}),
		},
	}
}

// Whatever befalls a call, it is repeated, and nothing counts as delivered that was not. The
// end-to-end tests rely on these faults of the fake servers.
func TestFaultsOfMessengers(t *testing.T) {
	for kind, f := range fakes(t) {
		t.Run(kind, func(t *testing.T) {
			patient := f.channel(notifiers.Env{})
			impatient := f.channel(notifiers.Env{Transport: &http.Transport{ResponseHeaderTimeout: 100 * time.Millisecond}})
			for n, c := range []struct {
				fault   chat.Fault
				arrived int
				after   time.Duration
			}{
				{chat.ServerError, 0, 0},
				{chat.Unavailable, 0, 0},
				{chat.TooMany, 0, time.Second},
				{chat.Hang, 0, 0},
				{chat.Reset, 0, 0},
				{chat.LostAnswer, 1, 0}, // accepted, but the answer was lost: it arrives twice
			} {
				before := f.accepted()
				f.fail(1, c.fault)
				channel := patient
				if c.fault == chat.Hang {
					channel = impatient
				}
				var retry *notifiers.Retry
				if err := channel.Send(t.Context(), outage()); !errors.As(err, &retry) || retry.Penalty || retry.After != c.after {
					t.Errorf("%s: got %T %v, want a retry after %s", c.fault, err, err, c.after)
				}
				if got := f.accepted() - before; got != c.arrived {
					t.Errorf("%s: %d arrived, want %d", c.fault, got, c.arrived)
				}
				if err := patient.Send(t.Context(), outage()); err != nil {
					t.Errorf("after %s: %v", c.fault, err)
				}
				if f.calls() != 2*(n+1) {
					t.Errorf("%s: %d calls, want %d", c.fault, f.calls(), 2*(n+1))
				}
			}
		})
	}
}

// Errors of the vendors' own: HTTP 200, and the body says that it was not accepted.
func TestAnErrorInsideHTTP200IsNoDelivery(t *testing.T) {
	all := fakes(t)
	for _, c := range []struct {
		kind    string
		fault   chat.Fault
		after   time.Duration
		penalty bool
	}{
		{"dingtalk", dingtalk.Busy, 0, false},
		{"dingtalk", dingtalk.TooFast, 10 * time.Minute, true},
		{"feishu", feishu.TooFast, time.Minute, true},
		{"feishu", feishu.Congested, 20 * time.Second, true},
		{"wecom", wecom.Busy, 0, false},
		{"wecom", wecom.TooFast, time.Minute, true},
	} {
		f := all[c.kind]
		f.fail(1, c.fault)
		var retry *notifiers.Retry
		err := f.channel(notifiers.Env{}).Send(t.Context(), outage())
		if !errors.As(err, &retry) || retry.After != c.after || retry.Penalty != c.penalty {
			t.Errorf("%s, %s: got %T %+v, want a retry after %s, penalty %v", c.kind, c.fault, err, err, c.after, c.penalty)
		}
		if f.accepted() != 0 {
			t.Errorf("%s, %s: it arrived", c.kind, c.fault)
		}
	}
}
