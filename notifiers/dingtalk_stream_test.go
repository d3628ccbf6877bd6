package notifiers_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"guardian/internal/secret"
	"guardian/notifiers"
	"guardian/test/fake/chat/dingtalk"
)

// streaming runs a stream until the test ends.
func streaming(t *testing.T, s notifiers.DingTalkStream) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return stop
}

func appOf(a *dingtalk.App) notifiers.DingTalkApp {
	return notifiers.DingTalkApp{ClientID: a.ClientID, ClientSecret: secret.New(a.ClientSecret), APIURL: a.URL()}
}

// A command comes by the connection, is confirmed and answered, also after DingTalk asked for another one. What
// could not be done is not confirmed, and comes again.
func TestCommandsComeFromDingTalk(t *testing.T) {
	a := dingtalk.NewApp()
	defer a.Close()
	log := &logged{}
	again := make(chan struct{}, 1)
	var mu sync.Mutex
	var got []notifiers.DingTalkMessage
	stop := streaming(t, notifiers.DingTalkStream{
		App: appOf(a), Log: slog.New(slog.NewTextHandler(log, nil)), Redactor: &secret.Redactor{}, UserAgent: "guardian/test",
		Take: func(_ context.Context, m notifiers.DingTalkMessage) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, m)
			if len(got) == 2 {
				again <- struct{}{}
				return "", errors.New("the journal cannot be written")
			}
			return "done: " + strings.TrimSpace(m.Text), nil
		},
	})
	soon(t, "a connection", func() bool { return a.Connected() == 1 })
	if err := a.Ping(t.Context()); err != nil {
		t.Error("a ping:", err)
	}
	said := dingtalk.Said{Conversation: "cidA1b2", StaffID: "manager7", Nick: "王伟", Text: "确认 5f3c", ID: "msg1"}
	if err := a.Say(t.Context(), said, nil); err != nil {
		t.Fatal(err)
	}
	soon(t, "an answer", func() bool { return len(a.Replies()) == 1 })
	said.ID = "msg2"
	if err := a.Say(t.Context(), said, again); err != nil {
		t.Fatal(err)
	}
	soon(t, "an answer", func() bool { return len(a.Replies()) == 2 })
	if err := a.Disconnect(); err != nil {
		t.Fatal(err)
	}
	soon(t, "another connection", func() bool { return a.Connected() == 2 })
	said.ID, said.Nick = "msg3", "\u202eevil\n"
	if err := a.Say(t.Context(), said, nil); err != nil {
		t.Fatal(err)
	}
	soon(t, "an answer", func() bool { return len(a.Replies()) == 3 })
	stop()
	if first := got[0]; first.Conversation != "cidA1b2" || first.UserID != "manager7" || first.UserName != "王伟" || first.Once != "msg1" || a.Replies()[0] != "done: 确认 5f3c" {
		t.Errorf("%+v was answered with %q", first, a.Replies()[0])
	}
	if confirmed := a.Confirmed(); slices.Contains(confirmed, "msg2_1") || !slices.Contains(confirmed, "msg2_2") {
		t.Errorf("confirmed: %q", confirmed)
	}
	if got[1].Once != "msg2" || got[2].Once != "msg2" || got[len(got)-1].UserName != "evil" {
		t.Errorf("%+v", got)
	}
	if text := log.String(); strings.Contains(text, a.ClientSecret) || strings.Contains(text, "ticket=") || strings.Contains(text, "session=") {
		t.Errorf("the log has a secret:\n%s", text)
	}
}

func TestAnAppThatDingTalkRefusesSaysWhatToSet(t *testing.T) {
	a := dingtalk.NewApp()
	defer a.Close()
	app, log := appOf(a), &logged{}
	app.ClientSecret = secret.New("another-client-secret")
	stop := streaming(t, notifiers.DingTalkStream{App: app, Log: slog.New(slog.NewTextHandler(log, nil)), Redactor: &secret.Redactor{}})
	soon(t, "what to set", func() bool { return strings.Contains(log.String(), "app.client_secret") })
	stop()
	if strings.Contains(log.String(), "another-client-secret") || a.Refused() != 1 {
		t.Errorf("%d calls, the log is\n%s", a.Refused(), log)
	}
}

// Answers go to DingTalk alone, whatever address a message names.
func TestAnswersGoToDingTalkAlone(t *testing.T) {
	for address, may := range map[string]bool{
		"https://oapi.dingtalk.com/robot/sendBySession?session=x": true, "http://oapi.dingtalk.com/robot/sendBySession": false,
		"https://oapi.dingtalk.com.evil.example/robot": false, "https://evil.example/?dingtalk.com": false, "https://10.0.0.1/": false, "": false,
	} {
		if got := (notifiers.DingTalkStream{}).MayReply(address); got != may {
			t.Errorf("%q: %v", address, got)
		}
	}
	if own := (notifiers.DingTalkStream{App: notifiers.DingTalkApp{APIURL: "http://127.0.0.1:9/"}}); !own.MayReply("http://127.0.0.1:9/x") || own.MayReply("http://127.0.0.1:8/x") {
		t.Error("the address of the API is not that of answers")
	}
}
