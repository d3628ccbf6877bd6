package app_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"guardian/probes/sample"
)

// outside is a receiver and the service that expects heartbeats.
type outside struct {
	*httptest.Server
	mu      sync.Mutex
	beats   int
	notices []string // bodies
}

func newOutside(t *testing.T) *outside {
	t.Helper()
	o := &outside{}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		defer o.mu.Unlock()
		w.Header()["Date"] = nil // the clock of the test is another one
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/beat" {
			o.beats++
			return
		}
		o.notices = append(o.notices, string(body))
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *outside) heartbeats() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.beats
}

func (o *outside) heard(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.ContainsFunc(o.notices, func(n string) bool { return strings.Contains(n, text) })
}

// A deleted data folder stays open: nothing fails until the next start, when everything is lost.
func TestPeopleAreToldAtOnceThatTheDataFolderIsGone(t *testing.T) {
	for name, lose := range map[string]func(data string) error{
		"deleted": os.RemoveAll,
		"moved":   func(data string) error { return os.Rename(data, data+".old") },
		"made anew by somebody": func(data string) error {
			return errors.Join(os.Rename(data, data+".old"), os.MkdirAll(filepath.Join(data, "series"), 0o750))
		},
		"without its journal": func(data string) error { return os.Remove(filepath.Join(data, "journal.db")) },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOutside(t)
			dir, c := t.TempDir(), newClock(time.Date(2026, 11, 2, 2, 0, 0, 0, time.UTC))
			if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte("groups: []"), 0o600); err != nil {
				t.Fatal(err)
			}
			s := stepped(t, dir, fmt.Sprintf(watchedConfig, o.URL), c)
			s.SelfCheck(t.Context())
			if o.heard("data folder") {
				t.Error("told before it is gone")
			}
			if err := lose(filepath.Join(dir, "data")); err != nil {
				t.Fatal(err)
			}
			c.set(c.now().Add(5 * time.Second)) // the next measurement
			s.SelfCheck(t.Context())
			if !o.heard("the data folder is gone") {
				t.Errorf("heard %q", o.notices)
			}
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/-/ready", nil))
			if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "the data folder was deleted") {
				t.Errorf("ready: %d %s", w.Code, w.Body)
			}
		})
	}
}

const watchedConfig = `
server: {listen: "127.0.0.1:0", timezone: Asia/Shanghai}
services: [{name: orders, watch: {grace: 0s}}]
checks: [{name: push, service: orders, every: 30s, http: {url: "http://127.0.0.1:1/"}}]
rules: [rules.yaml]
receivers: [{name: group, webhook: {url: "%[1]s/group"}}]
routes: {receiver: group}
people: [{name: wei, mobile: "13800138000"}]
schedules: [{name: orders, layers: [{people: [wei], start: 2026-01-01, times: [{from: "09:00", to: "18:00"}]}]}]
heartbeat: {url: "%[1]s/beat", every: 1m}
`

// TestAGuardianThatDoesNotDoItsWorkIsSilentOutsideAndLoudInside lets looks, rules and at last the
// journal stop.
func TestAGuardianThatDoesNotDoItsWorkIsSilentOutsideAndLoudInside(t *testing.T) {
	o := newOutside(t)
	dir, c := t.TempDir(), newClock(time.Date(2026, 11, 2, 2, 0, 0, 0, time.UTC)) // 10:00 in Shanghai
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(contractRules[:strings.Index(contractRules, "      - {alert: Lost")]), 0o600); err != nil {
		t.Fatal(err)
	}
	s := stepped(t, dir, fmt.Sprintf(watchedConfig, o.URL), c)
	pass := func(minutes int, works bool) {
		t.Helper()
		for range 2 * minutes {
			c.set(c.now().Add(30 * time.Second))
			if works {
				s.Look(sample.Sample{Check: "push", Kind: "http", Service: "orders", At: c.now(), Observation: sample.Observation{Health: sample.Up}})
				if err := errors.Join(s.Minute(t.Context()), s.Deliver(t.Context())); err != nil {
					t.Fatal(err)
				}
			}
			s.SelfCheck(t.Context())
		}
	}
	told := func(title string) bool {
		t.Helper()
		titles, err := s.Deliveries(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(titles, func(one string) bool { return strings.Contains(one, title) })
	}

	pass(10, true)
	if n := o.heartbeats(); n < 9 || n > 11 {
		t.Errorf("%d heartbeats in ten minutes of work", n)
	}
	if !told("Nobody will be on call for orders") || told("has a problem") {
		titles, _ := s.Deliveries(t.Context())
		t.Errorf("told: %q", titles)
	}

	pass(3, false) // the last looks and evaluations are still good for a minute and a half
	before := o.heartbeats()
	pass(16, false)
	if n := o.heartbeats(); n != before {
		t.Errorf("%d heartbeats without work", n-before)
	}
	if !told("checks run late") || !told("rules are evaluated late") {
		titles, _ := s.Deliveries(t.Context())
		t.Errorf("told: %q", titles)
	}
	if !o.heard("notices are not delivered") {
		t.Errorf("a notice waits for ten minutes and more; heard %q", o.notices)
	}
	pass(3, true)
	if !told("is well again: checks run late is over") || o.heartbeats() == before {
		titles, _ := s.Deliveries(t.Context())
		t.Errorf("%d heartbeats after work went on; told: %q", o.heartbeats()-before, titles)
	}

	if o.heard("journal") {
		t.Error("told of the journal before it is away")
	}
	if err := s.LoseJournal(); err != nil {
		t.Fatal(err)
	}
	before = o.heartbeats()
	s.Look(sample.Sample{Check: "push", Kind: "http", Service: "orders", At: c.now(), Observation: sample.Observation{Health: sample.Down}})
	pass(3, false)
	if !o.heard("orders/push") {
		t.Errorf("what is down while the journal is away is not told: %q", o.notices)
	}
	if !o.heard("the journal does not work") || o.heartbeats() != before {
		t.Errorf("the journal is away: %d heartbeats, notices %q", o.heartbeats()-before, o.notices)
	}
}
