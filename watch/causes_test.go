package watch_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"guardian/probes/sample"
	"guardian/watch"
	"guardian/watch/judge"
)

// withControl is a service with one check and a control target on its path, looked at between the
// check's looks.
func withControl(t *testing.T, before sample.Health) *watch.Watch {
	t.Helper()
	snap := green("push")
	snap.Health["outside"] = before
	snap.Controls = []watch.CheckPolicy{check("outside")}
	return watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, snap, t0())
}

// duet plays marks of the check and of the control, which is looked at five seconds later.
func duet(w *watch.Watch, push, outside string) (*watch.Verdict, int) {
	for i := range len(push) {
		at := t0().Add(time.Duration(i+1) * every)
		if push[i] != ' ' {
			if v := w.Observe(look("push", health(push[i]), at)); v != nil {
				return v, i + 1
			}
		}
		if outside[i] != ' ' {
			if v := w.Observe(look("outside", health(outside[i]), at.Add(5*time.Second))); v != nil {
				return v, i + 1
			}
		}
		if v := w.Tick(at.Add(6 * time.Second)); v != nil {
			return v, i + 1
		}
	}
	return nil, len(push)
}

func TestFailuresWhileTheControlIsNotUpAreNotBlamed(t *testing.T) {
	for name, control := range map[string]string{"down": "x", "unknown": "?", "not looked at": " "} {
		t.Run(name, func(t *testing.T) {
			w := withControl(t, sample.Up)
			push := up(10) + down(12) + up(130)
			v, _ := duet(w, push, up(9)+strings.Repeat(control, 13)+up(130))
			if v == nil || v.State != watch.Passed {
				t.Fatalf("an outage that the control shares gives %+v; %s", v, w.Standing(t0()))
			}
			if !strings.Contains(read(v.Reason), "failures were not counted, because the control outside was not up") && control != " " {
				t.Errorf("it is not told: %s", v.Reason)
			}
			if n := w.Evidence()[0].NotCounted; n != 12 {
				t.Errorf("%d failures were excused, want 12", n)
			}
		})
	}
}

func TestAnOutageThatTheControlDoesNotShareFails(t *testing.T) {
	w := withControl(t, sample.Up)
	v, n := duet(w, down(15), up(15))
	if v == nil || v.State != watch.Failed || n > 10 {
		t.Fatalf("verdict %+v after %d looks", v, n)
	}
}

// TestAWatchEndsAlthoughALookAlwaysWaits ticks only while a look waits for its control.
func TestAWatchEndsAlthoughALookAlwaysWaits(t *testing.T) {
	w := withControl(t, sample.Up)
	for at := t0().Add(every); at.Before(w.Deadline.Add(5 * every)); at = at.Add(every) {
		w.Observe(look("outside", sample.Up, at))
		w.Observe(look("push", sample.Up, at.Add(time.Second)))
		if v := w.Tick(at.Add(2 * time.Second)); v != nil {
			if v.State != watch.Passed || v.At.Before(w.Deadline) {
				t.Errorf("verdict %+v, deadline %s", v, w.Deadline)
			}
			return
		}
	}
	t.Errorf("no verdict five looks after the deadline: %s", w.Standing(w.Deadline))
}

func TestAControlThatWasDownBeforeSpeaksForNobody(t *testing.T) {
	w := withControl(t, sample.Down)
	if v, _ := duet(w, down(15), down(15)); v == nil || v.State != watch.Failed {
		t.Fatalf("verdict %+v", v)
	}
	if len(w.Unfit) != 1 {
		t.Errorf("unfit controls %v", w.Unfit)
	}
}

func shopCheck(name, shop string) watch.CheckPolicy {
	c := check(name, "shop", shop, "marketplace", "shopee")
	c.Kind = "order_push"
	return c
}

