package watch_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"guardian/probes/sample"
	"guardian/watch"
	"guardian/watch/judge"
)

// drawn is a service under watch with what happens to it.
type drawn struct {
	deploy watch.Deploy
	policy watch.Policy
	checks []watch.CheckPolicy
	before watch.Snapshot
	looks  []sample.Sample
}

func draw(t *rapid.T, marks []sample.Health) drawn {
	d := drawn{deploy: deploy(), policy: watch.DefaultSettings().Policy(), before: watch.Snapshot{Health: map[string]sample.Health{}}}
	d.policy.For = time.Duration(rapid.IntRange(1, 60).Draw(t, "for")) * time.Minute
	d.policy.MaxBlind = time.Duration(rapid.IntRange(0, 20).Draw(t, "max_blind")) * time.Minute
	d.policy.Alpha = rapid.SampledFrom([]float64{0.001, 0.01, 0.1}).Draw(t, "alpha")
	if rapid.Bool().Draw(t, "some shops") {
		d.deploy.Shops = []string{"0"}
	}
	n := rapid.IntRange(1, 4).Draw(t, "checks")
	for i := range n {
		c := check(fmt.Sprint("c", i), "shop", fmt.Sprint(i%2))
		c.FailureRate = rapid.SampledFrom([]float64{0.001, 0.01, 0.1, 0.5}).Draw(t, "rate")
		c.Weight = rapid.Float64Range(0.1, 10).Draw(t, "weight")
		d.checks = append(d.checks, c)
		d.before.Health[c.Check] = rapid.SampledFrom([]sample.Health{sample.Up, sample.Up, sample.Down, sample.Unknown}).Draw(t, "before")
	}
	at := t0()
	for range rapid.IntRange(1, 200).Draw(t, "looks") {
		at = at.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "wait")) * time.Second)
		name := fmt.Sprint("c", rapid.IntRange(0, n-1).Draw(t, "which"))
		d.looks = append(d.looks, look(name, rapid.SampledFrom(marks).Draw(t, "health"), at))
	}
	return d
}

func (d drawn) open() *watch.Watch { return watch.Open(d.deploy, d.policy, d.checks, d.before, t0()) }

// run plays the looks, with a tick after each, until there is a verdict.
func (d drawn) run(w *watch.Watch, each func(i int)) *watch.Verdict {
	for i, s := range d.looks {
		if v := w.Observe(s); v != nil {
			return v
		}
		if v := w.Tick(s.At); v != nil {
			return v
		}
		each(i)
	}
	return w.Tick(t0().Add(3 * time.Hour))
}

func TestNeverFailedWithoutFailures(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t, []sample.Health{sample.Up, sample.Unknown})
		w := d.open()
		v := d.run(w, func(int) {
			if e := w.EValue(); e > 1+1e-9 {
				t.Fatalf("evidence %v without a failure", e)
			}
		})
		if v == nil || v.State == watch.Failed {
			t.Fatalf("verdict %+v", v)
		}
	})
}

func TestUnknownNeverChangesTheEvidence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t, []sample.Health{sample.Up, sample.Down, sample.Unknown})
		with, without := d.open(), d.open()
		for _, s := range d.looks {
			before := with.EValue()
			v := with.Observe(s)
			if s.Health == sample.Unknown {
				if v != nil || with.EValue() != before {
					t.Fatalf("an unknown look changed %v to %v, verdict %+v", before, with.EValue(), v)
				}
				continue
			}
			u := without.Observe(s)
			if (v == nil) != (u == nil) || with.EValue() != without.EValue() {
				t.Fatalf("evidence %v with and %v without the unknown looks", with.EValue(), without.EValue())
			}
			if v != nil {
				return
			}
		}
	})
}

// controlled adds a control target, which is looked at here and there.
func (d *drawn) controlled(t *rapid.T) {
	d.before.Controls = []watch.CheckPolicy{check("outside")}
	d.before.Health["outside"] = sample.Up
	var looks []sample.Sample
	for _, s := range d.looks {
		looks = append(looks, s)
		if rapid.Bool().Draw(t, "control looks") {
			h := rapid.SampledFrom([]sample.Health{sample.Up, sample.Up, sample.Down, sample.Unknown}).Draw(t, "control")
			looks = append(looks, look("outside", h, s.At.Add(time.Millisecond)))
		}
	}
	d.looks = looks
}

func TestAWatchReadBackGivesTheSameVerdictAtTheSameLook(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t, []sample.Health{sample.Up, sample.Down, sample.Up, sample.Unknown})
		if rapid.Bool().Draw(t, "with a control") {
			d.controlled(t)
		}
		straight, stored := d.open(), d.open()
		want := d.run(straight, func(int) {})
		got := d.run(stored, func(int) {
			if !rapid.Bool().Draw(t, "restart") {
				return
			}
			b, err := json.Marshal(stored)
			if err != nil {
				t.Fatal(err)
			}
			*stored = watch.Watch{}
			if err := json.Unmarshal(b, stored); err != nil {
				t.Fatal(err)
			}
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("verdict (-straight +restarted):\n%s", diff)
		}
		a, _ := json.Marshal(straight)
		b, _ := json.Marshal(stored)
		if string(a) != string(b) {
			t.Fatalf("watches differ:\n%s\n%s", a, b)
		}
	})
}

