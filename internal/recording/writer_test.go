package recording_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/recording"
	"guardian/internal/store"
	"guardian/probes/sample"
	"guardian/sla"
	"guardian/watch"
)

func day() time.Time { return time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC) }

// journal is a real journal at a time that the test sets, whose lease the test holds; away says
// that it takes no writes.
type journal struct {
	*store.Store
	t       *testing.T
	now     time.Time
	token   store.Fence
	reg     *prometheus.Registry
	batches []store.Batch
	away    error
	others  func(b *store.Batch, now time.Time, full bool) func()
	plan    []sla.Maintenance
}

func newJournal(t *testing.T) *journal {
	t.Helper()
	j := &journal{t: t, now: day()}
	var err error
	if j.Store, err = store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "journal.db"), Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	l, _, err := j.Acquire(t.Context(), "test", "", 1000*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	j.token = l.Token
	return j
}

func (j *journal) Token() store.Fence { return j.token }

func (j *journal) Commit(b store.Batch) error {
	if j.away != nil {
		return j.away
	}
	j.batches = append(j.batches, b)
	return j.Store.Commit(context.Background(), j.token, b)
}

// record makes the record of a guardian.
func (j *journal) record(checks ...recording.Check) *recording.Record {
	j.reg = prometheus.NewPedanticRegistry()
	r := recording.New(recording.Options{Journal: j.Store, Now: func() time.Time { return j.now }, Registerer: j.reg})
	r.Apply(checks)
	return r
}

// lead makes the record of a guardian that leads, and what saves it.
func (j *journal) lead(checks ...recording.Check) (*recording.Record, *recording.Writer) {
	j.t.Helper()
	r := j.record(checks...)
	if _, err := r.Resume(j.t.Context()); err != nil {
		j.t.Fatal(err)
	}
	return r, recording.NewWriter(recording.WriterOptions{
		Record: r, Leader: j, Facts: j.Store, Now: func() time.Time { return j.now }, Retention: func() time.Duration { return 24 * time.Hour },
		Others: func(b *store.Batch, now time.Time, full bool) func() {
			if j.others == nil {
				return nil
			}
			return j.others(b, now, full)
		},
		Plan: func(time.Time, time.Time) []sla.Maintenance { return j.plan },
	})
}

func (j *journal) intervals(r *recording.Record) []sla.Interval {
	j.t.Helper()
	all, err := j.Intervals(j.t.Context(), day().Add(-time.Hour), day().Add(24*time.Hour))
	if err != nil {
		j.t.Fatal(err)
	}
	if r != nil {
		all = r.LatestIntervals(all)
	}
	return all
}

func (j *journal) looks(r *recording.Record) (looks, failures int) {
	j.t.Helper()
	all, err := j.RollupsOf(j.t.Context(), "a", day().Add(-time.Hour), day().Add(24*time.Hour))
	if err != nil {
		j.t.Fatal(err)
	}
	if r != nil {
		all = r.LatestRollups("a", all)
	}
	for _, x := range all {
		looks += x.Looks
		failures += x.Failures
	}
	return looks, failures
}

func TestLooksAreSavedAtOnceAndWhatGoesOnEachHalfMinute(t *testing.T) {
	j := newJournal(t)
	r, w := j.lead(checkA())
	looked, whole := 0, 0
	for second := range 600 {
		j.now = day().Add(time.Duration(second) * time.Second)
		h := sample.Up
		if second >= 300 {
			h = sample.Down
		}
		r.Add(look(j.now, h))
		j.batches = nil
		w.Save(false)
		if len(j.batches) != 1 || len(j.batches[0].Looks) != 1 {
			t.Fatalf("at second %d: %d batches", second, len(j.batches))
		}
		looked++
		if n := len(j.batches[0].Intervals); n > 0 {
			whole++
			if (n == 2) != (second == 300) {
				t.Errorf("at second %d: %d intervals", second, n)
			}
		} else if second == 0 || second == 300 {
			t.Errorf("at second %d the health turned, and no interval was saved", second)
		}
	}
	if looked != 600 || whole < 20 || whole > 24 {
		t.Errorf("%d times looks were saved and %d times intervals, want 600 and once each half minute", looked, whole)
	}
	// What is not saved whole yet is seen all the same.
	all := j.intervals(r)
	if last := all[len(all)-1]; len(all) != 2 || last.Health != sample.Down || !last.To.Equal(j.now.Add(10*time.Second)) {
		t.Errorf("intervals %+v, want the last one until the next look is due", all)
	}
	if looks, failures := j.looks(r); looks != 600 || failures != 300 {
		t.Errorf("%d looks and %d failures, want 600 and 300", looks, failures)
	}
	j.batches = nil
	w.Save(false)
	if len(j.batches) != 0 {
		t.Errorf("something was saved although there was no new look: %+v", j.batches)
	}
	w.Save(true)
	if looks, _ := j.looks(nil); looks != 600 {
		t.Errorf("after everything was saved whole the journal has %d looks, want 600", looks)
	}
}