func TestOtherShopsAreTheControl(t *testing.T) {
	checks := []watch.CheckPolicy{shopCheck("sg", "sg-1"), shopCheck("my", "my-1"), shopCheck("th", "th-1")}
	open := func() *watch.Watch {
		d := deploy()
		d.Shops = []string{"sg-1"}
		return watch.Open(d, policy(), checks, green("sg", "my", "th"), t0())
	}
	together := func(w *watch.Watch, sg, others string) (*watch.Verdict, int) {
		for i := range len(sg) {
			at := t0().Add(time.Duration(i+1) * every)
			for name, marks := range map[string]string{"my": others, "th": others, "sg": sg} {
				if v := w.Observe(look(name, health(marks[i]), at)); v != nil {
					return v, i + 1
				}
			}
		}
		return nil, len(sg)
	}
	if v, _ := together(open(), up(5)+down(60), up(5)+down(60)); v != nil {
		t.Errorf("a marketplace that is down everywhere fails the deploy: %s", v.Reason)
	}
	v, n := together(open(), up(5)+down(20), up(25))
	if v == nil || v.State != watch.Failed || n > 19 {
		t.Fatalf("an outage of the deployed shop alone gives %+v after %d looks", v, n)
	}
	if !strings.Contains(read(v.Reason), "where it was not deployed 0 of") {
		t.Errorf("reason %q", v.Reason)
	}
}

// durations is a history of looks that take about a second, one in twenty of them two.
func durations(n int, took func(i int) time.Duration) []watch.Look {
	looks := make([]watch.Look, n)
	for i := range looks {
		looks[i] = watch.Look{At: t0().Add(time.Duration(i-n) * every), Health: sample.Up, Took: took(i)}
	}
	return looks
}

func TestSlowness(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	usual := func(int) time.Duration {
		took := time.Second + time.Duration(rng.Int64N(int64(200*time.Millisecond)))
		if rng.Float64() < 0.05 {
			took *= 2
		}
		return took
	}
	snap := green("push")
	snap.Baselines = map[string]watch.Baseline{"push": watch.NewBaseline(durations(960, usual), nil, every)}
	play := func(factor float64, n int) (*watch.Watch, *watch.Verdict, int) {
		w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, snap, t0())
		for i := range n {
			s := look("push", sample.Up, t0().Add(time.Duration(i+1)*every))
			s.Duration = time.Duration(factor * float64(usual(i)))
			if v := w.Observe(s); v != nil {
				return w, v, i + 1
			}
		}
		return w, w.Tick(w.Deadline), n
	}
	if _, v, _ := play(1, 120); v == nil || v.State != watch.Passed {
		t.Errorf("as fast as before gives %+v", v)
	}
	if _, v, _ := play(1.3, 120); v == nil || v.State == watch.Failed {
		t.Errorf("somewhat slower than before gives %+v", v)
	}
	w, v, n := play(4, 120)
	if v == nil || v.State != watch.Failed || v.Metric != watch.Latency || n > 20 {
		t.Fatalf("four times slower gives %+v after %d looks", v, n)
	}
	if !strings.Contains(read(v.Reason), "push took longer than") || len(v.Failing) != 1 || !w.FaultSince().Equal(t0().Add(every)) {
		t.Errorf("verdict %+v, fault since %s", v, w.FaultSince())
	}
	if ev := w.Evidence(); len(ev) != 2 || ev[1].Metric != watch.Latency || ev[1].After.Failures < 8 || ev[1].Limit <= 0 {
		t.Errorf("evidence %+v", ev)
	}
}