func TestASupersededWatchNeverFails(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t, []sample.Health{sample.Up, sample.Down})
		w := d.open()
		stop := rapid.IntRange(0, len(d.looks)).Draw(t, "stop")
		for i, s := range d.looks {
			if i == stop {
				w.Supersede("v9", s.At)
			}
			if v := w.Observe(s); v != nil && i >= stop {
				t.Fatalf("verdict %+v after it was superseded", v)
			}
		}
	})
}

// Whoever extends a deploy whenever they like, also because of what they saw, does not gain
// a false verdict: the evidence is the same just after as just before.
func TestExtendingKeepsTheEvidence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t, []sample.Health{sample.Up, sample.Down, sample.Up, sample.Up})
		d.deploy.Shops = []string{"0"}
		w := d.open()
		for _, s := range d.looks {
			if w.Observe(s) != nil {
				return
			}
		}
		before := w.EValue()
		seq := w.Seq
		if w.Extend([]string{"1"}, watch.Snapshot{}, t0().Add(time.Hour)) && w.Seq == seq {
			t.Fatal("the change does not show in Seq")
		}
		if after := w.EValue(); after < before*(1-1e-9) || after > before*(1+1e-9) {
			t.Fatalf("evidence %v became %v", before, after)
		}
	})
}

// A target whose hiccups clear within a second or two, as history knows: an outage is found
// within seconds at the raised pace.
func TestDelayAtTheRaisedPace(t *testing.T) {
	before := green("push")
	before.Baselines = map[string]watch.Baseline{"push": {
		Recent: judge.History{Calm: 950, Begun: 4, Failing: 4, Last: 1},
	}}
	before.Rechecks = map[string]watch.RecheckStats{"push": {Seen: 40, Again: 20, Cleared: 40}}
	w := watch.Open(deploy(), watch.DefaultSettings().Policy(), []watch.CheckPolicy{check("push")}, before, t0())
	for i := range 60 {
		if v := w.Observe(look("push", sample.Down, t0().Add(time.Duration(i+1)*time.Second))); v != nil {
			if i+1 > 12 {
				t.Errorf("found after %d s", i+1)
			}
			return
		}
	}
	t.Error("not found within a minute")
}

func TestDelayOfATotalOutage(t *testing.T) {
	for _, c := range []struct{ checks, good, want int }{
		{1, 0, 10},  // since the deploy
		{1, 80, 16}, // twenty minutes later
		{5, 0, 12},  // one of five checks
		{5, 80, 19},
	} {
		var checks []watch.CheckPolicy
		var names []string
		for i := range c.checks {
			names = append(names, fmt.Sprint("c", i))
			checks = append(checks, check(names[i]))
		}
		w := watch.Open(deploy(), watch.DefaultSettings().Policy(), checks, green(names...), t0())
		got := 0
		for i := 1; got == 0 && i < 119; i++ {
			at := t0().Add(time.Duration(i) * every)
			for _, other := range names[1:] {
				w.Observe(look(other, sample.Up, at))
			}
			h := sample.Up
			if i > c.good {
				h = sample.Down
			}
			if w.Observe(look("c0", h, at)) != nil {
				got = i - c.good
			}
		}
		if got == 0 || got > c.want {
			t.Errorf("an outage of one of %d checks after %d good looks is found after %d looks, want at most %d", c.checks, c.good, got, c.want)
		}
	}
}

// A watch of a day finds an outage at its end as surely as at its beginning.
func TestLongWatchesSeeTheirEnd(t *testing.T) {
	p := policy(func(p *watch.Policy) { p.For = 24 * time.Hour })
	w := watch.Open(deploy(), p, []watch.CheckPolicy{check("push")}, green("push"), t0())
	looks := int(p.For/every) - 31
	v, n := play(w, "push", up(looks)+strings.Repeat("x", 30), t0())
	if v == nil || v.State != watch.Failed || n-looks > 22 {
		t.Errorf("verdict %+v, %d looks after the outage began", v, n-looks)
	}
}

// FuzzWatchJSON: whatever the journal holds, nothing panics, and what comes out can be
// stored again.
func FuzzWatchJSON(f *testing.F) {
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push"), check("api", "shop", "sg-1")}, green("push"), t0())
	play(w, "push", "..x.?", t0())
	for _, v := range []*watch.Watch{w, {}} {
		b, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"state":"watching","policy":{"alpha":0},"checks":[{"check":"push","share":-1,"judge":{"n":-3,"k":9,"late":[1e300]},"horizon":-5}]}`))
	f.Add([]byte(`{"state":"watching","shops":["a"],"others":[{"check":"push","weight":-1}],"log_threshold":-1,"checks":[{"check":"push"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var w watch.Watch
		if json.Unmarshal(b, &w) != nil {
			return
		}
		for i, h := range []sample.Health{sample.Down, sample.Up, sample.Unknown, sample.Down} {
			w.Observe(look("push", h, t0().Add(time.Duration(i)*time.Hour)))
		}
		w.Extend(nil, green("push"), t0().Add(4*time.Hour))
		w.Tick(t0().Add(5 * time.Hour))
		w.Failing()
		out, err := json.Marshal(&w)
		if err != nil {
			t.Fatalf("cannot be stored again: %v", err)
		}
		if _, err := json.Marshal(w.Evidence()); err != nil {
			t.Fatalf("evidence: %v", err)
		}
		var back watch.Watch
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatalf("cannot be read again: %v", err)
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push"), check("api")}, green("push", "api"), t0())
	s := look("push", sample.Up, t0())
	w.Deadline = t0().AddDate(100, 0, 0)
	b.ReportAllocs()
	for b.Loop() {
		s.At = s.At.Add(every)
		w.Observe(s)
	}
}
