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
	"guardian/notifiers/notifiertest"
	"guardian/test/fake/chat"
	"guardian/test/fake/chat/slack"
)

func botOf(w *slack.Server) *notifiers.SlackSettings {
	return &notifiers.SlackSettings{Token: secret.New(w.Token()), Channel: "C0ALERTS", APIURL: w.API(), Mention: "<!here>"}
}

func TestSlacksBotKeepsTheContract(t *testing.T) {
	notifiertest.Run(t, notifiertest.Messenger{
		Build: func(t *testing.T, base string, env notifiers.Env) notifiers.Channel {
			t.Helper()
			return build(t, "slack", &notifiers.SlackSettings{Token: secret.New("xoxb-bot-secret"), Channel: "C0ALERTS", APIURL: base + "/api", Mention: "<!here>"}, env)
		},
		Secrets:  []string{"xoxb-bot-secret"},
		Accepted: `{"ok":true,"channel":"C0ALERTS","ts":"1700000000.000100"}`,
		Refused:  []string{"", "ok", "{}", `{"ok":false,"error":"invalid_auth"}`, `{"ok":false,"error":"ratelimited"}`, `{"ok":"true"}`, "<html>login</html>"},
		MaxBytes: 40000,
	})
}

// follow sends notices of one conversation, each after the last.
func follow(t *testing.T, c notifiers.Channel, last notifiers.Sent, notices ...notifiers.Notice) notifiers.Sent {
	t.Helper()
	threaded, ok := c.(notifiers.Threaded)
	if !ok {
		t.Fatalf("%T has no conversations", c)
	}
	for _, n := range notices {
		ref, err := threaded.Follow(t.Context(), n, last)
		if err != nil {
			t.Fatal(err)
		}
		last = notifiers.Sent{Ref: ref, Tone: n.Tone, At: n.Created}
	}
	return last
}

// An alert is one message in the channel, which shows how it is now; what happened is in its
// thread. What needs a person is in the channel too.
func TestAnAlertIsOneMessageInSlack(t *testing.T) {
	w := slack.New()
	defer w.Close()
	c := build(t, "slack", botOf(w), notifiers.Env{})
	fires := outage()
	fires.Created = time.Now()
	worse, resolved := fires, fires
	worse.Title = "推单失败，更严重"
	resolved.Title, resolved.Tone, resolved.Mention = "推单恢复", notifiers.Good, false
	follow(t, c, notifiers.Sent{}, fires, worse, resolved)

	shown := w.Shown()
	if len(shown) != 3 {
		t.Fatalf("%d messages, want the first and two in its thread: %+v", len(shown), shown)
	}
	root, second, third := shown[0], shown[1], shown[2]
	if root.Thread != "" || !strings.Contains(root.All(), "🟢 推单恢复") || strings.Contains(root.All(), "<!here>") {
		t.Errorf("the message in the channel should show the resolved alert and ping nobody again:\n%s", root.All())
	}
	if second.Thread != root.TS || !second.Also || !strings.Contains(second.All(), "<!here>") {
		t.Errorf("what is worse should be in the thread and the channel, with a ping: %+v", second)
	}
	if third.Thread != root.TS || third.Also || !strings.Contains(third.All(), "推单恢复") {
		t.Errorf("what is resolved should be in the thread alone: %+v", third)
	}
}

// Three rules see one outage: one conversation, in which the first message shows what it is about.
func TestAnOutageOfSeveralAlertsIsOneConversation(t *testing.T) {
	w := slack.New()
	defer w.Close()
	c := build(t, "slack", botOf(w), notifiers.Env{})
	about := func(key, title string, tone notifiers.Tone) notifiers.Notice {
		return notifiers.Notice{ID: "n_" + title, Key: key, Thread: "order-sync/production", Tone: tone, Title: title, Created: time.Now(), Mention: tone == notifiers.Bad}
	}
	follow(t, c, notifiers.Sent{},
		about("alerts/w", "slow", notifiers.Warn), about("alerts/c", "down", notifiers.Bad), about("alerts/c", "up", notifiers.Good), about("alerts/w", "fast", notifiers.Good))
	var got []string
	for _, m := range w.Shown() {
		line := m.Text
		if m.Thread == w.Shown()[0].TS {
			line = "> " + line
		}
		if m.Also {
			line += " (also in the channel)"
		}
		got = append(got, line)
	}
	if want := []string{"🟢 fast", "> 🔴 down (also in the channel)", "> 🟢 up", "> 🟢 fast"}; !slices.Equal(got, want) {
		t.Errorf("shown %q, want %q", got, want)
	}
}