func TestABaselineKnowsBurstsAndLeavesOutTheBlindTime(t *testing.T) {
	marks := up(100) + "xxx" + up(50) + "??" + up(50) + "x" + up(40)
	var looks []watch.Look
	for i := range len(marks) {
		looks = append(looks, watch.Look{At: t0().Add(time.Duration(i) * every), Health: health(marks[i])})
	}
	// The first failure was followed up each second: the same moment.
	extra := []watch.Look{{At: looks[100].At.Add(time.Second), Health: sample.Down}, {At: looks[100].At.Add(2 * time.Second), Health: sample.Up}}
	looks = append(looks[:101:101], append(extra, looks[101:]...)...)
	got := watch.NewBaseline(looks, nil, every).Recent
	want := judge.History{Calm: 240, Begun: 2, Failing: 4, Again: 2, Last: 1}
	want.Calm = 99 + 1 + 49 + 1 + 49 + 39 // the first look, and the one after the gap, follow nothing
	if got.Begun != want.Begun || got.Failing != want.Failing || got.Again != want.Again || got.Last != want.Last {
		t.Errorf("history %+v, want %+v", got, want)
	}
	if looks, failures := got.Counts(); failures != 4 || looks < 235 {
		t.Errorf("%d failures of %d", failures, looks)
	}
}

func TestTheSameTimeOfOtherDaysCountsToo(t *testing.T) {
	flaky := judge.History{Calm: 600, Begun: 180, Failing: 180, Again: 40, Last: 1} // each night
	quiet := judge.History{Calm: 900, Begun: 2, Failing: 2, Last: 1}
	run := func(matched judge.History) *watch.Verdict {
		snap := green("push")
		snap.Baselines = map[string]watch.Baseline{"push": {Recent: quiet, Matched: matched}}
		w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, snap, t0())
		v, _ := play(w, "push", strings.Repeat("x...", 29), t0())
		return v
	}
	if v := run(flaky); v != nil {
		t.Errorf("blamed for what each night is like: %s", v.Reason)
	}
	if v := run(judge.History{}); v == nil || v.State != watch.Failed {
		t.Errorf("a quarter of failures where one in 450 was before gives %+v", v)
	}
}

func TestTheFastPhase(t *testing.T) {
	p := policy(func(p *watch.Policy) { p.For = 2 * time.Hour; p.FastMinDuration = 10 * time.Minute })
	w := watch.Open(deploy(), p, []watch.CheckPolicy{check("push")}, green("push"), t0())
	if v, _ := play(w, "push", up(200), t0()); v != nil {
		t.Fatalf("verdict %+v", v)
	}
	if w.FastPassed.IsZero() || w.FastPassed.Before(t0().Add(p.FastMinDuration)) || w.State != watch.Watching {
		t.Fatalf("passed the fast phase at %s, state %s", w.FastPassed, w.State)
	}
	if !strings.Contains(w.Standing(t0()).String(), "passed the fast phase at") {
		t.Errorf("it is not told: %s", w.Standing(t0()))
	}
	// A fault that begins later fails the deploy all the same.
	if v, _ := play(w, "push", down(30), t0().Add(200*every)); v == nil || v.State != watch.Failed {
		t.Errorf("verdict %+v", v)
	}

	w = watch.Open(deploy(), p, []watch.CheckPolicy{check("push"), check("api")}, green("push", "api"), t0())
	play(w, "push", up(200), t0())
	if !w.FastPassed.IsZero() {
		t.Error("passed the fast phase although a check was hardly seen")
	}
}

func TestAVersionThatNobodyKnowsIsTold(t *testing.T) {
	d := deploy()
	d.PreviousVersion = ""
	w := watch.Open(d, policy(), []watch.CheckPolicy{check("push")}, green("push"), t0())
	for i := 1; i <= 120; i++ {
		s := look("push", sample.Up, t0().Add(time.Duration(i)*every))
		s.Version = "v1.3.9"
		w.Observe(s)
	}
	v := w.Tick(w.Deadline)
	if v == nil || v.State != watch.Inconclusive || !strings.Contains(read(v.Reason), "Only the version v1.3.9 answered, never v1.4.3") {
		t.Errorf("verdict %+v", v)
	}
}

