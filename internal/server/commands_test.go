package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"guardian/internal/secret"
	"guardian/internal/server"
	"guardian/notifiers"
)

func slackChannel() notifiers.SlackClicks {
	clicks, _ := notifiers.NewSlackClicks(&notifiers.SlackSettings{Channel: "C0ALERTS", SigningSecret: secret.New(slackSecret)}, notifiers.Env{})
	return clicks
}

// ReadSlack implements server.Commands.
func (m *memory) ReadSlack(header http.Header, body []byte) (server.Written, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := slackChannel().ReadCommand(header, body, m.now)
	return server.Written{ChatCommand: c, Receiver: "slack-oncall", Messenger: "slack"}, err
}

// ReadSlackSocket implements server.Commands.
func (*memory) ReadSlackSocket(envelope string, payload []byte) (server.Written, error) {
	c, err := slackChannel().ParseCommand(envelope, payload)
	return server.Written{ChatCommand: c, Receiver: "slack-oncall", Messenger: "slack"}, err
}

// Do implements server.Commands.
func (m *memory) Do(_ context.Context, w server.Written) (server.Reply, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.Contains(m.played, w.Once) {
		return server.Reply{}, server.ErrReplayed
	}
	m.played = append(m.played, w.Once)
	return server.Reply{Text: fmt.Sprintf("%s wrote <%s>", w.UserName, w.Text), Public: w.Text != "status"}, nil
}

func slashed(t *testing.T, base, text, channel, key string, at time.Time) answer {
	t.Helper()
	body := url.Values{"command": {"/guardian"}, "text": {text}, "channel_id": {channel}, "user_id": {"U012AB3CD"}, "user_name": {"lin.yue"}}.Encode()
	return send(t, base, http.MethodPost, "/api/slack/commands", body, "Content-Type", "application/x-www-form-urlencoded",
		"X-Slack-Request-Timestamp", strconv.FormatInt(at.Unix(), 10), "X-Slack-Signature", notifiers.SignSlack(secret.New(key), at.Unix(), []byte(body)))
}

// A slash command that Slack signed is answered: to all in the channel when something was done.
func TestSlashCommands(t *testing.T) {
	base := serve(t, secured(), nil)
	if got := slashed(t, base, "status", "C0ALERTS", slackSecret, fixedNow()); got.status != 200 || !strings.Contains(got.body, `"response_type":"ephemeral"`) || !strings.Contains(got.body, "lin.yue wrote \\u0026lt;status\\u0026gt;") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := slashed(t, base, "ack all", "C0ALERTS", slackSecret, fixedNow()); got.status != 200 || !strings.Contains(got.body, `"response_type":"in_channel"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	for name, c := range map[string]struct {
		text, channel, key string
		at                 time.Time
		status             int
	}{
		"sent again":      {"ack all", "C0ALERTS", slackSecret, fixedNow(), http.StatusConflict},
		"another key":     {"status", "C0ALERTS", "another", fixedNow(), http.StatusUnauthorized},
		"six minutes ago": {"status", "C0ALERTS", slackSecret, fixedNow().Add(-6 * time.Minute), http.StatusUnauthorized},
	} {
		if got := slashed(t, base, c.text, c.channel, c.key, c.at); got.status != c.status {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

func TestSlashCommandsByAConnection(t *testing.T) {
	s := newServer(t, secured(), nil)
	payload := []byte(`{"command": "/guardian", "text": "ack all", "channel_id": "C0ALERTS", "user_id": "U012AB3CD", "user_name": "lin.yue"}`)
	if got := fmt.Sprint(s.SlackSocketCommand(t.Context(), "e-1", payload)); !strings.Contains(got, "lin.yue wrote &lt;ack all&gt;") || !strings.Contains(got, "in_channel") {
		t.Errorf("%s", got)
	}
	for name, p := range map[string]string{"sent again": string(payload), "nonsense": "x"} {
		if got := s.SlackSocketCommand(t.Context(), "e-1", []byte(p)); got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}
