package series_test

import (
	"testing"
	"time"

	"guardian/internal/series"
	"guardian/probes/sample"
)

// minutes calls Restamp each minute from one minute after start to end.
func minutes(t *testing.T, db *series.DB, start, end time.Time) {
	t.Helper()
	for now := start.Add(time.Minute); !now.After(end); now = now.Add(time.Minute) {
		if err := db.Restamp(now); err != nil {
			t.Fatal(err)
		}
	}
}

func TestASlowCheckIsUpBetweenItsLooks(t *testing.T) {
	for _, every := range []time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour} {
		t.Run(every.String(), func(t *testing.T) {
			db := open(t, series.Options{})
			db.Track("push", every, time.Minute)
			put(t, db, look(sample.Up, epoch))
			minutes(t, db, epoch, after(every-time.Second))
			put(t, db, look(sample.Up, after(every)))
			for now := epoch; !now.After(after(every)); now = now.Add(every / 40) {
				if got := ask(t, db, "sum(probe_success)", now); got != "{} 1" {
					t.Fatalf("%s after the look probe_success is %q, want 1", now.Sub(epoch), got)
				}
			}
			if got := ask(t, db, "count(order_push_stage_seconds)", after(every-time.Minute)); got != "{} 2" {
				t.Errorf("values just before the next look: %q, want both", got)
			}
		})
	}
}

func TestWithoutTrackACheckIsVisibleForTheLookbackOnly(t *testing.T) {
	db := open(t, series.Options{})
	put(t, db, look(sample.Up, epoch))
	minutes(t, db, epoch, after(10*time.Minute))
	if got := ask(t, db, "probe_success", after(6*time.Minute)); got != "" {
		t.Errorf("after six minutes: %q, want nothing", got)
	}
}

func TestALookThatDoesNotComeEndsTheSeriesAtItsGrace(t *testing.T) {
	db := open(t, series.Options{})
	db.Track("push", 10*time.Minute, 2*time.Minute)
	put(t, db, look(sample.Down, epoch))
	minutes(t, db, epoch, after(30*time.Minute))
	for at, want := range map[time.Duration]string{0: "{} 1", 11 * time.Minute: "{} 1", 13 * time.Minute: "", 20 * time.Minute: ""} {
		if got := ask(t, db, "count(probe_success == 0)", after(at)); got != want {
			t.Errorf("%s after the look: %q, want %q", at, got, want)
		}
	}
	put(t, db, look(sample.Up, after(31*time.Minute)))
	if got := ask(t, db, `count({check="push"})`, after(31*time.Minute)); got != "{} 5" {
		t.Errorf("when it looks again: %q series, want 5", got)
	}
}

func TestUnknownIsNotStampedOverByWhatWasBefore(t *testing.T) {
	db := open(t, series.Options{})
	db.Track("push", time.Hour, time.Minute)
	put(t, db, look(sample.Down, epoch))
	minutes(t, db, epoch, after(10*time.Minute))
	put(t, db, look(sample.Unknown, after(10*time.Minute)))
	minutes(t, db, after(10*time.Minute), after(30*time.Minute))
	for m := 10; m <= 30; m += 5 {
		at := after(time.Duration(m)*time.Minute + time.Second)
		if got := ask(t, db, "probe_success", at); got != "" {
			t.Errorf("minute %d: an old failure is still there: %s", m, got)
		}
		if got := ask(t, db, "sum(probe_unknown)", at); got != "{} 1" {
			t.Errorf("minute %d: probe_unknown %q, want 1 until the next look", m, got)
		}
	}
}

func TestARemovedCheckLeavesNothing(t *testing.T) {
	db := open(t, series.Options{})
	db.Track("push", time.Hour, time.Minute)
	put(t, db, look(sample.Down, epoch))
	minutes(t, db, epoch, after(3*time.Minute))
	other := look(sample.Up, after(3*time.Minute))
	other.Check = "other"
	put(t, db, other)
	if err := db.Forget("push", after(3*time.Minute)); err != nil {
		t.Fatal(err)
	}
	at := after(3*time.Minute + time.Second)
	if got := ask(t, db, `{check="push"}`, at); got != "" {
		t.Errorf("after it was removed:\n%s", got)
	}
	if got := ask(t, db, `count({check="other"})`, at); got != "{} 5" {
		t.Errorf("another check has %q series, want its 5", got)
	}
	minutes(t, db, after(3*time.Minute), after(10*time.Minute))
	if got := ask(t, db, `{check="push"}`, after(10*time.Minute)); got != "" {
		t.Errorf("it came back:\n%s", got)
	}
	put(t, db, look(sample.Up, after(11*time.Minute)))
	if got := ask(t, db, `count({check="push"})`, after(11*time.Minute)); got != "{} 5" {
		t.Errorf("added again it has %q series, want 5", got)
	}
}

