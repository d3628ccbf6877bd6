package watch_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"guardian/probes/sample"
	"guardian/watch"
)

// shortHistory is that of a guardian that was started half an hour ago.
func shortHistory(down func(i int) bool) watch.Baseline {
	const n = 120
	var looks []watch.Look
	for i := range n {
		h := sample.Up
		if down(i) {
			h = sample.Down
		}
		looks = append(looks, watch.Look{At: t0().Add(time.Duration(i-n) * every), Health: h})
	}
	return watch.NewBaseline(looks, nil, every)
}

func TestWhatFailedBeforeIsNotBlamedOnADeployThoughHistoryIsShort(t *testing.T) {
	const watches = 200
	failed := 0
	for seed := range uint64(watches) {
		rng := rand.New(rand.NewPCG(seed, 5))
		often := func(int) bool { return rng.Float64() < 0.2 }
		before := green("push")
		delete(before.Before, "push")
		before.Baselines["push"] = shortHistory(often)
		w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, before, t0())
		marks := make([]byte, 119)
		for i := range marks {
			marks[i] = '.'
			if often(i) {
				marks[i] = 'x'
			}
		}
		if v, _ := play(w, "push", string(marks), t0()); v != nil && v.State == watch.Failed {
			failed++
		}
	}
	if failed > 1 {
		t.Errorf("%d of %d deploys failed that made nothing worse", failed, watches)
	}
}

// A hook that is called after the switch finds the looks of the switch in the history. Where
// that is all there is, a bad version must not hide behind it.
func TestTheMomentsOfASwitchDoNotRaiseWhatIsAllowed(t *testing.T) {
	for name, looks := range map[string]string{"one": "..x.", "two": "..x.x.", "one of two": ".x"} {
		before := green("push")
		delete(before.Before, "push")
		var all []watch.Look
		for i, c := range looks {
			h := sample.Up
			if c == 'x' {
				h = sample.Down
			}
			all = append(all, watch.Look{At: t0().Add(time.Duration(i-len(looks)) * every), Health: h})
		}
		before.Baselines["push"] = watch.NewBaseline(all, nil, every)
		w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, before, t0())
		if got := w.Evidence()[0].Allowed; got != 0.01 {
			t.Errorf("%s: %v of the looks may fail, want 0.01", name, got)
		}
	}
}

// It began once: that tells of how long it lasts, and not of how often it comes.
func TestAnOutageThatIsOverDoesNotRaiseWhatIsAllowed(t *testing.T) {
	before := green("push")
	delete(before.Before, "push")
	before.Baselines["push"] = shortHistory(func(i int) bool { return 30 <= i && i < 42 })
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, before, t0())
	if got := w.Evidence()[0].Allowed; got != 0.01 {
		t.Errorf("%v of the looks may fail, want 0.01", got)
	}
}
