package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"guardian/internal/chatops"
	"guardian/internal/secret"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/oncall"
	"guardian/rules"
)

// messaged is a back end that leads, with a message about a firing alert and one that resolved.
func messaged(t *testing.T) *standby {
	t.Helper()
	s := newStandby(t)
	s.leads = true
	over := alert("a_2", rules.Resolved)
	s.write(store.Batch{
		Alerts: []rules.Alert{alert("a_1", rules.Firing), over},
		Deliveries: []notifiers.Delivery{{
			ID: "q_1", Receiver: "group", State: notifiers.Delivered,
			Notice: notifiers.Notice{ID: "n_1", Kind: "alert", Title: "two alerts", Lang: "zh", Alerts: []string{"a_1", "a_2"}, Created: start().Add(300 * time.Millisecond)},
		}},
	})
	return s
}

func asked(action chatops.Action) chatops.Request {
	return chatops.Request{Action: action, Delivery: "q_1", Receiver: "group", Expires: start().Add(24 * time.Hour)}
}

func TestARequestOfAMessageIsDoneOnce(t *testing.T) {
	s := messaged(t)
	who := chatops.ByLink("group")
	if at, err := s.Chat.Standing(t.Context(), asked(chatops.Acknowledge)); err != nil || at.Outcome != chatops.May || at.Title != "two alerts" || len(at.Alerts) != 2 || len(at.Decision.Alerts) != 1 {
		t.Fatalf("before: %+v, %v", at, err)
	}
	// Several at once: one does it, the others hear what was done.
	var all sync.WaitGroup
	outcomes := make(chan chatops.Outcome, 4)
	for range cap(outcomes) {
		all.Go(func() {
			d, err := s.Chat.Act(t.Context(), asked(chatops.Acknowledge), who)
			if err != nil || d.Done == nil || d.Done.By != who {
				t.Errorf("%+v, %v", d, err)
			}
			outcomes <- d.Outcome
		})
	}
	all.Wait()
	close(outcomes)
	times := map[chatops.Outcome]int{}
	for o := range outcomes {
		times[o]++
	}
	if times[chatops.May] != 1 || times[chatops.Used] != 3 {
		t.Errorf("outcomes %v, want it done once", times)
	}
	s.leads = false // what only a leader knows of alerts is not there
	one, err := s.Alerts.OneAlert(t.Context(), "a_1")
	if err != nil || one.Ack == nil || one.Ack.By != "receiver group, by link" {
		t.Errorf("the alert is acknowledged by %+v, %v", one.Ack, err)
	}
	lines, err := s.Journal.Entries(t.Context(), server.JournalFilter{Limit: 10})
	if err != nil || len(lines.Entries) != 1 || lines.Entries[0].Who != who || lines.Entries[0].What != "ack" || lines.Entries[0].Subject != "a_1" {
		t.Errorf("the journal says %+v, %v", lines, err)
	}
	s.leads = true
	// Taken back by a person, the link does not do it again.
	if err := s.Acks.UnackAlert(t.Context(), "a_1", server.Caller{Name: "ada"}); err != nil {
		t.Fatal(err)
	}
	s.now = s.now.Add(time.Hour)
	if d, err := s.Chat.Act(t.Context(), asked(chatops.Acknowledge), who); err != nil || d.Outcome != chatops.Used || !d.Done.At.Equal(start()) {
		t.Errorf("again: %+v, %v", d, err)
	}
	if at, err := s.Chat.Standing(t.Context(), asked(chatops.Silence)); err != nil || at.Outcome != chatops.May {
		t.Errorf("the other link: %+v, %v", at, err)
	}
}

func TestASilenceOfAMessageMutesTheAlertThatFires(t *testing.T) {
	s := messaged(t)
	d, err := s.Chat.Act(t.Context(), asked(chatops.Silence), "ada")
	if err != nil || d.Outcome != chatops.May || !d.Done.Until.Equal(start().Add(2*time.Hour)) {
		t.Fatalf("%+v, %v", d, err)
	}
	all, err := s.Silences.SilenceList(t.Context())
	if err != nil || len(all) != 1 || all[0].By != "ada" || all[0].Comment != "在消息中操作" || !all[0].Until.Equal(d.Done.Until) {
		t.Fatalf("silences %+v, %v", all, err)
	}
	s.leads = false
	if one, err := s.Alerts.OneAlert(t.Context(), "a_1"); err != nil || len(one.Silences) != 1 {
		t.Errorf("the alert is silenced by %v, %v", one.Silences, err)
	}
}

func TestARequestIsDecidedAnewWhenItIsMade(t *testing.T) {
	s := messaged(t)
	resolved := alert("a_1", rules.Resolved)
	s.write(store.Batch{Alerts: []rules.Alert{resolved}})
	if d, err := s.Chat.Act(t.Context(), asked(chatops.Acknowledge), "ada"); err != nil || d.Outcome != chatops.Over || d.Done != nil {
		t.Errorf("%+v, %v", d, err)
	}
	if lines, err := s.Journal.Entries(t.Context(), server.JournalFilter{Limit: 10}); err != nil || len(lines.Entries) != 0 {
		t.Errorf("the journal says %+v, %v", lines, err)
	}
}

func TestAStandbyReadsRequestsAndMakesNone(t *testing.T) {
	s := messaged(t)
	s.leads = false
	if at, err := s.Chat.Standing(t.Context(), asked(chatops.Acknowledge)); err != nil || at.Outcome != chatops.May {
		t.Errorf("%+v, %v", at, err)
	}
	if _, err := s.Chat.Act(t.Context(), asked(chatops.Acknowledge), "ada"); !errors.Is(err, server.ErrStandby) {
		t.Errorf("got %v", err)
	}
	if at, err := s.Chat.Standing(t.Context(), chatops.Request{Action: chatops.Acknowledge, Delivery: "q_9"}); err != nil || at.Outcome != chatops.Unknown {
		t.Errorf("a message that is not known: %+v, %v", at, err)
	}
}

