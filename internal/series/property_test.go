package series_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"guardian/internal/series"
	"guardian/probes/sample"
)

// belief is what should be visible of one check.
type belief struct {
	every, grace time.Duration
	last         *sample.Sample
}

// visible lists the series that a query now should find.
func (b belief) visible(check string) []string {
	if b.last == nil {
		return nil
	}
	lines := []string{fmt.Sprintf("%s probe_unknown 0", check)}
	switch b.last.Health {
	case sample.Unknown:
		return []string{fmt.Sprintf("%s probe_unknown 1", check)}
	case sample.Up:
		lines = append(lines, fmt.Sprintf("%s probe_success 1", check))
	case sample.Down:
		lines = append(lines, fmt.Sprintf("%s probe_success 0", check))
	}
	for _, v := range b.last.Values {
		lines = append(lines, fmt.Sprintf("%s %s%s %g", check, v.Name, v.Labels["stage"], v.V))
	}
	return lines
}

// TestWhatIsVisibleIsTheLastLook does whatever may be done to two checks, with a restamp
// each minute, and compares what a query finds each time with the last look.
func TestWhatIsVisibleIsTheLastLook(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		db, err := series.Open(series.Options{Dir: t.TempDir()})
		if err != nil {
			rt.Fatal(err)
		}
		defer db.Close()
		checks := []string{"a", "b"}
		beliefs := map[string]belief{}
		now := epoch
		track := func(check string) {
			b := beliefs[check]
			b.every = rapid.SampledFrom([]time.Duration{2 * time.Minute, 10 * time.Minute, time.Hour}).Draw(rt, "every")
			b.grace = 30 * time.Second
			db.Track(check, b.every, b.grace)
			beliefs[check] = b
		}
		for _, c := range checks {
			track(c)
		}
		restamp := func() {
			now = now.Add(time.Minute)
			if err := db.Restamp(now); err != nil {
				rt.Fatal(err)
			}
			for check, b := range beliefs {
				if b.last != nil && now.After(b.last.At.Add(b.every+b.grace)) {
					b.last = nil // ended, whatever is said of its schedule later
					beliefs[check] = b
				}
			}
			now = now.Add(time.Second)
		}
		anyCheck := func() string { return rapid.SampledFrom(checks).Draw(rt, "check") }
		rt.Repeat(map[string]func(*rapid.T){
			"look": func(rt *rapid.T) {
				check := anyCheck()
				s := look(rapid.SampledFrom([]sample.Health{sample.Unknown, sample.Up, sample.Down}).Draw(rt, "health"), now)
				s.Check = check
				s.Values = nil
				for _, stage := range []string{"pushed", "visible", "cleaned"} {
					if rapid.Bool().Draw(rt, "stage") {
						s.Values = append(s.Values, sample.Value{Name: "seconds", Labels: map[string]string{"stage": stage}, V: float64(rapid.IntRange(0, 9).Draw(rt, "value"))})
					}
				}
				if _, err := db.AppendSample(s); err != nil {
					rt.Fatal(err)
				}
				b := beliefs[check]
				b.last = &s
				beliefs[check] = b
				now = now.Add(time.Second)
			},
			"time": func(rt *rapid.T) {
				for range rapid.IntRange(1, 15).Draw(rt, "minutes") {
					restamp()
				}
			},
			"track": func(*rapid.T) { track(anyCheck()) },
			"forget": func(rt *rapid.T) {
				check := anyCheck()
				if err := db.Forget(check, now); err != nil {
					rt.Fatal(err)
				}
				beliefs[check] = belief{}
				track(check)
				now = now.Add(time.Second)
			},
			"restore": func(*rapid.T) {
				// What is known already is nothing new.
				if b := beliefs[anyCheck()]; b.last != nil {
					db.Restore(*b.last)
				}
			},
			"": func(rt *rapid.T) {
				restamp() // the end of a check comes with it
				v, err := db.Query(t.Context(), `{check=~".+",__name__!="probe_duration_seconds"}`, now)
				if err != nil {
					rt.Fatal(err)
				}
				var got, want []string
				for _, s := range v {
					got = append(got, fmt.Sprintf("%s %s%s %g", s.Metric.Get("check"), s.Metric.Get("__name__"), s.Metric.Get("stage"), s.F))
				}
				for _, c := range checks {
					want = append(want, beliefs[c].visible(c)...)
				}
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					rt.Fatalf("at %s visible is\n%s\nwant\n%s", now.Sub(epoch), strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			},
		})
	})
}

func TestAllAtOnce(t *testing.T) {
	db := open(t, series.Options{})
	var wg sync.WaitGroup
	for c := range 4 {
		wg.Go(func() {
			for i := range 100 {
				s := look(sample.Up, after(time.Duration(i)*time.Second))
				s.Check = fmt.Sprint("check-", c)
				if _, err := db.AppendSample(s); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 50 {
			db.Track(fmt.Sprint("check-", i%4), time.Hour, time.Minute)
			if _, err := db.Query(t.Context(), "sum(probe_success)", after(time.Duration(i)*time.Second)); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if got := ask(t, db, "sum(count_over_time(probe_success[100s]))", after(99*time.Second)); got != "{} 400" {
		t.Errorf("%q samples, want 400", got)
	}
	for c := range 4 {
		wg.Go(func() {
			if err := db.Forget(fmt.Sprint("check-", c), after(2*time.Minute)); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := db.Restamp(after(2 * time.Minute)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
