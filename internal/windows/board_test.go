package windows_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"guardian/internal/reason"
	"guardian/internal/windows"
)

// journal keeps windows as the guardian's does.
type journal struct {
	mu     sync.Mutex
	all    []windows.Window
	broken error
	writes int
}

func (j *journal) Windows(_ context.Context, after time.Time) ([]windows.Window, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(j.all), func(w windows.Window) bool { return !w.To.After(after) }), j.broken
}

func (j *journal) commit(_ context.Context, w windows.Window) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	j.writes++
	j.all = append(slices.DeleteFunc(j.all, func(x windows.Window) bool { return x.ID == w.ID }), w)
	return nil
}

func board(j *journal) *windows.Board {
	n := 0
	return windows.NewBoard(windows.Options{
		Journal: j, Services: func() []string { return []string{"orders", "prices"} }, Commit: j.commit,
		NewID: func() string { n++; return fmt.Sprintf("win_%d", n) }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
}

func freeze(begin, end time.Duration) windows.Window {
	return windows.Window{Kind: windows.Freeze, Service: "orders", From: time.Now().Add(begin), To: time.Now().Add(end), Reason: reason.Text("a move")}
}

func TestWhatMayBeAnnounced(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*windows.Window)
		field  string
	}{
		"from now on":                      {func(*windows.Window) {}, ""},
		"of all services":                  {func(w *windows.Window) { w.Service = "" }, ""},
		"with a request on its way":        {func(w *windows.Window) { w.From = w.From.Add(-30 * time.Second) }, ""},
		"of another kind":                  {func(w *windows.Window) { w.Kind = "holiday" }, "kind"},
		"of a service that there is not":   {func(w *windows.Window) { w.Service = "order" }, "service"},
		"backwards":                        {func(w *windows.Window) { w.From = w.From.Add(-2 * time.Minute) }, "from"},
		"for the year after the next":      {func(w *windows.Window) { w.From = w.From.AddDate(2, 0, 0); w.To = w.From.Add(time.Hour) }, "from"},
		"with an end before its beginning": {func(w *windows.Window) { w.To = w.From }, "to"},
		"for longer than a month":          {func(w *windows.Window) { w.To = w.From.Add(32 * 24 * time.Hour) }, "to"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := &journal{}
				w := freeze(0, time.Hour)
				c.change(&w)
				made, err := board(j).Announce(t.Context(), w)
				var invalid *windows.InvalidError
				switch {
				case c.field == "" && (err != nil || made.ID == "" || made.From.Before(time.Now())):
					t.Errorf("%+v, %v", made, err)
				case c.field != "" && (!errors.As(err, &invalid) || invalid.Field != c.field || j.writes != 0):
					t.Errorf("%v, %d writes", err, j.writes)
				}
			})
		})
	}
}

func TestAWindowLastsUntilItsEndOrUntilSomebodyEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		b := board(j)
		first, err := b.Announce(t.Context(), freeze(0, time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		later, err := b.Announce(t.Context(), freeze(time.Hour, 2*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if off, err := b.End(t.Context(), later.ID, "siti"); err != nil || off.To.After(off.From) || off.Current(later.From) {
			t.Errorf("called off: %+v, %v", off, err)
		}
		time.Sleep(10 * time.Minute)
		ended, err := b.End(t.Context(), first.ID, "siti")
		if err != nil || !ended.To.Equal(time.Now()) || ended.Current(time.Now()) || ended.EndedBy != "siti" {
			t.Errorf("ended: %+v, %v", ended, err)
		}
		if _, err := b.End(t.Context(), first.ID, "siti"); !errors.Is(err, windows.ErrOver) {
			t.Errorf("ended twice: %v", err)
		}
		if _, err := b.End(t.Context(), "win_9", "siti"); !errors.Is(err, windows.ErrUnknown) {
			t.Errorf("one that there is not: %v", err)
		}
		time.Sleep(25 * time.Hour)
		if all := b.All(); len(all) != 0 {
			t.Errorf("a day later there are %+v", all)
		}
	})
}

func TestAStepAnnouncesOneWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		w := freeze(0, time.Hour)
		w.Intent, w.Run = "r_1-2", "r_1"
		one, err := board(j).Announce(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(48 * time.Hour) // it was away for longer than windows are kept in memory
		w.From, w.To = time.Now(), time.Now().Add(time.Hour)
		two, err := board(j).Announce(t.Context(), w) // by the guardian that took over
		if err != nil || two.ID != one.ID || j.writes != 1 {
			t.Errorf("%+v, %v, %d writes", two, err, j.writes)
		}
		if _, ok, err := board(j).Announced(t.Context(), "r_1-2"); !ok || err != nil {
			t.Errorf("known %v, %v", ok, err)
		}
		if _, ok, err := board(j).Announced(t.Context(), "r_1-3"); ok || err != nil {
			t.Errorf("another intent: known %v, %v", ok, err)
		}
	})
}

func TestAnotherGuardiansWindowIsKnownWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		here, there := board(j), board(j)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { here.Run(ctx); close(done) }()
		synctest.Wait()
		if _, err := there.Announce(t.Context(), freeze(0, time.Hour)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if all := here.All(); len(all) != 1 {
			t.Errorf("known are %+v", all)
		}
		// While the journal cannot be read, what was read counts.
		j.mu.Lock()
		j.broken = errors.New("the disk is gone")
		j.mu.Unlock()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if all := here.All(); len(all) != 1 {
			t.Errorf("without the journal known are %+v", all)
		}
		stop()
		<-done
	})
}
