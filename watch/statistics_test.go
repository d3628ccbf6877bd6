//go:build !race

package watch_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"guardian/probes/sample"
	"guardian/watch"
)

// Many streams, one goroutine: under the race detector they would take minutes and find nothing.

// The default watch of a service with one check that fails exactly as often as allowed.
func TestFalseFailuresOfTheDefaultWatch(t *testing.T) {
	streams := 4000
	if os.Getenv("GUARDIAN_LONG_TESTS") != "" {
		streams = 20_000
	}
	p, looks := watch.DefaultSettings().Policy(), int(watch.DefaultSettings().Policy().For/every)
	fresh, err := json.Marshal(watch.Open(deploy(), p, []watch.CheckPolicy{check("push")}, green("push"), t0()))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	failed := 0
	for range streams {
		// Opening costs a millisecond for the exact threshold; reading back does not.
		var w watch.Watch
		if err := json.Unmarshal(fresh, &w); err != nil {
			t.Fatal(err)
		}
		for i := range looks {
			h := sample.Up
			if rng.Float64() < 0.01 {
				h = sample.Down
			}
			if v := w.Observe(look("push", h, t0().Add(time.Duration(i+1)*every))); v != nil {
				failed++
				break
			}
		}
	}
	if rate := float64(failed) / float64(streams); rate > 0.0015 {
		t.Errorf("%.3f %% of healthy deploys fail, want at most 0.15 %%", rate*100)
	}
}

// A healthy target has a hiccup of 1 to 20 s every two hours. Whether a failure is followed up
// at the check's own pace, each five seconds or each second, no more than one deploy in a thousand
// is found to have failed because of it: nor when history knows how long hiccups last, so that each look at the raised pace is evidence.
func TestHiccupsAtEveryPace(t *testing.T) {
	streams := 4000
	if os.Getenv("GUARDIAN_LONG_TESTS") != "" {
		streams = 20_000
	}
	p := watch.DefaultSettings().Policy()
	// hiccups gives looks for a time: one each interval, and after a failure at the pace.
	hiccups := func(rng *rand.Rand, pace, length time.Duration, see func(at time.Duration, h sample.Health) bool) {
		var begin, end time.Duration
		phase := time.Duration(rng.Int64N(int64(every)))
		for next := phase; next < length; {
			for next >= end {
				begin = end + time.Duration(rng.ExpFloat64()*float64(2*time.Hour))
				end = begin + time.Second + time.Duration(rng.Int64N(int64(19*time.Second)))
			}
			h := sample.Up
			if next >= begin {
				h = sample.Down
			}
			if !see(next, h) {
				return
			}
			regular := next + every - (next-phase)%every // the check's own schedule goes on
			if next += pace; h == sample.Up || next > regular {
				next = regular
			}
		}
	}
	for _, c := range []struct {
		pace    time.Duration
		history time.Duration
	}{{every, 0}, {5 * time.Second, 0}, {time.Second, 0}, {5 * time.Second, 7 * 24 * time.Hour}, {time.Second, 7 * 24 * time.Hour}} {
		rng := rand.New(rand.NewPCG(3, 4))
		before := green("push")
		if c.history > 0 {
			var looks []watch.Look
			hiccups(rng, c.pace, c.history, func(at time.Duration, h sample.Health) bool {
				looks = append(looks, watch.Look{At: t0().Add(at - c.history), Health: h})
				return true
			})
			base := watch.NewBaseline(looks[len(looks)-1000:], nil, every)
			before.Rechecks = map[string]watch.RecheckStats{"push": followUps(looks)}
			before.Baselines = map[string]watch.Baseline{"push": base}
		}
		fresh := watch.Open(deploy(), p, []watch.CheckPolicy{check("push")}, before, t0())
		failed := 0
		for range streams {
			w := fresh.Clone()
			hiccups(rng, c.pace, p.For, func(at time.Duration, h sample.Health) bool {
				if w.Observe(look("push", h, t0().Add(at))) == nil {
					return true
				}
				failed++
				return false
			})
		}
		if rate := float64(failed) / float64(streams); rate > 0.0015 {
			t.Errorf("followed up every %s, history of %s: %.3f %% of healthy deploys fail", c.pace, c.history, rate*100)
		}
		t.Logf("followed up every %s, history of %s: %d of %d", c.pace, c.history, failed, streams)
	}
}

// A healthy target whose failures come in bursts of three, with a history that shows them.
func TestBurstsOfAHealthyTarget(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	chain := func() func() sample.Health {
		failing := false
		return func() sample.Health {
			if failing {
				failing = rng.Float64() < 2.0/3
			} else {
				failing = rng.Float64() < 0.005
			}
			if failing {
				return sample.Down
			}
			return sample.Up
		}
	}
	const streams = 1500
	failed := 0
	for range streams {
		next := chain()
		var before []watch.Look
		for i := range 1440 {
			before = append(before, watch.Look{At: t0().Add(time.Duration(i-1440) * every), Health: next()})
		}
		snap := green("push")
		snap.Baselines = map[string]watch.Baseline{"push": watch.NewBaseline(before, nil, every)}
		w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, snap, t0())
		for i := range 120 {
			if w.Observe(look("push", next(), t0().Add(time.Duration(i+1)*every))) != nil {
				failed++
				break
			}
		}
	}
	if failed > 4 {
		t.Errorf("%d of %d healthy deploys fail", failed, streams)
	}
}

// followUps counts the looks that follow a failure more closely than the check is looked at.
func followUps(looks []watch.Look) watch.RecheckStats {
	var f watch.RecheckStats
	for i := 1; i < len(looks); i++ {
		switch l, last := looks[i], looks[i-1]; {
		case last.Health != sample.Down || l.At.Sub(last.At) > every*9/10:
		case l.Health == sample.Down:
			f.Again++
		default:
			f.Cleared++
			f.Seen++
		}
	}
	return f
}
