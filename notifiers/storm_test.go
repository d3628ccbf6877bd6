package notifiers_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"guardian/internal/secret"
	"guardian/notifiers"
	"guardian/test/fake/chat"
	"guardian/test/fake/chat/dingtalk"
	"guardian/test/fake/chat/feishu"
	"guardian/test/fake/chat/slack"
	"guardian/test/fake/chat/wecom"
)

// heard is what a messenger accepted or refused, in order.
type heard struct {
	mu       sync.Mutex
	accepted []time.Time
	bodies   []string
	refused  []string
}

func (h *heard) take(a chat.Answer, accepted bool, body string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !accepted {
		h.refused = append(h.refused, fmt.Sprint(a.Status, " ", a.Body))
		return
	}
	h.accepted, h.bodies = append(h.accepted, time.Now()), append(h.bodies, body)
}

// slow is a network: each direction takes a while, and what is cancelled on the way back arrived.
type slow struct{ inner http.RoundTripper }

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	wait := func() error {
		select {
		case <-r.Context().Done():
			return r.Context().Err()
		case <-time.After(time.Duration(20+rand.IntN(80)) * time.Millisecond): //nolint:gosec // any delay will do
			return nil
		}
	}
	if err := wait(); err != nil {
		return nil, err
	}
	answer, err := s.inner.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if err := wait(); err != nil {
		return nil, err
	}
	return answer, nil
}

// messengersOf starts a fake of each chat service under the clock of whoever calls it, and returns
// receivers that post to them.
func messengersOf(t *testing.T) (map[string]notifiers.Receiver, map[string]*heard) {
	t.Helper()
	ding, second := dingtalk.New(dingtalk.WithNow(time.Now)), dingtalk.New(dingtalk.WithNow(time.Now), dingtalk.WithToken("second0robot0token"))
	we, fei, work := wecom.New(wecom.WithNow(time.Now)), feishu.New(feishu.WithNow(time.Now)), slack.New(slack.WithNow(time.Now))
	said := map[string]*heard{"dingtalk 1": {}, "dingtalk 2": {}, "wecom": {}, "feishu": {}, "slack": {}}
	ding.OnCall(func(a chat.Answer, m *dingtalk.Message) {
		said["dingtalk 1"].take(a, m != nil, body(m, func(m *dingtalk.Message) string { return m.Text }))
	})
	second.OnCall(func(a chat.Answer, m *dingtalk.Message) {
		said["dingtalk 2"].take(a, m != nil, body(m, func(m *dingtalk.Message) string { return m.Text }))
	})
	we.OnCall(func(a chat.Answer, m *wecom.Message) {
		said["wecom"].take(a, m != nil, body(m, func(m *wecom.Message) string { return m.Text }))
	})
	fei.OnCall(func(a chat.Answer, m *feishu.Message) {
		said["feishu"].take(a, m != nil, body(m, func(m *feishu.Message) string { return m.Title + m.Text }))
	})
	work.OnCall(func(a chat.Answer, m *slack.Message) {
		if m == nil || !m.Update { // an update is no message
			said["slack"].take(a, m != nil, body(m, func(m *slack.Message) string { return m.Text + m.All() }))
		}
	})
	// Each fake is called in this process: its address says which.
	network := map[string]http.RoundTripper{}
	for base, inner := range map[string]http.RoundTripper{
		ding.Base(): ding.Transport(), second.Base(): second.Transport(), we.Base(): we.Transport(), fei.Base(): fei.Transport(), work.Base(): work.Transport(),
	} {
		network[strings.TrimPrefix(base, "http://")] = slow{inner}
	}
	env := notifiers.Env{Now: time.Now, Transport: byHost(network)}
	settings := map[string]any{
		"dingtalk": &notifiers.DingTalkSettings{Robots: []notifiers.DingTalkRobot{{Webhook: secret.New(ding.URL())}, {Webhook: secret.New(second.URL())}}},
		"wecom":    &notifiers.WeComSettings{Webhook: secret.New(we.URL())},
		"feishu":   &notifiers.FeishuSettings{Webhook: secret.New(fei.URL())},
		"slack":    &notifiers.SlackSettings{Token: secret.New(work.Token()), Channel: "C0ALERTS", APIURL: work.API()},
	}
	receivers := map[string]notifiers.Receiver{}
	for kind, s := range settings {
		receivers[kind] = notifiers.Receiver{Channel: build(t, kind, s, env), Budget: notifiers.Builtin()[kind].Budget}
	}
	for _, s := range []interface{ Close() }{ding, second, we, fei, work} {
		t.Cleanup(s.Close)
	}
	return receivers, said
}

