package flags_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	leads  atomic.Bool // the guardians that use it
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
	return boardOf(t, j, func() []flags.Flag { return []flags.Flag{f} })
}

func boardOf(t *testing.T, j *journal, configured func() []flags.Flag) *flags.Board {
	t.Helper()
	return flags.NewBoard(flags.Options{
		Journal: j, Flags: configured, Commit: j.commit, Leads: j.leads.Load,
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

func (j *journal) ends() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(j.all), func(c flags.Change) bool { return c.Variant != "" }))
}

// People hear that a flag has its default again from the guardian that leads, and from no other.
func TestTheLeaderRecordsTheEndOfAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		b := board(t, j)
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { b.Run(ctx) })
		if _, err := b.Change(ctx, on(10*time.Minute, "r_1-1")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Minute)
		if n := j.ends(); n != 0 {
			t.Errorf("a standby recorded %d ends", n)
		}
		j.leads.Store(true)
		time.Sleep(time.Minute)
		if n := j.ends(); n != 1 {
			t.Errorf("%d ends were recorded, want 1", n)
		}
		cancel()
		loop.Wait()
	})
}

func TestTheEndOfAChangeIsRecordedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		b := board(t, j)
		ctx := t.Context()
		if _, err := b.Change(ctx, on(time.Hour, "r_1-1")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour - time.Second)
		b.Expire(ctx)
		if n := j.ends(); n != 0 {
			t.Errorf("before its time %d ends were recorded", n)
		}
		time.Sleep(time.Second)
		j.set(func(j *journal) { j.refuse = errors.New("full") })
		b.Expire(ctx)
		j.set(func(j *journal) { j.refuse = nil })
		for range 3 {
			b.Expire(ctx)
		}
		if n := j.ends(); n != 1 {
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
		if n := j.ends(); n != 1 {
			t.Errorf("%d ends were recorded, want 1", n)
		}
	})
}

// What a new configuration has no variant for ends: its default holds, that is recorded once, and it does
// not come back with the variant.
func TestWhatTheConfigurationHasNoMoreIsRecordedOnce(t *testing.T) {
	whole, err := flags.New(settings(nil))
	if err != nil {
		t.Fatal(err)
	}
	renamed, err := flags.New(settings(func(s *flags.Settings) {
		s.Variants, s.Default = map[string]string{"go": "false", "stop": "true"}, "go"
	}))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		reloaded []flags.Flag
		says     string // of the journal; "": nothing ends
		value    any    // after the reload; nil: there is no such flag
		back     bool   // when the whole flag is configured again
	}{
		"as it was":    {[]flags.Flag{whole}, "", true, true},
		"its variant":  {[]flags.Flag{renamed}, "no such variant any more: its default go holds", false, false},
		"the flag":     {nil, "no such flag any more", nil, false},
		"another flag": {[]flags.Flag{{Name: "other", Default: "off", Values: map[string]any{"off": false, "on": true}}}, "no such flag any more", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j, now := &journal{}, []flags.Flag{whole}
				b := boardOf(t, j, func() []flags.Flag { return now })
				if _, err := b.Change(t.Context(), on(time.Hour, "r_1-1")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				now = c.reloaded
				j.set(func(j *journal) { j.refuse = errors.New("full") })
				b.Expire(t.Context())
				j.set(func(j *journal) { j.refuse = nil })
				for range 3 {
					b.Expire(t.Context())
				}
				s, err := b.One("pause-price-writes")
				if c.value == nil != errors.Is(err, flags.ErrUnknown) || c.value != nil && s.Value != c.value {
					t.Errorf("it is %v, %v; want %v", s.Value, err, c.value)
				}
				last := j.all[len(j.all)-1]
				if c.says == "" && len(j.all) != 1 || c.says != "" && (len(j.all) != 2 || !last.Dropped() || !strings.Contains(last.Reason.String(), c.says)) {
					t.Errorf("the journal has %+v, want %q", j.all, c.says)
				}
				now = []flags.Flag{whole}
				if s, err := b.One("pause-price-writes"); err != nil || s.Value != c.back {
					t.Errorf("configured again it is %v, %v; want %v", s.Value, err, c.back)
				}
			})
		})
	}
}

// A setting whose time was over before its flag went away is nobody's loss.
func TestAFlagThatIsGoneAfterItsTimeIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		if _, err := board(t, j).Change(t.Context(), on(time.Hour, "r_1-1")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		b := boardOf(t, j, func() []flags.Flag { return nil })
		if err := b.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.Expire(t.Context())
		if len(j.all) != 1 {
			t.Errorf("the journal has %+v", j.all)
		}
	})
}
