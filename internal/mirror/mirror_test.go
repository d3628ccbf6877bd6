package mirror_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"guardian/internal/mirror"
)

// table is a table of a journal: names that are their own keys.
type table struct {
	mu   sync.Mutex
	rows []string
	away error
}

func (j *table) read(context.Context) ([]string, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.rows), j.away
}

func (j *table) set(away error, rows ...string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.away, j.rows = away, append(j.rows, rows...)
}

func of(read func(context.Context) ([]string, error), log *slog.Logger) *mirror.Mirror[string] {
	return mirror.New(mirror.Options[string]{
		Read: read, Key: func(row string) string { return row }, Every: time.Second, Away: "it is away", Log: log,
	})
}

func known(m *mirror.Mirror[string]) string {
	return strings.Join(slices.Sorted(maps.Keys(m.Rows())), " ")
}

func TestItFollowsTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		j := &table{away: errors.New("the disk is gone")}
		m := of(j.read, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, stop := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		turns := 0
		loop.Go(func() { m.Run(ctx, func(context.Context) { turns++ }) })
		after := func(change func(), want string, warnings int) {
			t.Helper()
			change()
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if n := strings.Count(log.String(), "it is away"); known(m) != want || n != warnings {
				t.Errorf("known are %q, want %q; %d warnings, want %d", known(m), want, n, warnings)
			}
		}
		after(func() {}, "", 1)
		if m.Rows() != nil {
			t.Error("it knows something before it has read the journal")
		}
		after(func() { j.set(nil, "a", "b") }, "a b", 1)
		after(func() { j.set(errors.New("again"), "c") }, "a b", 2)
		after(func() { j.set(nil) }, "a b c", 2)
		stop()
		loop.Wait()
		if turns != 21 {
			t.Errorf("in 20 s the journal was followed %d times", turns)
		}
	})
}

// A reading that began before a change, and ends after it, knows nothing of it.
func TestAReadingDoesNotUndoAChange(t *testing.T) {
	j := &table{}
	reading, changed := make(chan struct{}), make(chan struct{})
	var first sync.Once
	m := of(func(ctx context.Context) ([]string, error) {
		rows, err := j.read(ctx)
		first.Do(func() {
			close(reading)
			select { // the change must wait for this
			case <-changed:
			case <-time.After(100 * time.Millisecond):
			}
		})
		return rows, err
	}, slog.New(slog.DiscardHandler))
	var both sync.WaitGroup
	both.Go(func() {
		if err := m.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
	})
	<-reading
	both.Go(func() {
		defer close(changed)
		end, err := m.Begin(t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		defer end()
		j.set(nil, "a")
		m.Keep("a")
	})
	both.Wait()
	if known(m) != "a" {
		t.Errorf("known are %q, want the change", known(m))
	}
}

func TestAChangeIsKnownAtOnce(t *testing.T) {
	j := &table{rows: []string{"a"}}
	calls := 0
	m := mirror.New(mirror.Options[string]{Read: j.read, Key: func(row string) string { return row }, Changed: func() { calls++ }})
	end, err := m.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := m.Rows()
	m.Keep("b")
	end()
	if known(m) != "a b" || len(before) != 1 || calls != 2 {
		t.Errorf("known are %q; who asked before has %d rows; it was told %d times", known(m), len(before), calls)
	}
	j.set(errors.New("the disk is gone"))
	if _, err := m.Begin(t.Context()); err == nil {
		t.Error("a change begins while the journal cannot be read")
	}
	j.set(nil)
	if err := m.Refresh(t.Context()); err != nil {
		t.Error("after a change that did not begin:", err)
	}
}