func TestATakeoverGoesOnWithTheSameRecord(t *testing.T) {
	j := newJournal(t)
	first, w := j.lead(checkA())
	second := j.record(checkA()) // looks for itself meanwhile
	at := func(n int) time.Time { return day().Add(time.Duration(n) * 10 * time.Second) }
	for n := range 9 {
		j.now = at(n)
		h := sample.Up
		if n >= 6 {
			h = sample.Down
		}
		first.Add(look(at(n), h))
		w.Save(false)
	}
	own := look(at(8).Add(time.Second), sample.Down)
	second.Add(own)
	resumed, err := second.Resume(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(resumed.Looks) != 9 || !resumed.States["a"].At.Equal(at(8)) {
		t.Errorf("%d looks and the state %+v of the journal, want 9 and the last", len(resumed.Looks), resumed.States["a"])
	}
	if s := second.Status("a", j.now); !s.Last.At.Equal(own.At) || !s.Since.Equal(at(6)) {
		t.Errorf("the check is %s since %s, last looked at %s; want since the other guardian saw it", s.Last.Health, s.Since, s.Last.At)
	}
	// The new leader goes on, and nothing is counted twice.
	first.Standby()
	first.Add(look(at(9), sample.Up))
	j.batches = nil
	w.Save(true)
	if len(j.batches) != 0 {
		t.Errorf("a guardian on standby saved %+v", j.batches)
	}
	second.Add(look(at(9), sample.Down))
	if looks, failures := j.looks(second); looks != 10 || failures != 4 {
		t.Errorf("%d looks and %d failures, want 10 and 4", looks, failures)
	}
	all := j.intervals(second)
	if len(all) != 2 || !all[1].From.Equal(at(6)) || !all[1].To.Equal(at(10)) {
		t.Errorf("intervals %+v, want one up and one down", all)
	}
	if _, failed := second.Results("a"); len(failed) != 3 {
		t.Errorf("%d failed results, want the first of the journal and two own ones", len(failed))
	}
}

// TestWhoLookedAsAStandbyWasNotBlind kills a guardian whose check looks every 10 s. The next one takes
// over 35 s later, and looked from a time on, in seconds after the last look of the one before.
func TestWhoLookedAsAStandbyWasNotBlind(t *testing.T) {
	for name, c := range map[string]struct {
		began []int // its looks, the first when it began
		blind time.Duration
	}{
		"it looked all the time":                 {[]int{-26, -16, -6, 4, 14, 24, 34}, 0},
		"it was started at once":                 {[]int{7, 17, 27, 37}, 0},
		"it was started after a look was missed": {[]int{12, 22, 32}, 2 * time.Second},
		"it was started late":                    {[]int{36}, 26 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJournal(t)
			first, w := j.lead(checkA())
			var second *recording.Record
			for s := -30; s <= 40; s++ {
				j.now = day().Add(time.Duration(s) * time.Second)
				if s <= 0 && s%10 == 0 {
					first.Add(look(j.now, sample.Up))
					w.Save(true)
				}
				if s == c.began[0] {
					second = j.record(checkA())
				}
				if slices.Contains(c.began, s) {
					second.Add(look(j.now, sample.Up))
				}
			}
			if _, err := second.Resume(t.Context()); err != nil {
				t.Fatal(err)
			}
			second.Add(look(j.now.Add(4*time.Second), sample.Up))
			var blind time.Duration
			all := j.intervals(second)
			slices.SortFunc(all, func(x, y sla.Interval) int { return x.From.Compare(y.From) })
			for _, i := range all {
				if i.Health == sample.Unknown {
					blind += i.To.Sub(i.From)
				}
			}
			if blind != c.blind || all[len(all)-1].To.Before(j.now) {
				t.Errorf("blind for %s, want %s: %+v", blind, c.blind, all)
			}
		})
	}
}

