package server_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"guardian/internal/chatops"
	"guardian/internal/server"
)

func newServer(tb testing.TB, m *memory, change func(*server.Options)) *server.Server {
	tb.Helper()
	o := server.Options{Backend: m.parts(), Now: fixedNow, Location: shanghai(), Language: "en"}
	if change != nil {
		change(&o)
	}
	s, err := server.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

type pageCase struct{ name, path string }

func pageList() []pageCase {
	return []pageCase{
		{"overview", "/"},
		{"service", "/services/order-sync"},
		{"check", "/checks/push-shopee-sg"},
		{"watch_failed", "/watches/w_7"},
		{"watch_open", "/watches/w_8"},
		{"run_asking", "/rollbacks/r_3"},
		{"run_over", "/rollbacks/r_2"},
		{"alerts", "/alerts"},
		{"oncall", "/oncall"},
		{"flags", "/flags"},
		{"windows", "/windows"},
		{"runbook", "/runbooks/order-sync-back"},
		{"alert", "/alerts/a_1"},
		{"act_ack", link(chatops.Acknowledge, "q_1")},
		{"act_silence", link(chatops.Silence, "q_1")},
		{"act_acked", link(chatops.Acknowledge, "q_2")},
		{"journal", "/journal"},
		{"drills", "/drills"},
		{"drill_passed", "/drills/dr_2"},
		{"drill_broken", "/drills/dr_1"},
		{"sla", "/sla?month=2026-11"},
		{"sla_print", "/sla/print?period=2026-10-01..2026-11-15&customer=ACME+%3Cb%3E"},
	}
}

// call is one request with its answer, read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) json(tb testing.TB, into any) {
	tb.Helper()
	if err := json.Unmarshal([]byte(a.body), into); err != nil {
		tb.Fatalf("answer is not JSON: %v\n%s", err, a.body)
	}
}

// send calls a handler over a real connection.
func send(tb testing.TB, base, method, path, body string, header ...string) answer {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	got, err := client.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return answer{got.StatusCode, got.Header, string(text)}
}

func serve(tb testing.TB, m *memory, change func(*server.Options)) string {
	tb.Helper()
	web := httptest.NewServer(newServer(tb, m, change))
	tb.Cleanup(web.Close)
	return web.URL
}

// ask calls a handler without a connection, as somebody on this machine.
func ask(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, "http://127.0.0.1"+path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:54321"
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
