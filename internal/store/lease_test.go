package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"guardian/internal/store"
	"guardian/rules"
)

// TestLease_OneActsAtATime lets guardians take, renew, lose and give back the lease of one
// journal in any order while time goes on, and compares with a lease kept in mind.
func TestLease_OneActsAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fresh := emptyJournal(t)
	rapid.Check(t, func(t *rapid.T) {
		folder, err := os.MkdirTemp(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "journal.db"), fresh, 0o600); err != nil {
			t.Fatal(err)
		}
		clock := time.Date(2026, time.November, 3, 10, 0, 0, 0, time.UTC)
		s, err := store.Open(t.Context(), store.Options{
			Path: filepath.Join(folder, "journal.db"),
			Now:  func() time.Time { return clock },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()

		holders := []string{"g1", "g2", "g3"}
		last := map[string]store.Lease{} // what each believes to hold
		var holder string                // who holds it
		var token store.Fence
		var until time.Time
		holds := func(who string) bool {
			return who == holder && last[who].Token == token && token > 0 && clock.Before(until)
		}
		who := rapid.SampledFrom(holders)
		ttl := rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(1, 10).Draw(t, "seconds")) * time.Second
		})

		t.Repeat(map[string]func(*rapid.T){
			"time goes on": func(t *rapid.T) { clock = clock.Add(ttl.Draw(t, "by")) },
			"acquire": func(t *rapid.T) {
				who, ttl := who.Draw(t, "who"), ttl.Draw(t, "ttl")
				free := !clock.Before(until)
				l, ok, err := s.Acquire(t.Context(), who, "", ttl)
				if err != nil || ok != free {
					t.Fatalf("free %v: got %+v, %v, %v", free, l, ok, err)
				}
				if !ok {
					if l.Holder != holder || l.Token != token {
						t.Fatalf("%s holds it with %d: got %+v", holder, token, l)
					}
					return
				}
				if l.Token <= token || !l.Until.Equal(clock.Add(ttl)) || !l.ValidUntil.Equal(clock.Add(ttl)) {
					t.Fatalf("after token %d at %v: got %+v", token, clock, l)
				}
				holder, token, until, last[who] = who, l.Token, l.Until, l
			},
			"renew": func(t *rapid.T) {
				who, ttl := who.Draw(t, "who"), ttl.Draw(t, "ttl")
				l, err := s.Renew(t.Context(), last[who], ttl)
				if !holds(who) {
					if !errors.Is(err, store.ErrFenced) {
						t.Fatalf("%s renewed what it does not hold: %+v, %v", who, l, err)
					}
					return
				}
				if err != nil || l.Token != token || !l.Until.Equal(clock.Add(ttl)) {
					t.Fatalf("got %+v, %v", l, err)
				}
				until, last[who] = l.Until, l
			},
			"release": func(t *rapid.T) {
				who := who.Draw(t, "who")
				held := who == holder && last[who].Token == token
				if err := s.Release(t.Context(), last[who]); err != nil {
					t.Fatal(err)
				}
				if held {
					until = time.Time{}
				}
			},
			"commit": func(t *rapid.T) {
				who := who.Draw(t, "who")
				err := s.Commit(t.Context(), last[who].Token, store.Batch{Acks: []rules.Ack{{Alert: who}}})
				if holds(who) != (err == nil) || (err != nil && !errors.Is(err, store.ErrFenced)) {
					t.Fatalf("%s holds it: %v; commit: %v", who, holds(who), err)
				}
			},
		})
	})
}

// emptyJournal is a new journal's file: to bring its schema up to date is most of what opening
// one takes.
func emptyJournal(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	s, err := store.Open(t.Context(), store.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestLease_OfBeforeTheClockWasSetBackIsFree starts a guardian again after a power cut, on a
// machine whose clock is behind until a time server is heard.
func TestLease_OfBeforeTheClockWasSetBackIsFree(t *testing.T) {
	t.Parallel()
	clock := time.Date(2026, time.November, 3, 10, 0, 0, 0, time.UTC)
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "journal.db"), Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	before, ok, err := s.Acquire(t.Context(), "before", "", 6*time.Second)
	if !ok || err != nil {
		t.Fatalf("got %v, %v", ok, err)
	}
	clock = clock.Add(-time.Minute) // it may still run: this lease could have been asked for
	if _, ok, err := s.Acquire(t.Context(), "after", "", 6*time.Second); ok || err != nil {
		t.Errorf("a lease that may be was taken away: %v, %v", ok, err)
	}
	clock = clock.Add(-24 * time.Hour)
	after, ok, err := s.Acquire(t.Context(), "after", "", 6*time.Second)
	if !ok || err != nil {
		t.Fatalf("a day after the clock was set back: %v, %v", ok, err)
	}
	if after.Token <= before.Token {
		t.Errorf("the token went from %d to %d", before.Token, after.Token)
	}
}