func TestACheckThatIsRemovedEndsItsInterval(t *testing.T) {
	j := newJournal(t)
	r, w := j.lead(checkA())
	r.Add(look(day(), sample.Up))
	w.Save(false)
	j.now = day().Add(4 * time.Second)
	r.Apply(nil)
	w.Save(false)
	if all := j.intervals(nil); len(all) != 1 || !all[0].To.Equal(j.now) {
		t.Errorf("intervals %+v, want one that ends when the check was removed", all)
	}
}

func TestWhatCannotBeSavedIsSavedLater(t *testing.T) {
	j := newJournal(t)
	r, w := j.lead(checkA())
	others := 0
	j.others = func(b *store.Batch, _ time.Time, _ bool) func() {
		b.Watches = append(b.Watches, watch.Watch{ID: "w_1", Service: "orders", DeployID: "d_1"})
		return func() { others++ }
	}
	j.away = errors.New("the disk is full")
	for n := range 10 {
		j.now = day().Add(time.Duration(n) * 10 * time.Second)
		h := sample.Up
		if n%2 == 1 {
			h = sample.Down
		}
		r.Add(look(j.now, h))
		w.Save(false)
	}
	if others != 0 {
		t.Error("other rooms heard that their facts were saved")
	}
	j.away, j.others = nil, nil
	w.Save(false)
	if len(j.batches) != 1 {
		t.Fatalf("%d batches, want all in one", len(j.batches))
	}
	b := j.batches[0]
	for n, l := range b.Looks {
		if !l.At.Equal(day().Add(time.Duration(n) * 10 * time.Second)) {
			t.Errorf("look %d is of %s", n, l.At)
		}
	}
	if len(b.Looks) != 10 || len(b.Intervals) != 10 || len(b.Failures) != 5 || len(b.CheckStates) != 1 || !b.CheckStates[0].At.Equal(j.now) {
		t.Errorf("%d looks, %d intervals, %d failures, states %+v; want 10, 10, 5 and the last state", len(b.Looks), len(b.Intervals), len(b.Failures), b.CheckStates)
	}
	if looks, failures := j.looks(nil); looks != 10 || failures != 5 {
		t.Errorf("%d looks and %d failures, want 10 and 5", looks, failures)
	}
}

func TestWhenTooManyLooksWaitEverythingIsSavedWhole(t *testing.T) {
	j := newJournal(t)
	r, w := j.lead(checkA())
	r.Add(look(day(), sample.Up))
	w.Save(false)
	for n := range 100_001 {
		r.Add(look(day().Add(time.Duration(n+1)*time.Millisecond), sample.Up))
	}
	var full bool
	j.others = func(_ *store.Batch, _ time.Time, all bool) func() { full = all; return nil }
	j.now = day().Add(101 * time.Second)
	j.batches = nil
	w.Save(false)
	if len(j.batches) != 1 || len(j.batches[0].Looks) != 0 || len(j.batches[0].Intervals) != 1 || !full {
		t.Errorf("not everything was saved whole: full %t, %d batches", full, len(j.batches))
	}
	if looks, _ := j.looks(nil); looks != 100_002 {
		t.Errorf("%d looks are counted, want 100,002", looks)
	}
}