func TestAChangeOfPricesNeedNotShowInTheCodesVersion(t *testing.T) {
	d := deploy()
	d.Kind, d.Version, d.PreviousVersion = watch.Operation, "prices-2026-11-27", ""
	w := watch.Open(d, policy(), []watch.CheckPolicy{check("push")}, green("push"), t0())
	for i := 1; i <= 120; i++ {
		s := look("push", sample.Up, t0().Add(time.Duration(i)*every))
		s.Version = "v1.3.9"
		w.Observe(s)
	}
	if v := w.Tick(w.Deadline); v == nil || v.State != watch.Passed {
		t.Errorf("verdict %+v", v)
	}
}

func TestAWatchThatPassedNamesNoOtherCauses(t *testing.T) {
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, green("push"), t0())
	other := deploy()
	other.Service, other.Version, other.At = "price-sync", "v7", t0().Add(time.Minute)
	w.Overlap(other)
	v, _ := play(w, "push", up(120), t0())
	if v == nil || v.State != watch.Passed || strings.Contains(read(v.Reason), "price-sync") {
		t.Errorf("verdict %+v", v)
	}
}

func TestOtherDeploysAreNamed(t *testing.T) {
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, green("push"), t0())
	other := deploy()
	other.Service, other.Version, other.At = "price-sync", "v7", t0().Add(time.Minute)
	w.Overlap(other)
	w.Overlap(deploy()) // its own service supersedes, it does not overlap
	v, _ := play(w, "push", up(10)+down(30), t0())
	if v == nil || !strings.Contains(read(v.Reason), "Deployed meanwhile, a possible cause too: price-sync v7 (10:03:11).") || len(w.Overlaps) != 1 {
		t.Errorf("verdict %+v", v)
	}
}

// TestOnlyWhatMayBeTheCauseIsNamed: not what came before the deploy or after the fault began, and no
// more than a person reads.
func TestOnlyWhatMayBeTheCauseIsNamed(t *testing.T) {
	began := t0().Add(11 * every)
	for name, c := range map[string]struct {
		at    []time.Duration // after the deploy
		named int
		says  string
	}{
		"before the deploy":     {[]time.Duration{-51 * time.Second}, 0, ""},
		"after the fault began": {[]time.Duration{began.Sub(t0()) + time.Second}, 0, ""},
		"before the fault":      {[]time.Duration{began.Sub(t0()) - time.Second}, 1, "s0 v7"},
		"at the deploy":         {[]time.Duration{0}, 1, "s0 v7"},
		"seven":                 {[]time.Duration{1, 2, 3, 4, 5, 6, 7}, 7, "s4 v7 (10:02:11) and 2 more."},
		"five":                  {[]time.Duration{1, 2, 3, 4, 5}, 5, "s4 v7 (10:02:11)."},
	} {
		t.Run(name, func(t *testing.T) {
			w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, green("push"), t0())
			for i, at := range c.at {
				w.Overlap(watch.Deploy{Service: fmt.Sprint("s", i), Version: "v7", At: t0().Add(at)})
			}
			v, _ := play(w, "push", up(10)+down(30), t0())
			if v == nil || v.State != watch.Failed || !v.Doubt.IsZero() {
				t.Fatalf("verdict %+v", v)
			}
			if said := read(v.Reason); len(w.Causes()) != c.named || strings.Contains(said, "Deployed meanwhile") != (c.named > 0) || !strings.Contains(said, c.says) {
				t.Errorf("%d causes, want %d: %s", len(w.Causes()), c.named, said)
			}
		})
	}
}