func TestWhenAConversationInSlackBeginsAnew(t *testing.T) {
	for name, c := range map[string]struct {
		last  func(first notifiers.Sent) notifiers.Sent
		later time.Duration
		anew  bool
	}{
		"a minute later":                    {later: time.Minute},
		"a day later":                       {later: 25 * time.Hour, anew: true},
		"ten minutes after it was resolved": {later: 10 * time.Minute, last: func(s notifiers.Sent) notifiers.Sent { s.Tone = notifiers.Good; return s }},
		"two hours after it was resolved":   {later: 2 * time.Hour, last: func(s notifiers.Sent) notifiers.Sent { s.Tone = notifiers.Good; return s }, anew: true},
		"the receiver's channel is another one": {last: func(s notifiers.Sent) notifiers.Sent {
			return notifiers.Sent{Ref: strings.Replace(s.Ref, "C0ALERTS", "C0OTHER", 1)}
		}, anew: true},
		"the message was deleted": {last: func(s notifiers.Sent) notifiers.Sent {
			return notifiers.Sent{Ref: strings.Replace(s.Ref, "/alert", "9/alert", 1), Tone: s.Tone, At: s.At}
		}, anew: true},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			w := slack.New(slack.WithNow(func() time.Time { return now }))
			defer w.Close()
			channel := build(t, "slack", botOf(w), notifiers.Env{Now: func() time.Time { return now }})
			n := outage()
			n.Created = now
			last := follow(t, channel, notifiers.Sent{}, n)
			if c.last != nil {
				last = c.last(last)
			}
			now = now.Add(c.later)
			follow(t, channel, last, n)
			shown := w.Shown()
			if anew := shown[1].Thread == ""; len(shown) != 2 || anew != c.anew {
				t.Errorf("began anew: %v, want %v", anew, c.anew)
			}
		})
	}
}

// The journal remembers the conversation: after a restart the alert's message is updated.
func TestAConversationGoesOnAfterARestart(t *testing.T) {
	w := slack.New()
	defer w.Close()
	c := build(t, "slack", botOf(w), notifiers.Env{})
	k := open(t, map[string]notifiers.Receiver{"oncall": {Channel: c}})
	k.start()
	arrive := func(n int) {
		t.Helper()
		deadline := time.Now().Add(10 * time.Second)
		for time.Now().Before(deadline) {
			done := 0
			for _, d := range k.outbox.All() {
				if d.State == notifiers.Delivered {
					done++
				}
			}
			if done == n {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Fatalf("not delivered: %+v", k.outbox.All())
	}
	k.put("oncall", "critical", "a/fires")
	arrive(1)
	if err := k.d.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	var err error
	if k.d, err = notifiers.NewDispatcher(k.o); err != nil {
		t.Fatal(err)
	}
	k.start()
	k.put("oncall", "critical", "a/resolved", "b/another")
	arrive(3)
	shown := w.Shown()
	if len(shown) != 3 || !strings.Contains(shown[0].All(), "resolved") {
		t.Fatalf("%+v", shown)
	}
	for _, m := range shown[1:] {
		if follows := m.Thread == shown[0].TS; follows != strings.Contains(m.All(), "resolved") {
			t.Errorf("%q is in the thread: %v", m.Text, follows)
		}
	}

	// In a storm one digest tells all, and the messages are updated.
	k.put("oncall", "critical", "a/again", "b/again", "c/1", "d/1", "e/1", "f/1", "g/1")
	arrive(10)
	// The digest is what must arrive; the update follows it.
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if shown = w.Shown(); strings.Contains(shown[0].All(), "again") {
			break
		}
	}
	if len(shown) != 4 || !strings.Contains(shown[0].All(), "again") || !strings.Contains(shown[3].All(), "7 notices in one") || shown[3].Thread != "" {
		t.Errorf("%d messages, want a digest as the fourth and the first one updated: %+v", len(shown), shown)
	}
}

func TestSlacksBotErrorsSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		fault  chat.Fault
		change func(*notifiers.SlackSettings)
		retry  bool
		want   string
	}{
		{fault: slack.InvalidAuth, want: "copy the bot's token"},
		{fault: slack.NotInChannel, want: "/invite"},
		{fault: slack.Limited, retry: true, want: "429"},
		{fault: chat.Unavailable, retry: true, want: "503"},
		{fault: chat.LostAnswer, retry: true, want: "post notice"},
		{change: func(s *notifiers.SlackSettings) { s.Token = secret.New("xoxb-wrong") }, want: "copy the bot's token"},
		{change: func(s *notifiers.SlackSettings) { s.Channel = "D0XYZ" }, want: "set channel to the channel's ID"},
	} {
		w := slack.New()
		s := botOf(w)
		if c.change != nil {
			c.change(s)
		}
		if c.fault != "" {
			w.Fail(1, c.fault)
		}
		err := build(t, "slack", s, notifiers.Env{}).Send(t.Context(), outage())
		w.Close()
		var retry *notifiers.Retry
		if err == nil || errors.As(err, &retry) != c.retry || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %T %v, want one that says %q, retry %v", c.fault, err, err, c.want, c.retry)
		}
		if strings.Contains(fmt.Sprint(err), s.Token.Reveal()) {
			t.Errorf("%v shows the token", err)
		}
	}
}

