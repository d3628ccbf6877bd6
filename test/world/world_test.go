//go:build !race

package world_test

import (
	"testing"
	"time"

	"guardian/test/world"
	"guardian/watch"
)

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
