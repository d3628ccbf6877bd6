package store_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"guardian/internal/store"
	"guardian/rules"
)

// process opens the journal as a guardian's process does. Close is its end, as that of a killed one: the
// lease is not given back.
func process(t interface{ Fatal(args ...any) }, path string, now func() time.Time, forLife bool) *store.Store {
	s, err := store.Open(context.Background(), store.Options{Path: path, Now: now, ForLife: forLife})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTheLeaseOfADeadProcessIsTakenAtOnce, and that of one that may live never before it expires.
func TestTheLeaseOfADeadProcessIsTakenAtOnce(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		return // nothing is proved elsewhere
	}
	const ttl = 10 * time.Minute
	for name, c := range map[string]struct {
		forLife bool // the first process has the lock
		between func(t *testing.T, path string, first *store.Store)
		free    bool
	}{
		"it was killed":                      {true, func(t *testing.T, _ string, s *store.Store) { t.Helper(); die(t, s) }, true},
		"it lives":                           {true, func(*testing.T, string, *store.Store) {}, false},
		"it lives, and its lock was deleted": {true, func(t *testing.T, path string, _ *store.Store) { t.Helper(); unlink(t, path) }, false},
		"its lock was deleted, and it was killed": {true, func(t *testing.T, path string, s *store.Store) {
			t.Helper()
			unlink(t, path)
			makeAnew(t, path)
			die(t, s)
		}, false},
		"it had no lock": {false, func(t *testing.T, _ string, s *store.Store) { t.Helper(); die(t, s) }, false},
		"one without the lock has the lease since": {true, func(t *testing.T, path string, s *store.Store) {
			t.Helper()
			db := raw(t, path) // as a guardian of an older build, which knows of no proof
			if _, err := db.ExecContext(t.Context(), "UPDATE lease SET holder = 'older', token = token + 1"); err != nil {
				t.Fatal(err)
			}
			die(t, s)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "journal.db")
			first := process(t, path, time.Now, c.forLife)
			before, ok, err := first.Acquire(t.Context(), "first", "http://first", ttl)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			t.Cleanup(func() { _ = first.Close() })
			second := process(t, path, time.Now, true)
			t.Cleanup(func() { _ = second.Close() })
			if _, ok, err := second.Acquire(t.Context(), "second", "", ttl); ok || err != nil {
				t.Fatal("taken from one that lives", err)
			}
			c.between(t, path, first)
			l, ok, err := second.Acquire(t.Context(), "second", "", ttl)
			if err != nil || ok != c.free {
				t.Fatalf("taken: %v, %v", ok, err)
			}
			if ok && (l.Dead == nil || l.Dead.Holder != "first" || l.Dead.Token != before.Token || l.Token != before.Token+1) {
				t.Errorf("got %+v", l)
			}
			if _, ok, err := second.Acquire(t.Context(), "second", "", ttl); ok || err != nil {
				t.Errorf("a process took its own lease: %v", err)
			}
		})
	}
}

func die(t *testing.T, s *store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func unlink(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
}

// makeAnew makes the lock anew, with another inode: that of the deleted one is in use.
func makeAnew(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestNoTwoLivingProcessesHoldTheLease lets processes of one journal begin, lead, be killed, lose the
// lock's file and run without it in any order, while time goes on: never may two act.
func TestNoTwoLivingProcessesHoldTheLease(t *testing.T) {
	t.Parallel()
	dir, fresh := t.TempDir(), emptyJournal(t)
	rapid.Check(t, func(t *rapid.T) {
		folder, err := os.MkdirTemp(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, "journal.db")
		if err := os.WriteFile(path, fresh, 0o600); err != nil {
			t.Fatal(err)
		}
		clock := time.Date(2026, time.November, 3, 10, 0, 0, 0, time.UTC)
		type one struct {
			*store.Store
			name  string
			lease store.Lease
		}
		var living []*one
		defer func() {
			for _, p := range living {
				_ = p.Close()
			}
		}()
		born := 0
		pick := func(t *rapid.T) *one {
			if len(living) == 0 {
				t.Skip("nobody lives")
			}
			return rapid.SampledFrom(living).Draw(t, "who")
		}
		const ttl = 6 * time.Second
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				if len(living) == 3 {
					t.Skip("enough")
				}
				born++
				forLife := rapid.IntRange(0, 3).Draw(t, "older") > 0
				living = append(living, &one{Store: process(t, path, func() time.Time { return clock }, forLife), name: string(rune('a' + born%26))})
			},
			"is killed": func(t *rapid.T) {
				p := pick(t)
				if err := p.Close(); err != nil {
					t.Fatal(err)
				}
				living = slices.DeleteFunc(living, func(q *one) bool { return q == p })
			},
			"time goes on": func(t *rapid.T) {
				clock = clock.Add(time.Duration(rapid.IntRange(1, 4).Draw(t, "s")) * time.Second)
			},
			"the lock's file is deleted": func(*rapid.T) { _ = os.Remove(path + ".lock") },
			"asks": func(t *rapid.T) {
				p := pick(t)
				if l, ok, err := p.Acquire(context.Background(), p.name, "", ttl); err != nil {
					t.Fatal(err)
				} else if ok {
					p.lease = l
				}
			},
			"renews": func(t *rapid.T) {
				p := pick(t)
				if l, err := p.Renew(context.Background(), p.lease, ttl); err == nil {
					p.lease = l
				}
			},
			"gives back": func(t *rapid.T) {
				p := pick(t)
				if err := p.Release(context.Background(), p.lease); err != nil {
					t.Fatal(err)
				}
				p.lease = store.Lease{}
			},
			"": func(t *rapid.T) {
				act := 0
				for _, p := range living {
					if clock.Before(p.lease.ValidUntil) {
						act++
						if err := p.Commit(context.Background(), p.lease.Token, store.Batch{Acks: []rules.Ack{{Alert: p.name}}}); err != nil {
							t.Fatalf("%s may act, and its write is refused: %v", p.name, err)
						}
					}
				}
				if act > 1 {
					t.Fatalf("%d may act", act)
				}
			},
		})
	})
}