// TestADeployOfAnotherKindThatWasUndecidedIsACauseToo: its watch was cut short, so that a person is
// asked which of the two a fault is from, whenever it begins.
func TestADeployOfAnotherKindThatWasUndecidedIsACauseToo(t *testing.T) {
	of := func(version string, kind watch.Kind, at time.Duration, open ...*watch.Watch) *watch.Watch {
		d := deploy()
		d.Version, d.Kind, d.At = version, kind, t0().Add(at)
		w := watch.Open(d, policy(), []watch.CheckPolicy{check("push")}, green("push"), d.At)
		w.Beside(watch.UndecidedBefore(d, open))
		return w
	}
	config := func() *watch.Watch { return of("c3", watch.Config, -5*time.Second) }
	ended, elsewhere := config(), config()
	ended.Cancel("li.wei", t0())
	elsewhere.Environment = "staging"
	for name, c := range map[string]struct {
		open  []*watch.Watch
		named string // "": nobody is asked
	}{
		"nothing":                             {},
		"code":                                {open: []*watch.Watch{of("v8", watch.Code, -5*time.Second)}},
		"code of an announcement without one": {open: []*watch.Watch{of("v8", "", -5*time.Second)}},
		"a configuration":                     {[]*watch.Watch{config()}, "configuration c3"},
		"an operation":                        {[]*watch.Watch{of("p1", watch.Operation, -time.Minute)}, "operation p1"},
		"a configuration that is decided":     {open: []*watch.Watch{ended}},
		"one of another environment":          {open: []*watch.Watch{elsewhere}},
		"one that code superseded":            {[]*watch.Watch{of("v8", watch.Code, -time.Second, config())}, "configuration c3"},
	} {
		t.Run(name, func(t *testing.T) {
			w := of("v9", watch.Code, 0, c.open...)
			v, _ := play(w, "push", up(40)+down(20), t0())
			if v == nil || v.State != watch.Failed {
				t.Fatalf("verdict %+v", v)
			}
			if asks := v.Doubt.Code == watch.DoubtUndecided; asks != (c.named != "") || asks != watch.IsDoubt(v.Doubt) {
				t.Errorf("the doubt is %q", v.Doubt)
			}
			if c.named != "" && (!strings.Contains(read(v.Reason), c.named) || !strings.Contains(read(v.Doubt), c.named)) {
				t.Errorf("%s\n%s", read(v.Reason), read(v.Doubt))
			}
		})
	}
}

// TestAWatchSaysWhatCameInItsPlace: no version replaces one of another kind.
func TestAWatchSaysWhatCameInItsPlace(t *testing.T) {
	for kind, want := range map[watch.Kind]string{
		"": "x9 was deployed before", watch.Code: "x9 was deployed before",
		watch.Config: "Configuration x9 was deployed before", watch.Operation: "Operation x9 was announced before",
	} {
		w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, green("push"), t0())
		v := w.SupersededBy(watch.Deploy{Version: "x9", Kind: kind}, t0().Add(time.Second))
		if v == nil || v.State != watch.Superseded || !strings.HasPrefix(read(v.Reason), want) {
			t.Errorf("%s: %+v", kind, v)
		}
		if other := kind == watch.Config || kind == watch.Operation; other != (v.ByKind != "") {
			t.Errorf("%s: it is said to be of the kind %q", kind, v.ByKind)
		}
	}
}

func TestTheTraceIsBoundedAndEndsWithTheVerdict(t *testing.T) {
	p := policy(func(p *watch.Policy) { p.For = 12 * time.Hour })
	w := watch.Open(deploy(), p, []watch.CheckPolicy{check("push")}, green("push"), t0())
	v, n := play(w, "push", up(2000)+down(40), t0())
	if v == nil || v.State != watch.Failed {
		t.Fatalf("verdict %+v", v)
	}
	points := w.Trace.Points
	if len(points) < 50 || len(points) > 200 {
		t.Errorf("%d points", len(points))
	}
	for i := 1; i < len(points); i++ {
		if points[i].After <= points[i-1].After {
			t.Fatalf("point %d is at %v after %v", i, points[i].After, points[i-1].After)
		}
	}
	last := points[len(points)-1]
	if last.After != float64(n)*every.Seconds() || last.LogE < w.LogThreshold() {
		t.Errorf("the last point is %+v, want it at %v s over %v", last, float64(n)*every.Seconds(), w.LogThreshold())
	}
}
