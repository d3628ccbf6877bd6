package notifiers_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guardian/internal/secret"
	"guardian/notifiers"
	"guardian/test/fake/chat"
	"guardian/test/fake/chat/dingtalk"
)

// tries prints the history of a delivery: who, result and error of each attempt.
func tries(d notifiers.Delivery) []string {
	var out []string
	for _, t := range d.Tries {
		line := t.Receiver + " " + t.Result
		if t.Times > 1 {
			line += fmt.Sprintf(" x%d", t.Times)
		}
		if t.Digest > 0 {
			line += fmt.Sprintf(" of %d", t.Digest)
		}
		if t.Error != "" {
			line += ": " + t.Error
		}
		out = append(out, line)
	}
	return out
}

// Whatever a messenger answers, or does not, the delivery says afterwards: when, to whom, accepted
// or not, with what words.
func TestTheHistoryOfADeliveryHasEachOutcome(t *testing.T) {
	for _, c := range []struct {
		name     string
		robot    []dingtalk.Option
		fault    chat.Fault
		settings func(*notifiers.DingTalkSettings)
		want     []string // the beginning of each line
	}{
		{name: "an error inside 200", fault: dingtalk.Busy, want: []string{"oncall retried: dingtalk: errcode -1: 系统繁忙", "oncall delivered"}},
		{name: "a rate error inside 200", fault: dingtalk.TooFast, want: []string{"oncall moved: dingtalk: errcode 130101: send too fast", "team delivered"}},
		{name: "429", fault: chat.TooMany, want: []string{"oncall retried: HTTP 429: Too Many Requests", "oncall delivered"}},
		{name: "503", fault: chat.Unavailable, want: []string{"oncall retried: HTTP 503: Service Unavailable", "oncall delivered"}},
		{name: "a hang", fault: chat.Hang, want: []string{"oncall retried: post notice: no answer: context deadline exceeded", "oncall delivered"}},
		{name: "a reset in the middle", fault: chat.Reset, want: []string{"oncall retried: post notice: ", "oncall delivered"}},
		{name: "a lost answer", fault: chat.LostAnswer, want: []string{"oncall retried: post notice: ", "oncall delivered"}},
		{
			name: "a wrong signature", settings: func(s *notifiers.DingTalkSettings) { s.Secret = secret.New("SECwrong") },
			want: []string{"oncall moved: dingtalk: errcode 310000: sign not match: set secret to that of the robot", "team delivered"},
		},
		{
			name: "DNS gone", settings: func(s *notifiers.DingTalkSettings) {
				s.Webhook = secret.New("http://no-such-host.invalid/robot/send?access_token=token-4711")
			},
			want: []string{"oncall retried: post notice: dial tcp: lookup no-such-host.invalid"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			robot := dingtalk.New(append(c.robot, dingtalk.WithSecret("SECright"))...)
			defer robot.Close()
			s := &notifiers.DingTalkSettings{Webhook: secret.New(robot.URL()), Secret: secret.New("SECright")}
			if c.settings != nil {
				c.settings(s)
			}
			if c.fault != "" {
				robot.Fail(1, c.fault)
			}
			team := &messenger{}
			k := open(t, map[string]notifiers.Receiver{
				"oncall": {Channel: build(t, "dingtalk", s, notifiers.Env{}), Fallback: "team"}, "team": {Channel: team},
			}, func(o *notifiers.Options) { o.Timeout = 300 * time.Millisecond })
			k.start()
			k.put("oncall", "critical", "a/1")
			deadline := time.Now().Add(20 * time.Second)
			var got []string
			for time.Now().Before(deadline) && len(got) < len(c.want) {
				time.Sleep(10 * time.Millisecond)
				got = tries(k.outbox.Get("oncall/a/1"))
			}
			if len(got) < len(c.want) {
				t.Fatalf("history %q, want %q", got, c.want)
			}
			for i, want := range c.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("line %d is %q, want %q", i, got[i], want)
				}
			}
			if strings.Contains(strings.Join(got, ""), "4711") {
				t.Errorf("%q shows the token", got)
			}
		})
	}
}

// An outage of an hour is a few lines, and what a digest or a crash did is told too.
func TestTheHistoryOfADeliveryIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{answer: func(n int, _ notifiers.Notice) error {
			if n <= 30 {
				return &notifiers.Retry{Err: errors.New("HTTP 503")}
			}
			return nil
		}}
		k := open(t, one(m))
		k.put("oncall", "critical", "a/1")
		d := k.outbox.Get("oncall/a/1")
		d.State, d.Attempts, d.Tried, d.Updated = notifiers.Sending, 1, time.Now(), time.Now()
		if err := k.outbox.Save(context.Background(), d); err != nil {
			t.Fatal(err)
		}
		k.start()
		pass(time.Hour)
		d = k.state("oncall/a/1", notifiers.Delivered)
		if want := []string{"oncall unknown", "oncall retried x30: HTTP 503", "oncall delivered"}; !slices.Equal(tries(d), want) {
			t.Errorf("history %q, want %q", tries(d), want)
		}
		if retried := d.Tries[1]; !retried.Last.After(retried.At) {
			t.Errorf("it does not say from when to when: %+v", retried)
		}
		var names []string
		for i := range 8 {
			names = append(names, fmt.Sprintf("k%d/w", i))
		}
		k.put("oncall", "warning", names...)
		pass(time.Minute)
		last := k.outbox.All()[8]
		if got := tries(last); !slices.Equal(got, []string{"oncall delivered of 7"}) && !slices.Equal(got, []string{"oncall delivered of 8"}) {
			t.Errorf("history %q, want a digest", got)
		}
	})
}

func TestTheHistoryOfADeliveryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{answer: func(n int, _ notifiers.Notice) error {
			if n <= 60 {
				return &notifiers.Retry{Err: fmt.Errorf("HTTP 503, request %d", n)}
			}
			return nil
		}}
		k := open(t, one(m), func(o *notifiers.Options) { o.GiveUpAfter = 24 * time.Hour })
		k.start()
		k.put("oncall", "critical", "a/1")
		pass(2 * time.Hour)
		got := tries(k.state("oncall/a/1", notifiers.Delivered))
		if len(got) != 20 || got[0] != "oncall retried: HTTP 503, request 1" || got[19] != "oncall delivered" || got[18] != "oncall retried: HTTP 503, request 60" {
			t.Errorf("history of %d lines: %q", len(got), got)
		}
	})
}