func TestSlacksSettingsAreAWebhookOrABot(t *testing.T) {
	hook, token := secret.New("https://hooks.slack.com/services/T/B/x"), secret.New("xoxb-1")
	for name, c := range map[string]struct {
		s    notifiers.SlackSettings
		want string
	}{
		"both":                     {notifiers.SlackSettings{Webhook: hook, Token: token, Channel: "C012"}, "remove one of the two"},
		"a webhook with a channel": {notifiers.SlackSettings{Webhook: hook, Channel: "C012"}, "use token to choose one"},
		"a channel by its name":    {notifiers.SlackSettings{Token: token, Channel: "#alerts", APIURL: "https://slack.com/api"}, "not a channel's ID"},
		"a token of two lines":     {notifiers.SlackSettings{Token: secret.New("xoxb\n"), Channel: "C012", APIURL: "https://slack.com/api"}, "line break"},
		"no address":               {notifiers.SlackSettings{Token: token, Channel: "C012"}, "api_url: is missing"},
	} {
		if err := c.s.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want one that says %q", name, err, c.want)
		}
	}
}

// talker is a channel with conversations that calls a function for each update.
type talker struct {
	messenger
	update func(n notifiers.Notice)
}

func (c *talker) Follow(ctx context.Context, n notifiers.Notice, last notifiers.Sent) (string, error) {
	if last.Ref != "" {
		return last.Ref, c.Send(ctx, n)
	}
	return "ref/" + n.Key, c.Send(ctx, n)
}

func (c *talker) Update(_ context.Context, n notifiers.Notice, _ string) error {
	c.update(n)
	return nil
}

// A guardian that is killed while it updates messages after a digest does not send the digest again:
// that the digest was accepted is saved before.
func TestADigestIsSavedBeforeMessagesAreUpdated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k *desk
		updated := 0
		c := &talker{}
		c.update = func(n notifiers.Notice) {
			updated++
			k.state("oncall/"+n.ID, notifiers.Delivered)
		}
		k = open(t, map[string]notifiers.Receiver{"oncall": {Channel: c}})
		k.start()
		k.put("oncall", "critical", "a/1")
		pass(time.Second)
		k.put("oncall", "critical", "a/2", "b/2", "c/2", "d/2", "e/2", "f/2")
		pass(time.Second)
		if updated != 1 {
			t.Errorf("%d messages were updated, want that of a", updated)
		}
	})
}
