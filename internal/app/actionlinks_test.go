package app_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/internal/secret"
	"guardian/internal/server"
	"guardian/notifiers"
)

const linkedConfig = `
server: {listen: "127.0.0.1:0", external_url: "https://guardian.example.com", action_links: {%s}}
services: [{name: orders}]
checks: [{name: push, service: orders, http: {url: "http://127.0.0.1:1/"}}]
receivers: [{name: group, feishu: {webhook: "https://open.feishu.cn/open-apis/bot/v2/hook/x"}}, {name: program, webhook: {url: "http://127.0.0.1:1/"}}, {name: bot, slack: {token: xoxb-1, channel: C0ALERTS, signing_secret: a-signing-secret}}]
routes: {receiver: group}
`

// start runs a guardian in a folder for a moment, and gives what it logs.
func startLinked(t *testing.T, dir, links string, look func(*app.App)) string {
	t.Helper()
	var log bytes.Buffer
	r := &secret.Redactor{}
	a, err := app.New(t.Context(), app.Options{
		Load: func() (*config.Config, error) { return load(t, dir, fmt.Sprintf(linkedConfig, links), r) }, Redactor: r,
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	if look != nil {
		look(a)
	}
	if err := a.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	return log.String()
}

// Guardians of one journal that sign with different keys refuse each other's links: that is said
// when one starts.
func TestAnotherKeyThanTheJournalKnowsIsSaid(t *testing.T) {
	dir := t.TempDir()
	const warning, key = "signed with another key than before", "a-key-of-links-in-the-configuration"
	for i, c := range []struct {
		links string
		warns bool
	}{
		{"valid_for: 1d", false},
		{"valid_for: 1h", false},
		{"key: " + key, true}, // sessions are signed by it, too
		{"key: " + key, false},
		{"valid_for: 0s", true}, // its buttons are signed, too
		{"valid_for: 1d", false},
	} {
		log := startLinked(t, dir, c.links, nil)
		if strings.Contains(log, warning) != c.warns {
			t.Errorf("start %d with %s: the log is\n%s", i+1, c.links, log)
		}
		own, err := os.ReadFile(filepath.Join(dir, "data", "links.key"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(log, key) || strings.Contains(log, strings.TrimSpace(string(own))) {
			t.Error("a key is in the log")
		}
	}
	journal, err := os.ReadFile(filepath.Join(dir, "data", "journal.db"))
	if err != nil || bytes.Contains(journal, []byte(key)) {
		t.Errorf("the key is in the journal, %v", err)
	}
}

// Whoever has a copy of the journal has the hashes of tokens: a session needs more than that.
func TestACopyOfTheJournalOpensNoSession(t *testing.T) {
	const token = "a-token-of-the-configuration"
	dir := t.TempDir()
	startLinked(t, dir, "valid_for: 1d}}\ntokens: [{name: ada, role: admin, token: "+token+"}]\ndefaults: {labels: {a: b", func(a *app.App) {
		ask := func(key string) int {
			text := server.HashToken(token) + "." + strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
			m := hmac.New(sha256.New, []byte(key))
			_, _ = m.Write([]byte("session\x00" + text))
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/api/v1/silences", nil)
			r.AddCookie(&http.Cookie{Name: "guardian_session", Value: text + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))})
			w := httptest.NewRecorder()
			app.Stepped{App: a}.Handler().ServeHTTP(w, r)
			return w.Code
		}
		db, err := sql.Open("sqlite", filepath.Join(dir, "data", "journal.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		keys := []string{""}
		rows, err := db.QueryContext(t.Context(), "SELECT value FROM shared")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var value string
			if err := rows.Scan(&value); err != nil {
				t.Fatal(err)
			}
			keys = append(keys, value)
		}
		if err := rows.Err(); err != nil || len(keys) < 2 {
			t.Fatal(keys, err)
		}
		for _, key := range keys {
			if got := ask(key); got != http.StatusUnauthorized {
				t.Errorf("signed with %q of the journal: %d", key, got)
			}
		}
	})
}

func TestWhichMessagesHaveLinksToActWith(t *testing.T) {
	alert := notifiers.Notice{Kind: "alert", Event: "firing", Lang: "zh", Alerts: []string{"a_1"}, Created: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	with := func(change func(*notifiers.Notice)) notifiers.Notice {
		n := alert
		change(&n)
		return n
	}
	many := make([]string, 21)
	for name, c := range map[string]struct {
		receiver string
		links    string
		notice   notifiers.Notice
		want     string
	}{
		"an alert":                          {"group", "valid_for: 1d", alert, "确认 静默 2 小时"},
		"in English":                        {"group", "valid_for: 1d", with(func(n *notifiers.Notice) { n.Lang = "en" }), "Acknowledge Silence 2 h"},
		"an escalation":                     {"group", "valid_for: 1d", with(func(n *notifiers.Notice) { n.Event = "escalated" }), "确认 静默 2 小时"},
		"very many alerts":                  {"group", "valid_for: 1d", with(func(n *notifiers.Notice) { n.Alerts = many }), "确认"},
		"not what is over":                  {"group", "valid_for: 1d", with(func(n *notifiers.Notice) { n.Event = "resolved" }), ""},
		"not a run that asks":               {"group", "valid_for: 1d", with(func(n *notifiers.Notice) { n.Kind = "run" }), ""},
		"not a message about no alert":      {"group", "valid_for: 1d", with(func(n *notifiers.Notice) { n.Alerts = nil }), ""},
		"buttons":                           {"bot", "valid_for: 1d", alert, "[确认] [静默 2 小时]"},
		"buttons where links are off":       {"bot", "valid_for: 0s", alert, "[确认] [静默 2 小时]"},
		"not to a program":                  {"program", "valid_for: 1d", alert, ""},
		"not if the configuration says not": {"group", "valid_for: 0s", alert, ""},
	} {
		t.Run(name, func(t *testing.T) {
			startLinked(t, t.TempDir(), c.links, func(a *app.App) {
				var texts []string
				for _, l := range a.LinksOf(c.receiver, notifiers.Delivery{ID: "q_1", Receiver: c.receiver, Notice: c.notice}) {
					if l.Button != nil {
						texts = append(texts, "["+l.Text+"]")
						continue
					}
					texts = append(texts, l.Text)
					if !strings.HasPrefix(l.URL, "https://guardian.example.com/act/") || len(l.URL) > 200 {
						t.Errorf("the link is %s", l.URL)
					}
				}
				if got := strings.Join(texts, " "); got != c.want {
					t.Errorf("links %q, want %q", got, c.want)
				}
			})
		})
	}
}
