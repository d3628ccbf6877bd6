package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"guardian/internal/secret"
	"guardian/internal/server"
)

func TestAStandbyPassesWritesOn(t *testing.T) {
	active, passive := secured(), secured()
	key := secret.New("shared by two guardians")
	activeURL := serve(t, active, func(o *server.Options) { o.SessionKey = key })
	standby := serve(t, passive, func(o *server.Options) {
		o.SessionKey, o.Active = key, func() (bool, string) { return false, activeURL }
	})

	got := send(t, standby, "POST", "/api/v1/deploys", `{"service":"price-sync","version":"v3"}`, "Authorization", "Bearer the deployer")
	if got.status != http.StatusCreated || len(active.watches) != 4 || len(passive.watches) != 3 {
		t.Fatalf("%d, %d watches there, %d here: %s", got.status, len(active.watches), len(passive.watches), got.body)
	}
	if len(got.header.Values("Content-Security-Policy")) != 1 {
		t.Errorf("doubled headers: %v", got.header)
	}
	if got := send(t, standby, "POST", "/api/v1/deploys", `{"service":"price-sync","version":"v3"}`, "Authorization", "Bearer the viewer"); got.status != 403 {
		t.Errorf("a viewer through the standby: %d", got.status)
	}
	if got := send(t, standby, "GET", "/api/v1/watches/w_7", "", "Authorization", "Bearer the viewer"); got.status != 200 {
		t.Errorf("a standby reads by itself: %d", got.status)
	}

	b := newBrowser(t, standby)
	page := b.post(t, "/login", url.Values{"token": {"the approver"}, "next": {"/rollbacks/r_3"}})
	if done := b.post(t, "/rollbacks/r_3", url.Values{"decision": {"reject"}, "note": {"not now"}, "csrf": {csrf(t, page)}}); done.status != 200 || active.runs[0].State != "rejected" || active.runs[0].Answers[0].Note != "not now" {
		t.Errorf("a form through the standby: %d %+v\n%s", done.status, active.runs[0], done.body)
	}
}

// Where there never was a token, a standby on the same machine is no proxy for strangers.
func TestAStandbyWithoutTokensPassesLocalWritesOn(t *testing.T) {
	active := busy()
	activeURL := serve(t, active, nil)
	standby := serve(t, busy(), func(o *server.Options) { o.Active = func() (bool, string) { return false, activeURL } })
	if got := send(t, standby, "POST", "/api/v1/deploys", `{"service":"price-sync","version":"v3"}`); got.status != http.StatusCreated || len(active.watches) != 4 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := send(t, standby, "POST", "/api/v1/deploys", `{"service":"price-sync","version":"v4"}`, "X-Forwarded-For", "203.0.113.9"); got.status != http.StatusForbidden || len(active.watches) != 4 {
		t.Errorf("of somebody behind a proxy: %d %s", got.status, got.body)
	}
}

func TestAStandbyThatKnowsNobodySaysSo(t *testing.T) {
	for name, address := range map[string]string{"nobody is known": "", "the active one is gone": "http://127.0.0.1:1"} {
		url := serve(t, busy(), func(o *server.Options) { o.Active = func() (bool, string) { return false, address } })
		got := send(t, url, "POST", "/api/v1/deploys", `{"service":"price-sync","version":"v3"}`)
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "try again in a few seconds") {
			t.Errorf("%s: %d %v %s", name, got.status, got.header, got.body)
		}
		if got := send(t, url, "POST", "/api/v1/heartbeats/nightly-stock", ""); got.status != http.StatusAccepted {
			t.Errorf("%s: a heartbeat is taken by whoever is there: %d", name, got.status)
		}
	}
}

// Each guardian has series of its own: a standby keeps the samples that are written to it.
func TestAStandbyTakesSamplesItself(t *testing.T) {
	took, from := 0, ""
	url := serve(t, secured(), func(o *server.Options) {
		o.Active = func() (bool, string) { return false, "http://127.0.0.1:1" }
		o.RemoteWrite = func(sender string) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				took++
				from = sender
				w.WriteHeader(http.StatusNoContent)
			})
		}
	})
	for token, want := range map[string]int{"": 401, "Bearer the viewer": 403, "Bearer the deployer": 204} {
		if got := send(t, url, "POST", "/api/v1/write", "x", "Authorization", token); got.status != want {
			t.Errorf("%q: %d, want %d", token, got.status, want)
		}
	}
	if took != 1 {
		t.Errorf("%d writes were taken, want the deployer's", took)
	}
	if !strings.HasSuffix(from, " 127.0.0.1") || strings.HasPrefix(from, " ") {
		t.Errorf("senders are told apart by their token's name and their address: %q", from)
	}
}

func TestTwoStandbysDoNotPlayPingPong(t *testing.T) {
	var first, second string
	first = serve(t, busy(), func(o *server.Options) { o.Active = func() (bool, string) { return false, second } })
	second = serve(t, busy(), func(o *server.Options) { o.Active = func() (bool, string) { return false, first } })
	if got := send(t, first, "POST", "/api/v1/deploys", `{"service":"price-sync","version":"v3"}`); got.status != http.StatusServiceUnavailable {
		t.Errorf("%d %s", got.status, got.body)
	}
}
