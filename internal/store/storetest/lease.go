package storetest

import (
	"errors"
	"reflect"
	"sync"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/store"
	"guardian/probes"
)

func leaseChangesHands(j journal) {
	t := j.t
	ctx := t.Context()
	a, b := j.open(), j.open()
	if _, ok, err := a.CurrentLease(ctx); ok || err != nil {
		t.Fatalf("a fresh journal has a lease: %v, %v", ok, err)
	}

	before := time.Now()
	first := acquire(t, a, "g1", ttl)
	if first.Token <= 0 || first.Holder != "g1" || first.Addr != "http://g1" {
		t.Errorf("got %+v", first)
	}
	if v := first.ValidUntil; v.Before(before.Add(ttl)) || v.After(time.Now().Add(ttl)) {
		t.Errorf("valid until %v, want %v after the question was sent", v, ttl)
	}
	if d := first.Until.Sub(first.ValidUntil).Abs(); d > time.Minute {
		t.Errorf("the database's end and ours are %v apart", d)
	}

	held, ok, err := b.Acquire(ctx, "g2", "http://g2", ttl)
	if ok || err != nil || held.Holder != "g1" || held.Addr != "http://g1" || !held.ValidUntil.IsZero() {
		t.Errorf("while g1 holds it, g2 got %+v, %v, %v", held, ok, err)
	}
	if _, ok, err := a.Acquire(ctx, "g1", "http://g1", ttl); ok || err != nil {
		t.Errorf("the holder took it a second time: %v, %v", ok, err)
	}
	if current, ok, err := b.CurrentLease(ctx); !ok || err != nil || current.Token != first.Token {
		t.Errorf("current lease: got %+v, %v, %v", current, ok, err)
	}

	renewed, err := a.Renew(ctx, first, 2*ttl)
	if err != nil || renewed.Token != first.Token || !renewed.Until.After(first.Until) || !renewed.ValidUntil.After(first.ValidUntil) {
		t.Errorf("renewed: got %+v, %v", renewed, err)
	}

	if err := a.Release(ctx, renewed); err != nil {
		t.Fatal(err)
	}
	second := acquire(t, b, "g2", ttl)
	if second.Token <= first.Token {
		t.Errorf("the token went from %d to %d", first.Token, second.Token)
	}
	if err := a.Release(ctx, first); err != nil {
		t.Errorf("releasing a lease that is lost: %v", err)
	}
	if current, ok, err := a.CurrentLease(ctx); !ok || err != nil || current.Holder != "g2" {
		t.Errorf("a lost lease that was released took another's with it: %+v, %v, %v", current, ok, err)
	}
}

