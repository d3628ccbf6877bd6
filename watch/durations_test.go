package watch_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"guardian/probes/sample"
	"guardian/watch"
	"guardian/watch/judge"
)

// timed is a snapshot with the durations of 960 looks before the deploy, and with those of the same
// time of other days if there are any.
func timed(took, sameTime func() time.Duration, checks ...string) watch.Snapshot {
	s := green(checks...)
	for _, c := range checks {
		var matched []watch.Look
		if sameTime != nil {
			matched = durations(700, func(int) time.Duration { return sameTime() })
		}
		s.Baselines[c] = watch.NewBaseline(durations(960, func(int) time.Duration { return took() }), matched, every)
	}
	return s
}

// about draws durations around a median.
func about(rng *rand.Rand, median time.Duration) func() time.Duration {
	return func() time.Duration { return time.Duration(float64(median) * math.Exp(0.2*rng.NormFloat64())) }
}

// timedLook is a look that took some time; a failed one by its health.
func timedLook(name string, h sample.Health, i int, took time.Duration) sample.Sample {
	s := look(name, h, t0().Add(time.Duration(i+1)*every))
	s.Duration = took
	return s
}

// lasting plays up looks with these durations to the deadline.
func lasting(w *watch.Watch, took func() time.Duration) (*watch.Verdict, int) {
	for i := range 119 {
		if v := w.Observe(timedLook("push", sample.Up, i, took())); v != nil {
			return v, i + 1
		}
	}
	return w.Tick(w.Deadline), 119
}

func TestSlownessIsRelativeByDefault(t *testing.T) {
	ms := time.Millisecond
	for name, c := range map[string]struct {
		before, after time.Duration
		delta         time.Duration // 0: the default
		failed        bool
	}{
		"three times as slow":              {40 * ms, 120 * ms, 0, true},
		"by less than 20 ms":               {2 * ms, 6 * ms, 0, false},
		"by less than the ratio":           {300 * ms, 390 * ms, 0, false},
		"by less than a delta that is set": {40 * ms, 120 * ms, 200 * ms, false},
		"by a delta that is set":           {40 * ms, 400 * ms, 200 * ms, true},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 5))
			p := policy(func(p *watch.Policy) { p.LatencyDelta = c.delta })
			w := watch.Open(deploy(), p, []watch.CheckPolicy{check("push")}, timed(about(rng, c.before), nil, "push"), t0())
			v, n := lasting(w, about(rng, c.after))
			if v == nil || (v.State == watch.Failed) != c.failed {
				t.Fatalf("verdict %+v after %d looks, failed: want %v", v, n, c.failed)
			}
			if e := w.Evidence()[1]; !c.failed && c.after > 2*c.before && (e.Longer < 100 || e.Notable <= 0) {
				t.Errorf("it is not shown: %+v", e)
			}
			if slower := strings.Contains(read(v.Reason), "push is slower than before, but not by enough to count"); slower != (v.State == watch.Passed && c.after > 2*c.before) {
				t.Errorf("reason %q", read(v.Reason))
			}
		})
	}
}

// Durations that spread much anyway are slow only beyond that.
func TestSlownessBeyondTheUsualSpread(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 5))
	usual := func() time.Duration { // every fourth look takes ten times as long
		took := 40*time.Millisecond + time.Duration(rng.Int64N(int64(10*time.Millisecond)))
		if rng.Float64() < 0.25 {
			took *= 10
		}
		return took
	}
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, timed(usual, nil, "push"), t0())
	if v, _ := lasting(w, usual); v == nil || v.State != watch.Passed {
		t.Errorf("verdict %+v", v)
	}
}