func TestLinksAreReadWithTheKeyOfTheConfigurationThatRuns(t *testing.T) {
	s := messaged(t)
	if _, err := s.Chat.ReadLink(chatops.Acknowledge, ""); !errors.Is(err, server.ErrNoLinks) {
		t.Errorf("without a key: %v", err)
	}
	s.running.Config.Server.ExternalURLSet = true
	s.running.LinkKey = chatops.NewKey("a key of links, of 32 characters")
	if got, err := s.Chat.ReadLink(chatops.Acknowledge, s.running.LinkKey.Sign(asked(chatops.Acknowledge))); err != nil || got != asked(chatops.Acknowledge) {
		t.Errorf("got %+v, %v", got, err)
	}
}

const signing = "8f742231b10e8888abcd99yyyzzz85a5"

// clicked is Slack's call for a click of somebody in a channel.
func clicked(t *testing.T, s *standby, channel, user, name string) (http.Header, []byte) {
	t.Helper()
	payload, err := json.Marshal(map[string]any{
		"type": "block_actions", "user": map[string]any{"id": user, "name": name}, "channel": map[string]any{"id": channel},
		"actions": []any{map[string]any{"type": "button", "block_id": "b", "action_id": "guardian_ack", "value": s.running.LinkKey.Sign(asked(chatops.Acknowledge))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(url.Values{"payload": {string(payload)}}.Encode())
	header := http.Header{}
	header.Set("X-Slack-Request-Timestamp", strconv.FormatInt(s.now.Unix(), 10))
	header.Set("X-Slack-Signature", notifiers.SignSlack(secret.New(signing), s.now.Unix(), body))
	return header, body
}

func TestWhoClickedIsThePersonOfTheConfiguration(t *testing.T) {
	s := messaged(t)
	if _, err := s.Chat.ReadClick(http.Header{}, nil); !errors.Is(err, server.ErrNotFound) {
		t.Errorf("without buttons: %v", err)
	}
	s.running.LinkKey = chatops.NewKey("a key of links, of 32 characters")
	s.running.Config.People = []oncall.Person{{Name: "wei", FullName: "王伟", Slack: "U012AB3CD"}}
	s.running.Clicks = map[string]notifiers.SlackClicks{}
	for name, channel := range map[string]string{"alerts": "C0ALERTS", "orders": "C0ORDERS"} { // of one app
		s.running.Clicks[name], _ = notifiers.NewSlackClicks(&notifiers.SlackSettings{Channel: channel, SigningSecret: secret.New(signing)}, notifiers.Env{})
	}
	for name, c := range map[string]struct{ channel, user, who, shown, receiver string }{
		"a person":      {"C0ORDERS", "U012AB3CD", "wei, in Slack", "王伟", "orders"},
		"somebody else": {"C0ALERTS", "U0OTHER00", "lin.yue, in Slack", "lin.yue", "alerts"},
	} {
		header, body := clicked(t, s, c.channel, c.user, "lin.yue")
		got, err := s.Chat.ReadClick(header, body)
		if err != nil || got.Who != c.who || got.Name != c.shown || got.Receiver != c.receiver || got.Wrong != nil || got.Request != asked(chatops.Acknowledge) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if _, err := s.Chat.ReadClick(header, body); !errors.Is(err, server.ErrReplayed) {
			t.Errorf("%s, played again: %v", name, err)
		}
		s.now = s.now.Add(5 * time.Minute)
		if _, err := s.Chat.ReadClick(header, body); !errors.Is(err, server.ErrReplayed) {
			t.Errorf("%s, played again at the end of the window: %v", name, err)
		}
		s.now = s.now.Add(time.Second)
		if _, err := s.Chat.ReadClick(header, body); !errors.Is(err, notifiers.ErrSlackTime) {
			t.Errorf("%s, played again later: %v", name, err)
		}
	}
	header, body := clicked(t, s, "C0OTHER", "U012AB3CD", "wei")
	if _, err := s.Chat.ReadClick(header, body); !errors.Is(err, notifiers.ErrSlackCall) {
		t.Errorf("a channel of no receiver: %v", err)
	}
}

// What came by a connection to Slack is sent again when Slack heard no answer.
func TestAClickOfOneEnvelopeIsTakenOnce(t *testing.T) {
	s := messaged(t)
	s.running.LinkKey = chatops.NewKey("a key of links, of 32 characters")
	clicks, _ := notifiers.NewSlackClicks(&notifiers.SlackSettings{Channel: "C0ALERTS", AppToken: secret.New("xapp-1")}, notifiers.Env{})
	s.running.Clicks = map[string]notifiers.SlackClicks{"alerts": clicks}
	header, body := clicked(t, s, "C0ALERTS", "U012AB3CD", "wei")
	if _, err := s.Chat.ReadClick(header, body); !errors.Is(err, notifiers.ErrSlackSignature) {
		t.Errorf("a call, where clicks come by a connection: %v", err)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		t.Fatal(err)
	}
	payload := []byte(form.Get("payload"))
	if got, err := s.Chat.ReadSocketClick("e-1", payload); err != nil || got.Who != "wei, in Slack" || got.Request != asked(chatops.Acknowledge) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := s.Chat.ReadSocketClick("e-1", payload); !errors.Is(err, server.ErrReplayed) {
		t.Errorf("again: %v", err)
	}
	if _, err := s.Chat.ReadSocketClick("e-2", []byte("{}")); !errors.Is(err, notifiers.ErrSlackCall) {
		t.Errorf("something else: %v", err)
	}
}