func TestALookThatBeganBeforeARestampIsTheNewerOne(t *testing.T) {
	db := open(t, series.Options{})
	db.Track("push", 10*time.Minute, time.Minute)
	put(t, db, look(sample.Up, epoch))
	minutes(t, db, epoch, after(10*time.Minute))
	put(t, db, look(sample.Down, after(10*time.Minute-20*time.Second))) // took half a minute
	if got := ask(t, db, "sum(probe_success)", after(10*time.Minute+time.Second)); got != "{} 0" {
		t.Errorf("probe_success %q, want what the look saw", got)
	}
}

func TestFastChecksAreNotStampedAgain(t *testing.T) {
	db := open(t, series.Options{})
	db.Track("push", 15*time.Second, 15*time.Second)
	for i := range 41 {
		put(t, db, look(sample.Up, after(time.Duration(i)*15*time.Second)))
		if i%4 == 0 {
			if err := db.Restamp(after(time.Duration(i)*15*time.Second + time.Second)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := ask(t, db, "sum(count_over_time(probe_success[10m]))", after(10*time.Minute)); got != "{} 40" {
		t.Errorf("samples in ten minutes: %q, want 40, one for each look", got)
	}
}

func TestRestartGoesOnWithTheLastValues(t *testing.T) {
	dir := t.TempDir()
	db, err := series.Open(series.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	db.Track("push", time.Hour, time.Minute)
	put(t, db, look(sample.Down, epoch))
	minutes(t, db, epoch, after(5*time.Minute))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, series.Options{Dir: dir})
	db.Track("push", time.Hour, time.Minute)
	db.Restore(look(sample.Down, epoch))
	minutes(t, db, after(10*time.Minute), after(59*time.Minute))
	for _, m := range []int{11, 30, 59} {
		if got := ask(t, db, "count(probe_success == 0)", after(time.Duration(m)*time.Minute)); got != "{} 1" {
			t.Errorf("minute %d: %q, want the check down since before the restart", m, got)
		}
	}
	if got := ask(t, db, "count(order_push_stage_seconds)", after(30*time.Minute)); got != "{} 2" {
		t.Errorf("values %q, want both", got)
	}
	put(t, db, look(sample.Up, after(time.Hour)))
	if got := ask(t, db, "count(probe_success)", after(time.Hour)); got != "{} 1" {
		t.Errorf("after the next look %q probe_success series, want one", got)
	}
	db.Restore(look(sample.Down, epoch))
	minutes(t, db, after(time.Hour), after(65*time.Minute))
	if got := ask(t, db, "sum(probe_success)", after(65*time.Minute)); got != "{} 1" {
		t.Errorf("an old sample restored after a newer one: %q, want nothing to change", got)
	}
}

func TestAfterARestartWithoutRestoreNothingOldFiresOn(t *testing.T) {
	for name, next := range map[string]func(*series.DB) error{
		"an unknown look": func(db *series.DB) error {
			_, err := db.AppendSample(look(sample.Unknown, after(time.Minute)))
			return err
		},
		"a removed check": func(db *series.DB) error { return db.Forget("push", after(time.Minute)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			db, err := series.Open(series.Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			put(t, db, look(sample.Down, epoch))
			alert := point(epoch, 1, "check", "push", "kind", "order_push", "alertname", "A")
			if err := db.Append(t.Context(), []series.Point{alert}); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			db = open(t, series.Options{Dir: dir})
			if err := next(db); err != nil {
				t.Fatal(err)
			}
			if got := ask(t, db, `{check="push",__name__!="probe_unknown",alertname=""}`, after(time.Minute)); got != "" {
				t.Errorf("what was left:\n%s", got)
			}
			if got := ask(t, db, `{alertname="A"}`, after(time.Minute)); got == "" {
				t.Error("an alert's series ended with the check's")
			}
		})
	}
}
