package series_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"guardian/internal/series"
	"guardian/probes/sample"
)

// named is a look of a check with another name.
func named(check string, h sample.Health, at time.Time) sample.Sample {
	s := look(h, at)
	s.Check = check
	return s
}

func TestACheckThatAReloadRemovesEndsAtOnce(t *testing.T) {
	db := open(t, series.Options{})
	both := []series.Check{{Name: "push", Every: time.Hour}, {Name: "page", Every: time.Hour}}
	db.Apply(both, epoch)
	put(t, db, look(sample.Down, epoch))
	put(t, db, named("page", sample.Down, epoch))
	db.Apply(both[1:], after(time.Minute))
	at := after(time.Minute + time.Second)
	if got := ask(t, db, `{check="push"}`, at); got != "" {
		t.Errorf("of the removed check there is\n%s", got)
	}
	minutes(t, db, after(time.Minute), after(30*time.Minute))
	if got := ask(t, db, `count({check="page"})`, after(30*time.Minute)); got != "{} 5" {
		t.Errorf("the check that stays has %q series, want 5 until its next look", got)
	}
}

// A guardian that takes over goes on with what the one before it saw, and ends what is not configured any more.
func TestAGuardianResumesTheSeriesOfTheChecksThatItHas(t *testing.T) {
	dir := t.TempDir()
	db, err := series.Open(series.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	last := []sample.Sample{look(sample.Down, epoch), named("page", sample.Down, epoch)}
	for _, s := range last {
		put(t, db, s)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, series.Options{Dir: dir})
	db.Apply([]series.Check{{Name: "push", Every: time.Hour}}, after(time.Minute))
	db.Resume(last, after(time.Minute))
	if got := ask(t, db, `{check="page"}`, after(2*time.Minute)); got != "" {
		t.Errorf("of a check that was removed meanwhile there is\n%s", got)
	}
	minutes(t, db, after(time.Minute), after(30*time.Minute))
	if got := ask(t, db, `count({check="push"})`, after(30*time.Minute)); got != "{} 5" {
		t.Errorf("the check that stays has %q series, want 5 until its next look", got)
	}
}

func TestLastValuesAreStampedEachMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := series.Open(series.Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); db.Run(ctx, time.Now) }()
		start := time.Now()
		db.Apply([]series.Check{{Name: "push", Every: time.Hour}}, start)
		put(t, db, look(sample.Up, start))
		time.Sleep(30 * time.Minute)
		if got := ask(t, db, "sum(probe_success)", time.Now()); got != "{} 1" {
			t.Errorf("half an hour after the look: %q", got)
		}
		cancel()
		<-ended
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
