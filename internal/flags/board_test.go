package flags_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/flags"
)

// journal keeps changes, as that of the guardian does.
type journal struct {
	mu     sync.Mutex
	last   map[string]flags.Change
	all    []flags.Change
	away   error
	refuse error
}

func (j *journal) Flags(context.Context) ([]flags.Change, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []flags.Change
	for _, c := range j.last {
		all = append(all, c)
	}
	return all, j.away
}

func (j *journal) commit(_ context.Context, _ flags.Flag, c flags.Change) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := errors.Join(j.away, j.refuse); err != nil {
		return err
	}
	if j.last == nil {
		j.last = map[string]flags.Change{}
	}
	j.last[c.Flag] = c
	j.all = append(j.all, c)
	return nil
}

func (j *journal) set(change func(*journal)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(j)
}

func board(t *testing.T, j *journal) *flags.Board {
	t.Helper()
	f, err := flags.New(settings(nil))
	if err != nil {
		t.Fatal(err)
	}
	return flags.NewBoard(flags.Options{
		Journal: j, Flags: func() []flags.Flag { return []flags.Flag{f} }, Commit: j.commit,
		Now: time.Now, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
}

func on(length time.Duration, intent string) flags.Change {
	return flags.Change{Flag: "pause-price-writes", Variant: "on", Run: "r_1", Intent: intent, At: time.Now(), Until: time.Now().Add(length)}
}

func TestBeforeTheJournalWasReadNothingIsSaid(t *testing.T) {
	j := &journal{away: errors.New("away")}
	b := board(t, j)
	if err := b.Refresh(t.Context()); err == nil {
		t.Fatal("the journal was read")
	}
	if _, err := b.One("pause-price-writes"); !errors.Is(err, flags.ErrNotRead) {
		t.Errorf("one: %v", err)
	}
	if _, err := b.All(); !errors.Is(err, flags.ErrNotRead) {
		t.Errorf("all: %v", err)
	}
}

func TestAChangeOfAnotherGuardianIsSeenWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		here, there := board(t, j), board(t, j)
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { here.Run(ctx) })
		time.Sleep(time.Minute)
		if _, err := there.Change(ctx, on(time.Hour, "")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if s, err := here.One("pause-price-writes"); err != nil || s.Value != true {
			t.Errorf("it is %v, %v", s.Value, err)
		}
		// What is set holds while the journal is away, and ends in time.
		j.set(func(j *journal) { j.away = errors.New("away") })
		time.Sleep(30 * time.Minute)
		if s, err := here.One("pause-price-writes"); err != nil || s.Value != true {
			t.Errorf("while the journal is away: %v, %v", s.Value, err)
		}
		time.Sleep(31 * time.Minute)
		if s, err := here.One("pause-price-writes"); err != nil || s.Value != false {
			t.Errorf("after its time: %v, %v", s.Value, err)
		}
		cancel()
		loop.Wait()
	})
}

func TestAnIntentIsWrittenOnce(t *testing.T) {
	j := &journal{}
	b := board(t, j)
	for range 3 {
		if s, err := b.Change(t.Context(), on(time.Hour, "r_1-1")); err != nil || s.Value != true {
			t.Fatalf("%v, %v", s.Value, err)
		}
	}
	if len(j.all) != 1 {
		t.Errorf("it was written %d times", len(j.all))
	}
}

func TestWhatTheJournalRefusesDoesNotHold(t *testing.T) {
	j := &journal{refuse: errors.New("another guardian leads")}
	b := board(t, j)
	if _, err := b.Change(t.Context(), on(time.Hour, "r_1-1")); err == nil {
		t.Fatal("it was taken")
	}
	if s, err := b.One("pause-price-writes"); err != nil || s.Value != false {
		t.Errorf("it is %v, %v", s.Value, err)
	}
}

func TestTheEndOfAChangeIsRecordedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		b := board(t, j)
		ctx := t.Context()
		if _, err := b.Change(ctx, on(time.Hour, "r_1-1")); err != nil {
			t.Fatal(err)
		}
		ended := func() int {
			return len(slices.DeleteFunc(slices.Clone(j.all), func(c flags.Change) bool { return c.Variant != "" }))
		}
		time.Sleep(time.Hour - time.Second)
		b.Expire(ctx)
		if n := ended(); n != 0 {
			t.Errorf("before its time %d ends were recorded", n)
		}
		time.Sleep(time.Second)
		j.set(func(j *journal) { j.refuse = errors.New("full") })
		b.Expire(ctx)
		j.set(func(j *journal) { j.refuse = nil })
		for range 3 {
			b.Expire(ctx)
		}
		if n := ended(); n != 1 {
			t.Errorf("%d ends were recorded, want 1", n)
		}
		// One that was set again meanwhile, by another guardian, goes on.
		other := board(t, j)
		if _, err := b.Change(ctx, on(time.Hour, "")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if _, err := other.Change(ctx, on(time.Hour, "")); err != nil {
			t.Fatal(err)
		}
		b.Expire(ctx)
		if n := ended(); n != 1 {
			t.Errorf("%d ends were recorded, want 1", n)
		}
	})
}
