package api_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"guardian/internal/chatops"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/notifiers"
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
	s.running.LinkKey = chatops.NewKey("a key of links, of 32 characters")
	if got, err := s.Chat.ReadLink(chatops.Acknowledge, s.running.LinkKey.Sign(asked(chatops.Acknowledge))); err != nil || got != asked(chatops.Acknowledge) {
		t.Errorf("got %+v, %v", got, err)
	}
}
