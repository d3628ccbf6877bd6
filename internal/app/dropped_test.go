package app_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/internal/secret"
	"guardian/internal/server"
	"guardian/oncall"
)

const droppedConfig = `
server: {listen: "127.0.0.1:0", timezone: UTC, language: en}
routes: {receiver: group}
receivers: [{name: group, webhook: {url: "http://127.0.0.1:1/"}}]
people: [{name: wei, mail: wei@example.com}, {name: siti, mail: siti@example.com}]
schedules: [{name: orders, layers: [{people: [wei], start: 2026-01-05}]}]
flags: [{name: channel, owner: order-team, type: string, variants: {own: erp, csv: csv}, default: own}]
`

// A reload that has no place for what somebody set says so to who reloads, in the log and in the journal,
// and people are told: from then on the default holds, also when the variant comes back.
func TestAReloadTellsWhatItDrops(t *testing.T) {
	dir, c, r := t.TempDir(), newClock(time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)), &secret.Redactor{}
	text, log := droppedConfig, &bytes.Buffer{}
	a, err := app.New(t.Context(), app.Options{
		Load: func() (*config.Config, error) { return load(t, dir, text, r) }, Redactor: r, Now: c.now, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := app.Stepped{App: a}
	if err := s.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Stop(context.Background()) })
	ada := server.Caller{Name: "ada", Role: server.Approver}
	variant := func() string {
		t.Helper()
		f, err := a.Backend().Flags.Flag(t.Context(), "channel")
		if err != nil {
			t.Fatal(err)
		}
		return f.Variant
	}
	reload := func(change, into string) string {
		t.Helper()
		text = strings.Replace(droppedConfig, change, into, 1)
		q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1/-/reload", nil)
		q.RemoteAddr = "127.0.0.1:54321"
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, q)
		if w.Code != http.StatusOK {
			t.Fatal(w.Code, w.Body)
		}
		s.EndFlags(t.Context())
		return w.Body.String()
	}
	if _, err := a.Backend().Flags.ChangeFlag(t.Context(), server.FlagRequest{Flag: "channel", Variant: "csv", For: 2 * time.Hour, Reason: "the ERP is down"}, ada); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Backend().Overrides.CreateOverride(t.Context(), oncall.Made{Schedule: "orders", Person: "siti", To: c.now().Add(8 * time.Hour)}, ada); err != nil {
		t.Fatal(err)
	}
	if got := reload("language: en", "language: en, advertise_url: \"http://127.0.0.1:9440\""); strings.Contains(got, "channel") || variant() != "csv" {
		t.Errorf("a reload that drops nothing: %s, %s", got, variant())
	}
	c.set(c.now().Add(time.Minute))
	log.Reset()
	got := reload("{own: erp, csv: csv}", "{own: erp, file: csv}")
	const why = "channel was set to csv until 2026-11-02 10:00:00 UTC by ada, and the configuration has no such variant any more: its default own holds"
	if !strings.Contains(got, why) || !strings.Contains(got, "guardian.yaml:7:") || !strings.Contains(log.String(), why) || variant() != "own" {
		t.Errorf("a reload that drops the variant: %s, %s\n%s", got, variant(), log)
	}
	if told, err := s.Deliveries(t.Context()); err != nil || !strings.Contains(told[len(told)-1], "channel: no longer set, the configuration has changed") {
		t.Errorf("people were told %q, %v", told, err)
	}
	lines, err := a.Backend().Journal.Entries(t.Context(), server.JournalFilter{Limit: 9})
	if err != nil || !slices.ContainsFunc(lines.Entries, func(e server.JournalEntry) bool {
		return e.What == "flag" && e.Subject == "channel" && e.Detail.String() == why
	}) {
		t.Errorf("the journal: %+v, %v", lines, err)
	}
	if reload("", ""); variant() != "own" {
		t.Errorf("when the variant came back it was %s again", variant())
	}
	if got := reload(", {name: siti, mail: siti@example.com}", ""); !strings.Contains(got, `puts siti on call by orders until 2026-11-02T16:00:00Z, and there is no person \"siti\": it does not count`) {
		t.Errorf("a reload that drops the person of an override: %s", got)
	}
}
