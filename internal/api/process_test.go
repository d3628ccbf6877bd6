package api_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"guardian/internal/config"
	"guardian/internal/leadership"
	"guardian/internal/server"
	"guardian/internal/store"
)

func TestTheStatusSaysWhoLeadsAndHowTheJournalIs(t *testing.T) {
	s := newStandby(t)
	st, err := s.Process.Status(t.Context())
	if err != nil || !st.Ready || st.Role != "standby" || st.Holder != "another" || st.Version != "v1" || st.Checks != 3 || st.Storage != "sqlite" {
		t.Errorf("got %+v, %v", st, err)
	}
	if !slices.Equal(st.Blind, []string{"nightly", "push", "read"}) {
		t.Errorf("blind %v, want all checks", st.Blind)
	}
	s.journalError = "disk full"
	if st, err = s.Process.Status(t.Context()); err != nil || !st.Ready {
		t.Errorf("of a standby, another guardian writes: %+v, %v", st, err)
	}
	s.leader = leadership.Status{Leading: true}
	if st, err = s.Process.Status(t.Context()); err != nil || st.Ready || !strings.Contains(st.Reason.String(), "disk full") {
		t.Errorf("with a full disk: %+v, %v", st, err)
	}
	s.gone = "/var/lib/guardian"
	if st, err = s.Process.Status(t.Context()); err != nil || st.Ready || !strings.Contains(st.Reason.String(), "/var/lib/guardian") {
		t.Errorf("without its folder: %+v, %v", st, err)
	}
	s.gone, s.journalError = "", ""
	_ = s.journal.Close()
	if st, err = s.Process.Status(t.Context()); err != nil || st.Ready || st.Reason.Code != "journal_silent" || st.StorageErr == "" {
		t.Errorf("without its journal: %+v, %v", st, err)
	}
}

func TestTheRoleIsThatOfTheLeadership(t *testing.T) {
	s := newStandby(t)
	other := &store.Lease{Holder: "another"}
	for name, c := range map[string]struct {
		leader leadership.Status
		ready  bool
		role   string
		holder string
		reason string
	}{
		"leads":                          {leadership.Status{Leading: true}, true, "active", "this", ""},
		"begins to lead":                 {leadership.Status{Starting: true}, false, "starting", "", "taking_over"},
		"has not heard of a lease":       {leadership.Status{}, false, "starting", "", "holder_not_known"},
		"waits for its own former lease": {leadership.Status{Other: other, Former: true}, true, "standby", "another", "own_lease_runs"},
		"stands by":                      {leadership.Status{Other: other}, true, "standby", "another", "another_leads"},
	} {
		s.leader = c.leader
		st, err := s.Process.Status(t.Context())
		if err != nil || st.Ready != c.ready || st.Role != c.role || st.Holder != c.holder || st.Reason.Code != c.reason {
			t.Errorf("%s: ready %v, %s, held by %q, %q, %v; want %+v", name, st.Ready, st.Role, st.Holder, st.Reason.Code, err, c)
		}
	}
}

// The leader alone delivers: a standby knows nothing of the receivers.
func TestTheLeaderSaysHowItsReceiversDo(t *testing.T) {
	s := newStandby(t)
	for _, leads := range []bool{true, false} {
		s.leader = leadership.Status{Leading: leads, Other: &store.Lease{Holder: "another"}}
		st, err := s.Process.Status(t.Context())
		if known := len(st.Receivers) == 1 && st.Receivers[0].MonthCalls == 7; err != nil || known != leads {
			t.Errorf("leads %v: receivers %+v, %v", leads, st.Receivers, err)
		}
	}
}

func TestAReloadNamesEachMistake(t *testing.T) {
	s := newStandby(t)
	ada := server.Caller{Name: "ada", Role: server.Admin}
	s.warnings = config.Mistakes{{File: "guardian.yaml", Line: 4, Path: "flags[0].variants", Problem: "pause has no such variant any more"}}
	warnings, err := s.Process.Reload(t.Context(), ada)
	if err != nil || len(warnings) != 1 || warnings[0] != "guardian.yaml:4: flags[0].variants: pause has no such variant any more" {
		t.Fatal(warnings, err)
	}
	page, err := s.Journal.Entries(t.Context(), server.JournalFilter{Limit: 10})
	if err != nil || len(page.Entries) != 1 || page.Entries[0].Who != "ada" || page.Entries[0].What != "reload" {
		t.Errorf("the journal has %+v, %v", page.Entries, err)
	}
	for want, failed := range map[string]error{
		"guardian.yaml:3: no; guardian.yaml:9: neither": config.Mistakes{{File: "guardian.yaml", Line: 3, Problem: "no"}, {File: "guardian.yaml", Line: 9, Problem: "neither"}},
		"one; two": errors.Join(errors.New("one"), errors.New("two")),
	} {
		s.reload = failed
		var mistakes *server.MistakesError
		if _, err := s.Process.Reload(t.Context(), ada); !errors.As(err, &mistakes) || strings.Join(mistakes.Mistakes, "; ") != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if page, _ := s.Journal.Entries(t.Context(), server.JournalFilter{Limit: 10}); len(page.Entries) != 1 {
		t.Errorf("%d lines, want none of a reload that failed", len(page.Entries))
	}
}

func TestATokenIsGoodUntilItIsRevoked(t *testing.T) {
	s := newStandby(t)
	if secured, err := s.Tokens.Secured(t.Context()); err != nil || secured {
		t.Fatalf("secured %v, %v without a token", secured, err)
	}
	token := store.Token{ID: "t_1", Name: "grafana", Role: "viewer", Hash: server.HashToken("of grafana"), Created: start()}
	s.write(store.Batch{Tokens: []store.Token{token}})
	lastUse := func() time.Time {
		t.Helper()
		all, err := s.journal.Tokens(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatalf("%d tokens, %v", len(all), err)
		}
		return all[0].LastUsed
	}
	authenticate := func() (server.Caller, error) { return s.Tokens.Authenticate(t.Context(), token.Hash) }
	if secured, err := s.Tokens.Secured(t.Context()); err != nil || !secured {
		t.Errorf("secured %v, %v with a token", secured, err)
	}
	if got, err := authenticate(); err != nil || got != (server.Caller{Name: "grafana", Role: server.Viewer}) || !lastUse().Equal(start()) {
		t.Errorf("got %+v, %v, used %s", got, err, lastUse())
	}
	s.now = start().Add(30 * time.Second)
	if _, err := authenticate(); err != nil || !lastUse().Equal(start()) {
		t.Errorf("%v, used %s: a use is written down once a minute", err, lastUse())
	}
	s.now = start().Add(2 * time.Minute)
	if _, err := authenticate(); err != nil || !lastUse().Equal(s.now) {
		t.Errorf("%v, used %s, want now", err, lastUse())
	}
	token.Revoked = s.now
	s.write(store.Batch{Tokens: []store.Token{token}})
	if _, err := authenticate(); !errors.Is(err, server.ErrUnauthenticated) {
		t.Errorf("a revoked token: %v", err)
	}
	if secured, err := s.Tokens.Secured(t.Context()); err != nil || !secured {
		t.Errorf("secured %v, %v after the last token was revoked: everybody may act", secured, err)
	}
}
