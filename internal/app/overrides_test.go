package app_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/internal/secret"
	"guardian/internal/server"
	"guardian/oncall"
)

const shiftsConfig = `
server: {listen: "127.0.0.1:0", timezone: UTC}
people: [{name: wei, mail: wei@example.com}, {name: siti, mail: siti@example.com}]
schedules: [{name: orders, layers: [{people: [wei], start: 2026-01-05}]}]
`

// An override that somebody makes counts at once, survives a restart, and ends when it is taken back.
func TestOverridesOfShifts(t *testing.T) {
	dir, c := t.TempDir(), newClock(time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC))
	begin := func() *app.App {
		t.Helper()
		r := &secret.Redactor{}
		a, err := app.New(t.Context(), app.Options{
			Load: func() (*config.Config, error) { return load(t, dir, shiftsConfig, r) }, Redactor: r, Now: c.now, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		s := app.Stepped{App: a}
		if err := s.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		return a
	}
	onCall := func(a *app.App) string {
		t.Helper()
		all, err := a.Backend().OnCall.OnCallList(t.Context(), c.now(), c.now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return all[0].Now.People[0].Name
	}
	a, ada := begin(), server.Caller{Name: "ada", Role: server.Approver}
	if _, err := a.Backend().Overrides.CreateOverride(t.Context(), oncall.Made{Schedule: "orders", Person: "bo", To: c.now().Add(time.Hour)}, ada); err == nil || !strings.Contains(err.Error(), "bo") {
		t.Errorf("somebody who is not configured: %v", err)
	}
	made, err := a.Backend().Overrides.CreateOverride(t.Context(), oncall.Made{Schedule: "orders", Person: "siti", From: c.now().Add(-time.Hour), To: c.now().Add(8 * time.Hour)}, ada)
	if err != nil || made.ID == "" || made.By != "ada" || !made.From.Equal(c.now()) {
		t.Fatalf("%+v, %v", made, err)
	}
	if _, err := a.Backend().Overrides.CreateOverride(t.Context(), oncall.Made{Schedule: "orders", Person: "siti", To: c.now().Add(time.Hour)}, ada); err == nil || !strings.Contains(err.Error(), made.ID) {
		t.Errorf("a second one at the same time: %v", err)
	}
	if who := onCall(a); who != "siti" {
		t.Errorf("%s is on call", who)
	}
	if err := a.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	c.set(c.now().Add(time.Hour))
	a = begin()
	defer func() { _ = a.Stop(context.Background()) }()
	if who := onCall(a); who != "siti" {
		t.Errorf("after a restart %s is on call", who)
	}
	if list, err := a.Backend().Overrides.OverrideList(t.Context()); err != nil || len(list) != 1 || list[0].ID != made.ID {
		t.Errorf("listed: %+v, %v", list, err)
	}
	if err := a.Backend().Overrides.DeleteOverride(t.Context(), made.ID, ada); err != nil {
		t.Fatal(err)
	}
	var missing *server.NotFoundError
	if err := a.Backend().Overrides.DeleteOverride(t.Context(), made.ID, ada); !errors.As(err, &missing) {
		t.Errorf("deleted twice: %v", err)
	}
	if who := onCall(a); who != "wei" {
		t.Errorf("after it was taken back %s is on call", who)
	}
	lines, err := a.Backend().Journal.Entries(t.Context(), server.JournalFilter{Limit: 9})
	if err != nil || len(lines.Entries) < 2 || lines.Entries[0].What != "unoverride" || lines.Entries[1].Who != "ada" {
		t.Errorf("the journal: %+v, %v", lines, err)
	}
}