func TestOnlyALeaderKeepsARecordForTheJournal(t *testing.T) {
	j := newJournal(t)
	r := j.record(checkA())
	r.Add(look(day(), sample.Down))
	w := recording.NewWriter(recording.WriterOptions{Record: r, Leader: j, Facts: j.Store, Now: func() time.Time { return j.now }})
	w.Save(true)
	if len(j.batches) != 0 {
		t.Errorf("a guardian on standby saved %+v", j.batches)
	}
}

func TestMaintenanceIsAnnouncedOnce(t *testing.T) {
	j := newJournal(t)
	_, w := j.lead(checkA())
	window := sla.Maintenance{Name: "move", Service: "orders", From: day().Add(time.Hour), To: day().Add(2 * time.Hour)}
	j.plan = []sla.Maintenance{window}
	w.AnnounceMaintenance(t.Context())
	j.now = day().Add(90 * time.Minute)
	w.AnnounceMaintenance(t.Context())
	// A window that is moved afterwards is another one: what was announced stays.
	longer := window
	longer.To = day().Add(3 * time.Hour)
	j.plan = []sla.Maintenance{longer}
	w.AnnounceMaintenance(t.Context())
	all, err := j.Maintenance(t.Context(), day(), day().Add(24*time.Hour))
	if err != nil || len(all) != 2 {
		t.Fatalf("%d windows in the journal (%v), want 2", len(all), err)
	}
	for _, m := range all {
		want := day()
		if m.To.Equal(longer.To) {
			want = j.now
		}
		if !m.Announced.Equal(want) {
			t.Errorf("the window until %s was announced at %s, want %s", m.To, m.Announced, want)
		}
	}
}

// empty is a journal that takes everything and has nothing.
type empty struct{}

func (empty) LastIntervals(context.Context) (map[string]sla.Interval, error)      { return nil, nil }
func (empty) Rollups(context.Context, time.Time, time.Time) ([]sla.Rollup, error) { return nil, nil }
func (empty) CheckStates(context.Context) (map[string]store.CheckState, error)    { return nil, nil }
func (empty) Failures(context.Context) (map[string][]sample.Sample, error)        { return nil, nil }
func (empty) Looks(context.Context) ([]sample.Sample, error)                      { return nil, nil }
func (empty) Commit(store.Batch) error                                            { return nil }
func (empty) Token() store.Fence                                                  { return 1 }

func TestRunSavesTwiceASecondAndPrunesEachHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal(t)
		j.now = time.Now()
		prunes := 0
		r := recording.New(recording.Options{Journal: j.Store, Now: time.Now})
		r.Apply([]recording.Check{checkA()})
		if _, err := r.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		w := recording.NewWriter(recording.WriterOptions{
			Record: r, Leader: j, Facts: j.Store, Now: time.Now, Retention: func() time.Duration { prunes++; return 400 * 24 * time.Hour },
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour+time.Second)
		defer cancel()
		go func() {
			time.Sleep(100 * time.Millisecond)
			for range 10 {
				r.Add(look(time.Now(), sample.Up))
				time.Sleep(500 * time.Millisecond)
			}
		}()
		w.Run(ctx)
		// Ten looks, and later once more what was made of them, whole.
		if len(j.batches) != 11 || prunes != 3 {
			t.Errorf("saved %d times and pruned %d times, want 11 and 3", len(j.batches), prunes)
		}
	})
}

func TestWhatIsOlderThanTheRetentionIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal(t)
		old := time.Now().Add(-48 * time.Hour)
		if err := j.Commit(store.Batch{Intervals: []sla.Interval{
			{Check: "a", Health: sample.Up, From: old, To: old.Add(time.Hour)}, {Check: "a", Health: sample.Up, From: time.Now(), To: time.Now()},
		}}); err != nil {
			t.Fatal(err)
		}
		w := recording.NewWriter(recording.WriterOptions{
			Record: j.record(), Leader: j, Facts: j.Store, Now: time.Now, Retention: func() time.Duration { return 24 * time.Hour },
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w.Run(ctx)
		all, err := j.Intervals(t.Context(), old.Add(-time.Hour), time.Now().Add(time.Hour))
		if err != nil || len(all) != 1 || all[0].From.Equal(old) {
			t.Errorf("the journal has %+v (%v), want what is not older than a day", all, err)
		}
	})
}
