package server_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"guardian/internal/chatops"
	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/internal/server"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/rules"
)

func linkKey() chatops.Key { return chatops.NewKey("a key of links that no page shows") }

// link is the address of a link in a message to the receiver dingtalk-oncall, which is valid for a day.
func link(action chatops.Action, delivery string) string {
	return "/act/" + string(action) + "?t=" + linkKey().Sign(chatops.Request{
		Action: action, Delivery: delivery, Receiver: "dingtalk-oncall", Expires: fixedNow().Add(24 * time.Hour),
	})
}

func (m *memory) ReadLink(action chatops.Action, text string) (chatops.Request, error) {
	if m.messages == nil {
		return chatops.Request{}, server.ErrNoLinks
	}
	return linkKey().Read(action, text)
}

func (m *memory) chatFacts(r chatops.Request) chatops.Facts {
	f := chatops.Facts{Sent: m.sent, Acks: map[string]rules.Ack{}}
	ids, known := m.messages[r.Delivery]
	f.Known = known
	for _, a := range m.alerts {
		if slices.Contains(ids, a.ID) {
			f.Alerts = append(f.Alerts, a.Alert)
			if a.Ack != nil {
				f.Acks[a.ID] = *a.Ack
			}
		}
	}
	if done, ok := m.done[r]; ok {
		f.Done = &done
	}
	return f
}

func (m *memory) Standing(_ context.Context, r chatops.Request) (server.ChatStanding, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.chatFacts(r)
	return server.ChatStanding{Decision: chatops.Decide(r, f, m.now), Alerts: f.Alerts, Title: "【严重】order-sync", Language: "zh"}, nil
}

func (m *memory) Act(_ context.Context, r chatops.Request, who string) (_ chatops.Decision, err error) {
	defer m.acts(&err)()
	if err != nil {
		return chatops.Decision{}, err
	}
	d := chatops.Decide(r, m.chatFacts(r), m.now)
	if d.Outcome != chatops.May {
		return d, nil
	}
	done := chatops.Done{Action: r.Action, By: who, At: m.now}
	for _, a := range d.Alerts {
		m.note(server.Caller{Name: who}, a.Service(), string(r.Action), a.ID, reason.Reason{})
		if r.Action == chatops.Silence {
			done.Until = m.now.Add(chatops.SilenceFor)
			m.silences = append(m.silences, route.Silence{ID: "s_link", Matchers: chatops.Matchers(a), From: m.now, Until: done.Until, By: who})
			continue
		}
		one, err := m.alert(a.ID)
		if err != nil {
			return d, err
		}
		one.Ack = &rules.Ack{Alert: a.ID, By: who, At: m.now}
	}
	m.done[r], d.Done = done, &done
	return d, nil
}

const slackSecret = "the signing secret of the app"

func (m *memory) ReadClick(header http.Header, body []byte) (server.Click, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	clicks, _ := notifiers.NewSlackClicks(&notifiers.SlackSettings{Channel: "C0ALERTS", SigningSecret: secret.New(slackSecret)}, notifiers.Env{})
	from, err := clicks.Read(header, body, m.now)
	if err != nil {
		return server.Click{}, err
	}
	if slices.Contains(m.played, from.Once) {
		return server.Click{}, server.ErrReplayed
	}
	m.played = append(m.played, from.Once)
	click := server.Click{Receiver: "slack-oncall", SlackClick: from, Name: from.UserName, Who: chatops.InSlack(from.UserName)}
	click.Request, click.Wrong = linkKey().Read(chatops.Action(from.Button.ID), from.Button.Value)
	return click, nil
}

func (m *memory) AnswerClick(_ context.Context, _ server.Click, text string, done bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clicked = append(m.clicked, fmt.Sprint(done, " ", text))
	return nil
}

func (*memory) ReadSocketClick(string, []byte) (server.Click, error) {
	return server.Click{}, notifiers.ErrSlackCall
}
