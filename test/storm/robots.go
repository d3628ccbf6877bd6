package storm

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"guardian/test/fake/chat"
	"guardian/test/fake/chat/dingtalk"
	"guardian/test/fake/chat/feishu"
	"guardian/test/fake/chat/slack"
	"guardian/test/fake/chat/wecom"
)

// robot is a fake of a messenger's robot and what it got.
type robot struct {
	name, receiver string
	via            string   // as the journal calls it, of a receiver with several
	settings       []string // lines of the configuration
	sending        func(receiver, via string) []string

	mu       sync.Mutex
	messages []message
	refused  []string // answers to calls that were not accepted
}

// message is one that was accepted.
type message struct {
	at         time.Time
	text       string
	update     bool     // it changed an earlier one
	deliveries []string // that the journal said were under way
}

func (r *robot) take(a chat.Answer, m *message) {
	at := time.Now()
	if m != nil && !m.update {
		m.deliveries = r.sending(r.receiver, r.via)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if m == nil {
		r.refused = append(r.refused, fmt.Sprint(a.Status, " ", a.Body))
		return
	}
	m.at, m.text = at, strings.ReplaceAll(m.text, `\`, "") // Markdown's escapes
	r.messages = append(r.messages, *m)
}

// longestAnswer is how long an answer takes at most: a kill may come between it and the message.
const longestAnswer = 500 * time.Millisecond

func (r *robot) answer(a chat.Answer, m *message) {
	r.take(a, m)
	time.Sleep(time.Duration(rand.Int64N(int64(longestAnswer)))) //nolint:gosec // any time will do
}

func (r *robot) all() ([]message, []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]message{}, r.messages...), append([]string{}, r.refused...)
}

func receiverNames() []string { return []string{"dingtalk", "wecom", "feishu", "slack"} }

// hear has a robot take what a fake gets.
func hear[M any](tb testing.TB, r *robot, server chat.Running[M], read func(M) message) *robot {
	tb.Helper()
	tb.Cleanup(server.Close)
	server.OnCall(func(a chat.Answer, m *M) {
		if m == nil {
			r.answer(a, nil)
			return
		}
		r.answer(a, new(read(*m)))
	})
	return r
}

// robots starts the fakes: two robots of DingTalk, one of each other messenger.
func robots(tb testing.TB) (all []*robot) {
	tb.Helper()
	for i, token := range []string{"first0robot0token", "second0robot0token"} {
		s := dingtalk.New(dingtalk.WithToken(token))
		r := &robot{name: fmt.Sprint("dingtalk ", i+1), receiver: "dingtalk", via: fmt.Sprint(i + 1), settings: []string{fmt.Sprintf("{webhook: %q}", s.URL())}}
		all = append(all, hear(tb, r, s, func(m dingtalk.Message) message { return message{text: m.Title + "\n" + m.Text} }))
	}
	we, fei, work := wecom.New(), feishu.New(), slack.New()
	return append(all,
		hear(tb, &robot{name: "wecom", receiver: "wecom", settings: []string{fmt.Sprintf("wecom: {webhook: %q}", we.URL())}}, we, func(m wecom.Message) message { return message{text: m.Text} }),
		hear(tb, &robot{name: "feishu", receiver: "feishu", settings: []string{fmt.Sprintf("feishu: {webhook: %q}", fei.URL())}}, fei, func(m feishu.Message) message { return message{text: m.Title + "\n" + m.Text} }),
		hear(tb, &robot{name: "slack", receiver: "slack", settings: []string{fmt.Sprintf("slack: {token: %q, channel: C0ALERTS, api_url: %q}", work.Token(), work.API())}}, work, func(m slack.Message) message {
			return message{text: m.Text + "\n" + m.All(), update: m.Update}
		}),
	)
}

// receivers is the configuration of the receivers to which the robots belong.
func receivers(all []*robot) string {
	var b strings.Builder
	var ding []string
	for _, r := range all {
		if r.receiver == "dingtalk" {
			ding = append(ding, r.settings...)
			continue
		}
		fmt.Fprintf(&b, "  - {name: %s, language: en, %s}\n", r.receiver, r.settings[0])
	}
	fmt.Fprintf(&b, "  - {name: dingtalk, language: en, dingtalk: {robots: [%s]}}\n", strings.Join(ding, ", "))
	return b.String()
}
