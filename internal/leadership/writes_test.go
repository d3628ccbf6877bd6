package leadership_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"guardian/internal/leadership"
	"guardian/internal/store"
)

// A guardian knows why the journal does not take what it writes, until it takes something again. That it
// lost the lease shows nothing about the journal.
func TestWhyTheJournalTakesNoWritesIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, full := openJournal(t), errors.New("the disk is full")
		a := start(t, s, "a/1", nil)
		if err := a.WriteError(); err != nil {
			t.Errorf("at the start: %v", err)
		}
		for name, c := range map[string]struct{ gives, want error }{
			"a full disk":                    {full, full},
			"an intent that was carried out": {store.ErrAlreadyRun, nil},
			"an announcement made twice":     {store.ErrIdempotent, nil},
		} {
			a.journal.refuse.Store(&c.gives)
			_ = a.Current().Commit(alert("a"))
			if err := a.WriteError(); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		a.journal.refuse.Store(&full)
		_ = a.Current().Commit(alert("a"))
		a.journal.refuse.Store(nil)
		l := a.Current()
		if err := s.Release(t.Context(), store.Lease{Token: l.Token()}); err != nil {
			t.Fatal(err)
		}
		if err := l.Commit(alert("b")); !errors.Is(err, store.ErrFenced) {
			t.Fatalf("written without the lease: %v", err)
		}
		if err := a.WriteError(); !errors.Is(err, full) {
			synctest.Wait()
			if !a.Status().Leading { // it may have the lease again already, which shows that the journal is well
				t.Errorf("the journal is well because the lease is lost: %v", err)
			}
		}
		time.Sleep(ttl)
		if err := a.WriteError(); err != nil || !a.Status().Leading {
			t.Errorf("after it got the lease again: %v", err)
		}
	})
}

// Who cannot ask for the lease cannot write either, whether the journal refuses or does not answer.
func TestWhoCannotAskForTheLeaseCannotWrite(t *testing.T) {
	for name, c := range map[string]struct {
		lose func(*journal)
		want error
	}{
		"refused":   {func(j *journal) { err := errors.ErrUnsupported; j.refuse.Store(&err) }, errors.ErrUnsupported},
		"no answer": {func(j *journal) { j.away.Store(true) }, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, openJournal(t), "b/1", func(g *guardian) { c.lose(g.journal) })
				time.Sleep(ttl)
				if err := b.WriteError(); !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
			})
		})
	}
}

func TestProcessesOfAMachineHaveDifferentNames(t *testing.T) {
	if one, two := leadership.NewHolder(), leadership.NewHolder(); one == two {
		t.Errorf("two are named %s", one)
	}
}