func body[M any](m *M, text func(*M) string) string {
	if m == nil {
		return ""
	}
	return text(m)
}

type byHost map[string]http.RoundTripper

func (b byHost) RoundTrip(r *http.Request) (*http.Response, error) { return b[r.URL.Host].RoundTrip(r) }

// groupOf names the group of a notice of the storm: 50 services in three tiers.
func groupOf(service int, tier string) string { return fmt.Sprintf("svc-%02d/%s", service, tier) }

// storm lets notices of 150 groups arrive within a minute, at every messenger. each is called after
// each of them.
func (k *desk) storm(notices int, each func(i int)) (critical map[string]time.Time) {
	tiers := []string{"critical", "warning", "info"}
	critical = map[string]time.Time{}
	for i := range notices {
		tier, service := tiers[rand.IntN(3)], rand.IntN(50) //nolint:gosec // any order will do
		group := groupOf(service, tier)
		if _, known := critical[group]; tier == "critical" && !known {
			critical[group] = time.Now()
		}
		for receiver := range k.o.Receivers {
			d := notifiers.Delivery{
				ID: fmt.Sprintf("%s/%04d", receiver, i), Receiver: receiver, State: notifiers.Queued, NextAt: time.Now(),
				Notice: notifiers.Notice{
					ID: fmt.Sprintf("n%04d", i), Key: group, Tier: tier, Tone: notifiers.Bad, Lang: "en", Created: time.Now(),
					Title: fmt.Sprintf("[%s] #%04d", group, i), Text: "orders are late",
				},
			}
			if err := k.outbox.Save(context.Background(), d); err != nil {
				k.t.Fatal(err)
			}
			k.d.Wake(receiver)
		}
		time.Sleep(time.Minute / time.Duration(notices))
		each(i)
	}
	return critical
}

// A storm of half as many notices, and the guardian is killed fifty times at random: every notice is accepted at
// least once, and not again if the messenger's answer was there before the kill.
func TestAStormWithFiftyKills(t *testing.T) {
	receivers, said := messengersOf(t)
	synctest.Test(t, func(t *testing.T) {
		k := open(t, receivers)
		start := func() (kill context.CancelFunc) {
			ctx, kill := context.WithCancel(context.Background())
			k.d.Start(ctx)
			return kill
		}
		kill, kills := start(), 0
		k.storm(1000, func(i int) {
			if kills < 50 && rand.IntN(15) == 0 { //nolint:gosec // any moment will do
				kills++
				kill()
				synctest.Wait()
				time.Sleep(time.Duration(rand.IntN(500)) * time.Millisecond) //nolint:gosec // any time will do
				var err error
				if k.d, err = notifiers.NewDispatcher(k.o); err != nil {
					t.Fatal(err)
				}
				kill = start()
			}
		})
		pass(20 * time.Minute)
		k.arrived(said)
		again := 0
		for _, d := range k.outbox.All() {
			answered := 0
			for _, try := range d.Tries {
				if try.Result == "delivered" {
					answered += try.Times
				}
			}
			if answered != 1 {
				t.Errorf("%s was accepted %d times: %+v", d.ID, answered, d.Tries)
			}
			if d.Attempts > 1 {
				again++
			}
		}
		if kills < 40 || again == 0 {
			t.Errorf("%d kills, after which %d notices were sent again: this test proves little", kills, again)
		}
		kill()
		synctest.Wait()
	})
}

// arrived checks that all was delivered and that no messenger was asked for more than it allows.
func (k *desk) arrived(said map[string]*heard) {
	k.t.Helper()
	for _, d := range k.outbox.All() {
		if d.State != notifiers.Delivered {
			k.t.Fatalf("%+v", d)
		}
	}
	for name, h := range said {
		if len(h.refused) > 0 {
			k.t.Errorf("%s refused %d calls, the first with %s", name, len(h.refused), h.refused[0])
		}
		for i := range h.accepted {
			n := 0
			for _, at := range h.accepted[i:] {
				if at.Sub(h.accepted[i]) < time.Minute {
					n++
				}
			}
			if n > 12 {
				k.t.Errorf("%s got %d messages within a minute", name, n)
				break
			}
		}
		if len(h.accepted) < 10 {
			k.t.Errorf("%s got %d messages: this test proves nothing about it", name, len(h.accepted))
		}
	}
}
