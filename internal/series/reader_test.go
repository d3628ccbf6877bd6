package series_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"guardian/internal/series"
	"guardian/probes/sample"
)

// letters draws looks: u up, d down, ? unknown, with their minutes.
func letters(looks []series.Look) string {
	var b strings.Builder
	for _, l := range looks {
		fmt.Fprintf(&b, "%s%d ", map[sample.Health]string{sample.Up: "u", sample.Down: "d", sample.Unknown: "?"}[l.Health], int(l.At.Sub(epoch).Minutes()))
	}
	return strings.TrimSpace(b.String())
}

func TestLooksOfASlowCheckAreNotCountedAgainWhenItsValuesAreStamped(t *testing.T) {
	dir := t.TempDir()
	db, err := series.Open(series.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	db.Track("push", 10*time.Minute, 2*time.Minute)
	for i, h := range []sample.Health{sample.Up, sample.Down, sample.Unknown, sample.Up} {
		at := after(time.Duration(i) * 10 * time.Minute)
		put(t, db, look(h, at))
		minutes(t, db, at, at.Add(9*time.Minute))
	}
	minutes(t, db, after(39*time.Minute), after(50*time.Minute)) // the next look does not come
	// The process that owns the folder is still there.
	check := func(when string) {
		r, err := series.OpenReader(t.Context(), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		looks, err := r.Looks(t.Context(), "push", epoch, after(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := letters(looks), "u0 d10 ?20 u30"; got != want {
			t.Errorf("%s: looks %s, want %s", when, got, want)
		}
	}
	check("beside the running guardian")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	check("after it ended")
	again, err := series.Open(series.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	again.Track("push", 10*time.Minute, 2*time.Minute)
	put(t, again, look(sample.Up, after(51*time.Minute)))
	r, err := series.OpenReader(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	looks, err := r.Looks(context.Background(), "push", after(25*time.Minute), after(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := letters(looks), "u30 u51"; got != want {
		t.Errorf("after a restart: looks %s, want %s", got, want)
	}
}
