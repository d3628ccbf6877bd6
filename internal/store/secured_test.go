package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"guardian/internal/store"
)

// Whoever had a token once meant to keep others out: neither revoking it nor the time opens the door.
func TestAGuardianThatHadATokenStaysSecured(t *testing.T) {
	secured := func(s *store.Store, want bool) {
		t.Helper()
		if got, err := s.Secured(t.Context()); err != nil || got != want {
			t.Errorf("secured %v, %v, want %v", got, err, want)
		}
	}
	s := open(t, store.Options{Path: filepath.Join(t.TempDir(), "journal.db")})
	secured(s, false)
	if err := s.Secure(t.Context()); err != nil {
		t.Fatal(err)
	}
	secured(s, true)

	s = open(t, store.Options{Path: filepath.Join(t.TempDir(), "journal.db")})
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var b store.Batch
	for _, id := range []string{"t_1", "t_2"} {
		b.Tokens = append(b.Tokens, store.Token{ID: id, Name: id, Role: "admin", Hash: "hash of " + id, Created: at, Revoked: at.Add(time.Hour)})
	}
	if err := s.Commit(t.Context(), store.Unfenced, b); err != nil {
		t.Fatal(err)
	}
	secured(s, true)
	lease, ok, err := s.Acquire(t.Context(), "me", "", time.Minute)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if _, err := s.Prune(t.Context(), lease.Token, store.Keep{Journal: at.Add(1000 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	secured(s, true)
	if left, err := s.Tokens(t.Context()); err != nil || len(left) != 1 {
		t.Errorf("%d tokens are left, %v, want the newest", len(left), err)
	}
}