// A failed look says nothing about durations, before the deploy or after it.
func TestFailedLooksAreNotSlow(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 5))
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, timed(about(rng, 300*time.Millisecond), nil, "push"), t0())
	for i := range 7 {
		if v := w.Observe(timedLook("push", sample.Down, i, 10*time.Second)); v != nil {
			if v.Metric != watch.Failures || strings.Contains(read(v.Reason), "took longer") {
				t.Errorf("verdict %+v", v)
			}
			break
		}
	}
	if e := w.Evidence()[1]; e.Metric != watch.Latency || e.After.Failures != 0 || e.EValue > 1 {
		t.Errorf("evidence of durations %+v", e)
	}
	looks := durations(960, func(int) time.Duration { return about(rng, 300*time.Millisecond)() })
	for i := range 400 {
		looks[2*i].Health, looks[2*i].Took = sample.Down, time.Minute
	}
	for _, p := range watch.NewBaseline(looks, nil, every).Percentiles {
		if p.Seconds > 1 || p.Looks != 560 {
			t.Errorf("percentile %+v", p)
		}
	}
}

// What each evening is like is no fault of the deploy, for durations as for failures.
func TestDurationsOfTheSameTimeCountToo(t *testing.T) {
	for name, c := range map[string]struct {
		evening time.Duration
		failed  bool
	}{"as slow each evening": {900 * time.Millisecond, false}, "fast each evening": {300 * time.Millisecond, true}} {
		rng := rand.New(rand.NewPCG(10, 5))
		before := timed(about(rng, 300*time.Millisecond), about(rng, c.evening), "push")
		w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, before, t0())
		if v, n := lasting(w, about(rng, 900*time.Millisecond)); v == nil || (v.State == watch.Failed) != c.failed {
			t.Errorf("%s: verdict %+v after %d looks", name, v, n)
		}
	}
}

// The shops without the deploy speak for durations too: a slowness or an outage that they share is
// no fault of the deploy of one shop, one of that shop alone is.
func TestOtherShopsAreTheControlOfDurations(t *testing.T) {
	checks := []watch.CheckPolicy{shopCheck("sg", "sg-1"), shopCheck("my", "my-1"), shopCheck("th", "th-1")}
	for name, c := range map[string]struct {
		others time.Duration
		outage bool // that sg and my share
		failed bool
	}{
		"slow everywhere":          {others: 900 * time.Millisecond},
		"slow at one shop":         {others: 300 * time.Millisecond, failed: true},
		"an outage of two of them": {others: 300 * time.Millisecond, outage: true},
	} {
		rng := rand.New(rand.NewPCG(11, 5))
		d := deploy()
		d.Shops = []string{"sg-1"}
		w := watch.Open(d, policy(), checks, timed(about(rng, 300*time.Millisecond), nil, "sg", "my", "th"), t0())
		var v *watch.Verdict
		for i := 0; i < 60 && v == nil; i++ {
			for _, shop := range []string{"my", "th", "sg"} {
				median, h := c.others, sample.Up
				if shop == "sg" && !c.outage {
					median = 900 * time.Millisecond
				}
				took := about(rng, median)()
				if c.outage && shop != "th" && i > 5 {
					h, took = sample.Down, 10*time.Second
				}
				if v = w.Observe(timedLook(shop, h, i, took)); v != nil {
					break
				}
			}
			if c.outage && i == 15 {
				break // later the failures themselves may tell the two shops from the third
			}
		}
		if (v != nil) != c.failed {
			t.Errorf("%s: verdict %+v", name, v)
		}
		b, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		var back watch.Watch
		if err := json.Unmarshal(b, &back); err != nil || back.EValue() != w.EValue() {
			t.Errorf("%s: read back, the evidence %v is %v: %v", name, w.EValue(), back.EValue(), err)
		}
	}
}

// While no control of its network path is up, how long a good look takes is no evidence.
func TestDurationsWithoutAControlDoNotCount(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 5))
	before := timed(about(rng, 300*time.Millisecond), nil, "push")
	before.Health["outside"] = sample.Up
	before.Controls = []watch.CheckPolicy{check("outside")}
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, before, t0())
	for i := range 60 {
		w.Observe(timedLook("outside", sample.Down, i, time.Second))
		if v := w.Observe(timedLook("push", sample.Up, i, 2*time.Second)); v != nil {
			t.Fatalf("verdict %+v", v)
		}
	}
	if e := w.Evidence()[1]; e.After.Failures != 0 {
		t.Errorf("evidence %+v", e)
	}
}

