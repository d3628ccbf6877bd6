package decide_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"guardian/decide"
	"guardian/probes/sample"
	"guardian/watch"
)

// TestWhatIsForeseenWhenAWatchBegins: what cannot work is said in the answer of the hook.
func TestWhatIsForeseenWhenAWatchBegins(t *testing.T) {
	passed := func(version string, before time.Duration) decide.PastWatch {
		return decide.PastWatch{
			Service: "orders", Environment: production, PastDeploy: decide.PastDeploy{Version: version}, State: watch.Passed,
			Switched: ago(before), Before: ago(before), Started: ago(before), Ended: ago(before - 30*time.Minute), Judged: 30,
		}
	}
	down := func(w *world, before, length time.Duration) {
		for check := range w.past.looks {
			for i, l := range w.past.looks[check] {
				if !l.At.Before(ago(before)) && l.At.Before(ago(before-length)) {
					w.past.looks[check][i].Health = sample.Down
				}
			}
		}
	}
	// beside adds a check of another service on the same marketplace.
	beside := func(w *world) {
		for i := range w.settings.Checks {
			w.settings.Checks[i].Labels = map[string]string{"marketplace": "lazada"}
		}
		other := w.settings.Checks[0]
		other.Check, other.Service = "prices", "prices"
		w.settings.Checks = append(w.settings.Checks, other)
		w.past.looks["prices"] = slices.Clone(w.past.looks["push"])
	}
	for name, c := range map[string]struct {
		change func(*world)
		want   []string
	}{
		"nothing": {},
		"fewer looks than a verdict needs": {
			change: func(w *world) { w.settings.Checks[0].Every = 10 * time.Minute }, want: []string{"push is looked at 3 times in this watch and 10 looks are needed"},
		},
		"enough to pass, and too few to find an outage": {
			change: func(w *world) { w.settings.Checks[0].Every = 160 * time.Second }, want: []string{"push is looked at 11 times in this watch: too few to find an outage"},
		},
		"a check was down for long": {
			change: func(w *world) { down(w, 3*time.Hour, 3*time.Hour); w.past.looks["read"] = nil }, want: []string{"push is not judged until it is up: down before the deploy"},
		},
		"the deploys before restarted the service": {
			change: func(w *world) {
				w.past.watches = []decide.PastWatch{passed("v2", 2*time.Hour), passed("v1", 5*time.Hour)}
				down(w, 2*time.Hour, 2*time.Minute)
				down(w, 5*time.Hour, time.Minute)
			},
			want: []string{"2 of the last 2 deploys failed for up to 2 min around the switch and then passed, and grace is 0 s"},
		},
		"the deploys before restarted the service, and there is a grace": {
			change: func(w *world) {
				w.settings.Services[0].Watch.Grace = 120e9
				w.past.watches = []decide.PastWatch{passed("v2", 2*time.Hour), passed("v1", 5*time.Hour)}
				down(w, 2*time.Hour, 2*time.Minute)
				down(w, 5*time.Hour, time.Minute)
			},
		},
		"what failed was the bad version before, which was taken back": {
			change: func(w *world) {
				bad := func(version string, before time.Duration) decide.PastWatch {
					p := passed(version, before)
					p.State, p.Suspect = watch.Failed, true
					return p
				}
				w.past.watches = []decide.PastWatch{passed("v3", 2*time.Hour), bad("v2", 2*time.Hour+50*time.Second), passed("v1", 5*time.Hour), bad("v0", 5*time.Hour+40*time.Second)}
				down(w, 2*time.Hour+45*time.Second, time.Minute)
				down(w, 5*time.Hour+30*time.Second, 50*time.Second)
			},
		},
		"what failed after a bad version is the restart": {
			change: func(w *world) {
				bad := passed("v2", 2*time.Hour+50*time.Second)
				bad.State, bad.Suspect = watch.Failed, true
				w.past.watches = []decide.PastWatch{passed("v3", 2*time.Hour), bad, passed("v1", 5*time.Hour)}
				down(w, 2*time.Hour, time.Minute)
				down(w, 5*time.Hour, time.Minute)
			},
			want: []string{"2 of the last 2 deploys failed for up to 1 min around the switch and then passed, and grace is 0 s"},
		},
		"what failed the marketplace's other shops saw, too": {
			change: func(w *world) {
				beside(w)
				w.past.watches = []decide.PastWatch{passed("v2", 2*time.Hour), passed("v1", 5*time.Hour)}
				down(w, 2*time.Hour, 2*time.Minute)
				down(w, 5*time.Hour, time.Minute)
			},
		},
		"what failed the marketplace's other shops did not see": {
			change: func(w *world) {
				beside(w)
				w.past.watches = []decide.PastWatch{passed("v2", 2*time.Hour), passed("v1", 5*time.Hour)}
				down(w, 2*time.Hour, 2*time.Minute)
				down(w, 5*time.Hour, time.Minute)
				for i := range w.past.looks["prices"] {
					w.past.looks["prices"][i].Health = sample.Up
				}
			},
			want: []string{"2 of the last 2 deploys failed for up to 2 min around the switch and then passed, and grace is 0 s"},
		},
		"one of the deploys before restarted the service": {
			change: func(w *world) {
				w.past.watches = []decide.PastWatch{passed("v2", 2*time.Hour), passed("v1", 5*time.Hour)}
				down(w, 2*time.Hour, 2*time.Minute)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			world := newWorld()
			world.present.Health["push"] = sample.Up
			for _, check := range []string{"push", "read"} {
				for at := ago(6 * time.Hour); at.Before(noon()); at = at.Add(15 * time.Second) {
					world.past.looks[check] = append(world.past.looks[check], watch.Look{At: at, Health: sample.Up, Took: time.Second})
				}
			}
			if c.change != nil {
				c.change(world)
			}
			d := watch.Deploy{ID: "d_next", Service: "orders", Environment: production, Version: "v3"}
			w, _, err := world.decider().Open(t.Context(), d, world.present, noon())
			if err != nil {
				t.Fatal(err)
			}
			got, err := world.decider().Foresee(t.Context(), w, noon())
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(c.want) {
				t.Fatalf("foreseen: %v\nwant %q", got, c.want)
			}
			for i, want := range c.want {
				if !strings.Contains(got[i].String(), want) {
					t.Errorf("foreseen: %s\nwant %s", got[i], want)
				}
			}
		})
	}
}
