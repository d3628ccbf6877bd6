package notifiers_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"guardian/internal/secret"
	"guardian/notifiers"
	"guardian/test/fake/chat/slack"
)

// logged is a log that several goroutines write.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func soon(t *testing.T, what string, yes func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !yes(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// A click comes by the connection and is answered there, also after Slack asked for another one.
func TestClicksComeByAConnection(t *testing.T) {
	w := slack.New()
	defer w.Close()
	clicks, _, _ := pressed(t, w, slack.Click{})
	got, log := make(chan notifiers.SlackClick, 2), &logged{}
	socket := notifiers.SlackSocket{
		Token: secret.New(w.AppToken()), APIURL: w.API(), Log: slog.New(slog.NewTextHandler(log, nil)), Redactor: &secret.Redactor{},
		Clicked: func(_ context.Context, envelope string, payload []byte) {
			c, err := clicks.Parse(envelope, payload)
			if err != nil {
				t.Error(err)
			}
			got <- c
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { socket.Run(ctx) })
	for i, envelope := range []string{"e-1", "e-2"} {
		soon(t, "a connection", func() bool { return w.Connected() == i+1 })
		if err := w.PressBySocket(t.Context(), envelope, slack.Click{TS: w.Shown()[0].TS, Action: "guardian_ack", By: slack.User{ID: "U012AB3CD", Name: "lin.yue"}}); err != nil {
			t.Fatal(err)
		}
		if c := <-got; c.Once != envelope || c.UserName != "lin.yue" || c.Button.Value != "for q_1" {
			t.Errorf("got %+v", c)
		}
		if err := w.Disconnect(); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	running.Wait()
	if text := log.String(); strings.Contains(text, w.AppToken()) || strings.Contains(text, "ticket") {
		t.Errorf("the log is\n%s", text)
	}
}

// A slash command comes by the connection and is answered there.
func TestCommandsComeByAConnection(t *testing.T) {
	w := slack.New()
	defer w.Close()
	clicks, _, _ := pressed(t, w, slack.Click{})
	log := &logged{}
	socket := notifiers.SlackSocket{
		Token: secret.New(w.AppToken()), APIURL: w.API(), Log: slog.New(slog.NewTextHandler(log, nil)), Redactor: &secret.Redactor{},
		Commanded: func(_ context.Context, envelope string, payload []byte) any {
			c, err := clicks.ParseCommand(envelope, payload)
			if err != nil {
				return notifiers.SlackAnswer(err.Error(), false)
			}
			return notifiers.SlackAnswer(c.Once+" "+c.UserID+" "+c.UserName+" "+c.Text, true)
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { socket.Run(ctx) })
	soon(t, "a connection", func() bool { return w.Connected() == 1 })
	lin := slack.User{ID: "U012AB3CD", Name: "lin.yue"}
	text, public, err := w.CommandBySocket(t.Context(), "e-1", slack.Command{Text: "ack <5f3c>", Channel: w.Shown()[0].Channel, By: lin})
	if err != nil || !public || text != "e-1 U012AB3CD lin.yue ack &lt;5f3c&gt;" {
		t.Errorf("%q, %v, %v", text, public, err)
	}
	if text, public, err := w.CommandBySocket(t.Context(), "e-2", slack.Command{Text: "status", Channel: "C0OTHER", By: lin}); err != nil || public || !strings.Contains(text, "another channel") {
		t.Errorf("%q, %v, %v", text, public, err)
	}
	cancel()
	running.Wait()
}

func TestAConnectionThatSlackRefusesSaysWhatToSet(t *testing.T) {
	w := slack.New()
	defer w.Close()
	log := &logged{}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		notifiers.SlackSocket{Token: secret.New("xapp-revoked"), APIURL: w.API(), Log: slog.New(slog.NewTextHandler(log, nil)), Redactor: &secret.Redactor{}}.Run(ctx)
	})
	soon(t, "what to set", func() bool { return strings.Contains(log.String(), "connections:write") })
	cancel()
	running.Wait()
	if strings.Contains(log.String(), "xapp-revoked") {
		t.Errorf("the log is\n%s", log)
	}
}
