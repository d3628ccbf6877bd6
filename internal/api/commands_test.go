package api_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"guardian/internal/announce"
	"guardian/internal/config"
	"guardian/internal/notify"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/oncall"
	"guardian/rules"
)

// chatting is a back end that leads, with two alerts that fire and a person of the configuration.
func chatting(t *testing.T) *standby {
	t.Helper()
	s := newStandby(t)
	s.leads = true
	c := *s.running.Config
	c.Receivers = []config.Receiver{{Name: "group", Language: "zh"}, {Name: "channel"}}
	c.People = []oncall.Person{{Name: "wei", FullName: "王伟", DingTalk: "manager7", Slack: "U012AB3CD"}}
	c.Schedules = []oncall.Settings{{Name: "orders", Layers: []oncall.Layer{{People: []string{"wei"}, Start: "2026-01-05"}}}}
	roster, err := c.RosterWith(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.running.Config, s.running.Roster = &c, roster
	s.running.Teller = notify.Settings{
		Teller: announce.Renderer{Language: c.Server.Language, ExternalURL: c.Server.ExternalURL, Location: c.Location()}, Languages: map[string]string{"group": "zh"},
	}.For
	first, second := alert("a_5f3c11aa22bb33cc44dd55ee", rules.Firing), alert("a_0a0b11aa22bb33cc44dd55ee", rules.Firing)
	second.Tier = rules.Warning
	s.write(store.Batch{Alerts: []rules.Alert{second, first, alert("a_9999", rules.Resolved)}})
	return s
}

func (s *standby) say(t *testing.T, receiver, text, once string) server.Reply {
	t.Helper()
	reply, err := s.Commands.Do(t.Context(), server.Written{
		Receiver: receiver, Messenger: "dingtalk", ChatCommand: notifiers.ChatCommand{UserID: "manager7", UserName: "nick", Text: text, Once: once},
	})
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func TestCommandsOfAChat(t *testing.T) {
	s := chatting(t)
	if r := s.say(t, "group", "状态", "1"); !strings.HasPrefix(r.Text, "2 条告警触发中：\n5f3c  🔴 ") || !strings.Contains(r.Text, "\n0a0b  🟠 ") || r.Public {
		t.Errorf("status: %+v", r)
	}
	if r := s.say(t, "channel", "who", "2"); r.Text != "orders: 王伟" {
		t.Errorf("on call: %+v", r)
	}
	if r := s.say(t, "group", "确认 5f3c 正在看", "3"); !r.Public || !strings.Contains(r.Text, "王伟 已确认：") {
		t.Errorf("ack: %+v", r)
	}
	acks, err := s.journal.Acks(t.Context())
	if err != nil || len(acks) != 1 || acks[0].By != "wei, in DingTalk" || acks[0].Note != "正在看" {
		t.Fatalf("acknowledged: %+v, %v", acks, err)
	}
	if r := s.say(t, "group", "确认 5f3c", "4"); r.Public || r.Text != "已由 wei（在钉钉中） 确认。" {
		t.Errorf("again: %+v", r)
	}
	if r := s.say(t, "channel", "silence 0a0b 30m", "5"); !r.Public || !strings.Contains(r.Text, "王伟 silenced until 16:30:00") {
		t.Errorf("silence: %+v", r)
	}
	silences, err := s.Silences.SilenceList(t.Context())
	if err != nil || len(silences) != 1 || silences[0].By != "wei, in DingTalk" || !silences[0].Until.Equal(start().Add(30*time.Minute)) {
		t.Errorf("silences: %+v, %v", silences, err)
	}
	for text, says := range map[string]string{"ack ffff": "No alert that fires has the ID ffff", "ack 9999": "No alert that fires", "approve r_1": "status – what fires", "rollback orders": "status – what fires"} {
		if r := s.say(t, "channel", text, text); r.Public || !strings.Contains(r.Text, says) {
			t.Errorf("%s: %+v", text, r)
		}
	}
	lines, err := s.Journal.Entries(t.Context(), server.JournalFilter{Limit: 9})
	var said []string // both at one moment: in any order
	for _, l := range lines.Entries {
		said = append(said, l.Who+" "+l.What)
	}
	slices.Sort(said)
	if err != nil || !slices.Equal(said, []string{"wei, in DingTalk ack", "wei, in DingTalk silence"}) {
		t.Errorf("the journal: %+v, %v", lines, err)
	}
}

// Messengers repeat what they heard no answer to: it is done once, also by a guardian that started again since.
func TestACommandIsDoneOnce(t *testing.T) {
	s := chatting(t)
	s.say(t, "channel", "silence 0a0b", "m1")
	again := server.Written{Receiver: "channel", Messenger: "dingtalk", ChatCommand: notifiers.ChatCommand{UserID: "manager7", Text: "silence 0a0b", Once: "m1"}}
	if _, err := s.Commands.Do(t.Context(), again); !errors.Is(err, server.ErrReplayed) {
		t.Errorf("sent again: %v", err)
	}
	s.restart(t)
	if _, err := s.Commands.Do(t.Context(), again); !errors.Is(err, server.ErrReplayed) {
		t.Errorf("sent again after a restart: %v", err)
	}
	if all, err := s.Silences.SilenceList(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d silences, %v", len(all), err)
	}
	// What could not be done may be sent again.
	s.leads = false
	again.Once = "m2"
	if _, err := s.Commands.Do(t.Context(), again); !errors.Is(err, server.ErrStandby) {
		t.Errorf("on a standby: %v", err)
	}
	s.leads = true
	if r, err := s.Commands.Do(t.Context(), again); err != nil || !r.Public {
		t.Errorf("sent again: %+v, %v", r, err)
	}
}

func TestCommandsAreTakenInTheChatsOfReceiversAlone(t *testing.T) {
	s := chatting(t)
	r, err := s.Commands.Do(t.Context(), server.Written{Messenger: "dingtalk", How: "dingtalk.app.conversation_id: cidX", ChatCommand: notifiers.ChatCommand{UserID: "manager7", Text: "ack all", Once: "1"}})
	if err != nil || !strings.Contains(r.Text, "cidX") || r.Public {
		t.Errorf("%+v, %v", r, err)
	}
	if acks, err := s.journal.Acks(t.Context()); err != nil || len(acks) != 0 {
		t.Errorf("acknowledged: %+v, %v", acks, err)
	}
	if r, err := s.Commands.Do(t.Context(), server.Written{Receiver: "channel", Messenger: "slack", ChatCommand: notifiers.ChatCommand{UserID: "U9", UserName: "lin.yue", Text: "ack all", Once: "2"}}); err != nil || !strings.Contains(r.Text, "lin.yue acknowledged: ") {
		t.Errorf("%+v, %v", r, err)
	}
	if acks, err := s.journal.Acks(t.Context()); err != nil || len(acks) != 2 || acks[0].By != "lin.yue, in Slack" {
		t.Errorf("acknowledged: %+v, %v", acks, err)
	}
}