func leaseRace(j journal) {
	t := j.t
	const guardians = 6
	var wg sync.WaitGroup
	got := make([]bool, guardians)
	for i := range guardians {
		s := j.open()
		wg.Go(func() {
			_, ok, err := s.Acquire(t.Context(), "g", "", ttl)
			if err != nil {
				t.Error(err)
			}
			got[i] = ok
		})
	}
	wg.Wait()
	n := 0
	for _, ok := range got {
		if ok {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d guardians got the lease", n)
	}
}

func leaseRunsOut(j journal) {
	t := j.t
	s := j.open()
	l := acquire(t, s, "g1", short)
	time.Sleep(2 * short)
	wantError(t, s.Commit(t.Context(), l.Token, full()), store.ErrFenced)
	_, err := s.Renew(t.Context(), l, short)
	wantError(t, err, store.ErrFenced)
	if _, ok, err := s.CurrentLease(t.Context()); ok || err != nil {
		t.Errorf("a lease that ran out is current: %v, %v", ok, err)
	}
	same(t, "deploys", len(must(s.Deploys(t.Context(), store.DeployFilter{}))(t)), 0)
	again := acquire(t, s, "g1", ttl)
	if again.Token <= l.Token {
		t.Errorf("taken again, the token went from %d to %d", l.Token, again.Token)
	}
	// The former lease of the same holder is as invalid as anybody else's.
	wantError(t, s.Commit(t.Context(), l.Token, full()), store.ErrFenced)
	_, err = s.UpdateRun(t.Context(), l.Token, "r_1", func(*actions.Run) error { return nil }, store.Batch{})
	wantError(t, err, store.ErrFenced)
	_, err = s.Renew(t.Context(), l, ttl)
	wantError(t, err, store.ErrFenced)
	if err := s.Release(t.Context(), l); err != nil {
		t.Error(err)
	}
	if current, ok, err := s.CurrentLease(t.Context()); !ok || err != nil || current.Token != again.Token {
		t.Errorf("after the former lease was released: %+v, %v, %v", current, ok, err)
	}
	same(t, "deploys", len(must(s.Deploys(t.Context(), store.DeployFilter{}))(t)), 0)
}

// noTakeoverWithin lets the lease expire within a transaction of its holder: the transaction
// must end before another guardian can acquire the lease.
func noTakeoverWithin(j journal) {
	t := j.t
	a, b := j.open(), j.open()
	first := acquire(t, a, "g1", ttl)
	commit(t, a, first.Token, full())
	if err := a.Release(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	const soon = time.Second
	acquired := make(chan bool, 1)
	within := func(*actions.Run) error {
		time.Sleep(soon)
		go func() {
			_, ok, err := b.Acquire(t.Context(), "g2", "", ttl)
			if err != nil {
				t.Error(err)
			}
			acquired <- ok
		}()
		select {
		case ok := <-acquired:
			t.Errorf("within the transaction another guardian asked for the lease: got it %v", ok)
			acquired <- ok
		case <-time.After(short):
		}
		return nil
	}
	err := store.ErrFenced
	for errors.Is(err, store.ErrFenced) { // on a busy machine it may expire before the transaction begins
		l := acquire(t, a, "g1", soon)
		_, err = a.UpdateRun(t.Context(), l.Token, "r_1", within, store.Batch{})
	}
	if err != nil {
		t.Fatal(err)
	}
	if !<-acquired {
		t.Error("after the transaction the expired lease was not free")
	}
}

func takeoverFences(j journal) {
	t := j.t
	a, b := j.open(), j.open()
	old := acquire(t, a, "g1", ttl)
	commit(t, a, old.Token, store.Batch{Audit: []store.Audit{{At: day(), What: "first"}}})
	if _, err := a.Renew(t.Context(), old, short); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * short)
	now := acquire(t, b, "g2", ttl)

	for name, fence := range map[string]store.Fence{"the former": old.Token, "the zero": 0, "a future": now.Token + 1, "a negative": -2} {
		err := a.Commit(t.Context(), fence, full())
		wantError(t, err, store.ErrFenced)
		if err == nil {
			t.Errorf("%s fence was accepted", name)
		}
	}
	_, err := a.Renew(t.Context(), old, ttl)
	wantError(t, err, store.ErrFenced)
	_, err = a.Prune(t.Context(), old.Token, store.Keep{Journal: day().Add(ttl)})
	wantError(t, err, store.ErrFenced)
	_, err = a.Prune(t.Context(), store.Unfenced, store.Keep{Journal: day().Add(ttl)})
	wantError(t, err, store.ErrFenced)

	commit(t, b, now.Token, store.Batch{Audit: []store.Audit{{At: day().Add(time.Second), What: "second"}}})
	same(t, "journal", audited(t.Context(), t, a), []string{"second", "first"})
	same(t, "deploys", len(must(a.Deploys(t.Context(), store.DeployFilter{}))(t)), 0)
}

func unfenced(j journal) {
	t := j.t
	s := j.open()
	ctx := t.Context()
	b := full()
	b.EscalatedGone = []string{"a_1"}
	b.AlertsGone, b.AcksGone, b.ToldGone = []string{"a_1"}, []string{"a_1"}, []decide.ToldKey{b.Told[0].ToldKey}
	allowed := map[string]bool{"Heartbeats": true, "Audit": true, "Silences": true, "Overrides": true, "Tokens": true, "TokenUses": true}
	all := reflect.ValueOf(b)
	for _, f := range reflect.VisibleFields(all.Type()) {
		var one store.Batch
		reflect.ValueOf(&one).Elem().FieldByIndex(f.Index).Set(all.FieldByIndex(f.Index))
		err := s.Commit(ctx, store.Unfenced, one)
		if allowed[f.Name] && err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
		if !allowed[f.Name] {
			wantError(t, err, store.ErrFenced)
		}
	}
	used := day().Add(time.Hour)
	commit(t, s, store.Unfenced, store.Batch{
		TokenUses:  []store.TokenUse{{ID: "t_1", At: used}},
		Heartbeats: []probes.Heartbeat{{Check: "nightly", At: used, OK: true}},
	})
	if got, ok, err := s.TokenByHash(ctx, "0a1b"); err != nil || !ok || !got.LastUsed.Equal(used) {
		t.Errorf("token: got %+v, %v, %v", got, ok, err)
	}
	if got, ok, err := s.Heartbeat(ctx, "nightly"); err != nil || !ok || !got.OK {
		t.Errorf("the last heartbeat: got %+v, %v, %v", got, ok, err)
	}
	same(t, "heartbeats", len(must(s.Heartbeats(ctx, "nightly", day(), used, 0))(t)), 1)
}
