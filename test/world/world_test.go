//go:build !race

package world_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"guardian/test/world"
	"guardian/watch"
)

// drawn is a random service with one to four deploys within some hours.
func drawn(t *rapid.T) *world.World {
	minutes := func(from, to int, label string) time.Duration {
		return time.Duration(rapid.IntRange(from*60, to*60).Draw(t, label)) * time.Second
	}
	fault := func() world.Fault {
		f := world.Fault{Rate: rapid.SampledFrom([]float64{0, 0, 0.02, 0.1, 0.3, 1}).Draw(t, "rate")}
		if rapid.Bool().Draw(t, "in one check") {
			f.Checks = []string{"a"}
		}
		if rapid.Bool().Draw(t, "later") {
			f.After = minutes(0, 20, "after")
		}
		if rapid.Bool().Draw(t, "ends") {
			f.For = minutes(1, 20, "for")
		}
		return f
	}
	w := &world.World{Was: fault(), History: minutes(0, 240, "history"), Rule: rapid.Bool().Draw(t, "rule")}
	for _, name := range []string{"a", "b"}[:rapid.IntRange(1, 2).Draw(t, "checks")] {
		w.Checks = append(w.Checks, world.Check{
			Name: name, Every: 15 * time.Second, Names: rapid.Bool().Draw(t, "names"), FailureRate: rapid.SampledFrom([]float64{0.01, 0.05}).Draw(t, "failure_rate"),
			Noise: world.Noise{Rate: rapid.SampledFrom([]float64{0, 0.005, 0.05, 0.4}).Draw(t, "noise"), Burst: rapid.SampledFrom([]float64{1, 3, 10}).Draw(t, "burst")},
		})
	}
	at := time.Duration(0)
	for _, name := range []string{"v2", "v3", "v4", "v5"}[:rapid.IntRange(1, 4).Draw(t, "deploys")] {
		w.Deploys = append(w.Deploys, world.Deploy{
			Version: world.Version{Name: name, Fault: fault()}, At: at, Down: minutes(0, 1, "down"),
			Hook: world.Hook{After: minutes(0, 5, "late"), At: rapid.Bool().Draw(t, "at"), Exec: rapid.Bool().Draw(t, "exec")},
		})
		at += minutes(6, 60, "until the next")
	}
	for range rapid.IntRange(0, 2).Draw(t, "outages") {
		w.Outages = append(w.Outages, world.Outage{From: minutes(-120, 120, "outage"), For: minutes(1, 30, "of")})
	}
	mode := rapid.SampledFrom([]watch.Mode{watch.Auto, watch.Observe, watch.Approve}).Draw(t, "mode")
	w.Rollback = rapid.SampledFrom([]world.Rollback{world.Cures, world.Useless, world.Rejected}).Draw(t, "rollback")
	w.Set = func(s *watch.Settings) { s.Mode = mode }
	return w
}

// TestNothingPassesThatFailsTooOften: whatever happened before, no watch passes and no version becomes known good while a
// check fails more often than its failure_rate.
func TestNothingPassesThatFailsTooOften(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, err := world.Play(drawn(t), rapid.Uint64().Draw(t, "seed"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range o.Watches {
			version := e.Watch.Version
			if len(e.Over) > 0 && e.State() == watch.Passed {
				t.Fatalf("%s passed while %v failed more often than allowed: %s", version, e.Over, e.Watch.Reason)
			}
			if len(e.Over) > 0 && slices.Contains(o.Good, version) {
				t.Fatalf("%s is known good, and %v failed more often than allowed", version, e.Over)
			}
		}
	})
}

// TestAWorldIsTheSameForTheSameSeed: what is measured can be measured again.
func TestAWorldIsTheSameForTheSameSeed(t *testing.T) {
	play := func(seed uint64) (watch.State, int, time.Time) {
		o, err := world.Play(&world.World{
			Checks:  []world.Check{{Name: "a", Noise: world.Noise{Rate: 0.05, Burst: 3}}},
			Deploys: []world.Deploy{{Version: world.Version{Name: "v2", Fault: world.Fault{Rate: 0.3}}}},
		}, seed)
		e, ok := o.Of("v2")
		if err != nil || !ok {
			t.Fatal(err)
		}
		return e.State(), e.Looks, e.Watch.Ended
	}
	different := false
	for seed := range uint64(5) {
		s1, n1, at1 := play(seed)
		s2, n2, at2 := play(seed)
		if s1 != s2 || n1 != n2 || !at1.Equal(at2) {
			t.Errorf("seed %d: %s after %d looks, and %s after %d", seed, s1, n1, s2, n2)
		}
		_, _, other := play(seed + 100)
		different = different || !other.Equal(at1)
	}
	if !different {
		t.Error("every seed gives the same world")
	}
}