// A long and quiet history lowers what is allowed; a failure rate that is set stays.
func TestAQuietHistoryLowersWhatIsAllowed(t *testing.T) {
	quiet := green("push")
	quiet.Baselines["push"] = watch.Baseline{Recent: judge.History{Calm: 960, Last: 1}}
	allowed := func(change func(*watch.CheckPolicy), before watch.Snapshot) float64 {
		c := check("push")
		change(&c)
		return watch.Open(deploy(), policy(), []watch.CheckPolicy{c}, before, t0()).Evidence()[0].Allowed
	}
	if got := allowed(func(*watch.CheckPolicy) {}, quiet); got != 0.001 {
		t.Errorf("%v of the looks may fail, want 0.001", got)
	}
	if got := allowed(func(c *watch.CheckPolicy) { c.FailureRateSet = true }, quiet); got != 0.01 {
		t.Errorf("%v of the looks may fail, want 0.01: it is set", got)
	}
	if got := allowed(func(c *watch.CheckPolicy) { c.FailureRate = 0.05 }, quiet); got != 0.05 {
		t.Errorf("%v of the looks may fail, want 0.05: it is not the default", got)
	}
	outage := green("push")
	outage.Baselines["push"] = watch.Baseline{Recent: judge.History{Calm: 940, Begun: 1, Failing: 20, Again: 19, Last: 1, Longest: 20}}
	if got := allowed(func(*watch.CheckPolicy) {}, outage); got < 0.01 {
		t.Errorf("%v of the looks may fail, want 0.01: a fiftieth failed", got)
	}
}

// An outage that all checks of a service saw is one outage.
func TestOneOutageOfAllChecksIsOneRun(t *testing.T) {
	before := green("a", "b", "c", "d", "e")
	for name := range before.Baselines {
		looks := durations(960, func(int) time.Duration { return time.Second })
		for i := range 20 {
			looks[400+i].Health = sample.Down
		}
		before.Baselines[name] = watch.NewBaseline(looks, nil, every)
	}
	var checks []watch.CheckPolicy
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		checks = append(checks, check(name))
	}
	w := watch.Open(deploy(), policy(), checks, before, t0())
	for i := range 20 {
		for _, c := range checks {
			if v := w.Observe(timedLook(c.Check, sample.Down, i, time.Second)); v != nil {
				if i+1 > 14 {
					t.Errorf("found after %d looks, want at most 14", i+1)
				}
				return
			}
		}
	}
	t.Error("an outage of all checks was not found in 20 looks")
}

// Where long runs of failures are usual, an outage may not be told from one of them; then that is said.
func TestLongRunsThatAreUsualAreNamed(t *testing.T) {
	before := green("push")
	looks := durations(960, func(int) time.Duration { return time.Second })
	for i := range 960 {
		if i%120 < 40 && i > 100 {
			looks[i].Health = sample.Down
		}
	}
	before.Baselines["push"] = watch.NewBaseline(looks, nil, every)
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, before, t0())
	v, _ := play(w, "push", up(70)+down(60), t0())
	if v == nil || v.State != watch.Inconclusive || !strings.Contains(read(v.Reason), "Such stretches are usual here: before the deploy push had 7 runs of failures, the longest of 40 looks") {
		t.Errorf("verdict %+v", v)
	}
}

// Evidence of a build whose tests were of another size goes on from where it was.
func TestEvidenceOfAnEarlierBuildIsCarriedOver(t *testing.T) {
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, green("push"), t0())
	play(w, "push", "xxx", t0())
	was := w.EValue()
	s := &w.Checks[0].Metrics[0].Streams[0]
	s.State.A = s.State.A[:len(s.State.A)-8]
	b, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	var back watch.Watch
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	back.Observe(look("push", sample.Unknown, t0().Add(4*every)))
	back.Observe(look("push", sample.Up, t0().Add(5*every)))
	if got := back.EValue(); got > was || got < was/10 {
		t.Errorf("evidence %v became %v", was, got)
	}
}
