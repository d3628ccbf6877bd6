package watch_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/watch"
	"guardian/watch/judge"
)

const every = 15 * time.Second

// t0 is when the deploy happens in these tests.
func t0() time.Time { return time.Date(2026, 11, 22, 10, 2, 11, 0, time.UTC) }

func deploy() watch.Deploy {
	return watch.Deploy{
		ID: "d_1", Service: "order-sync", Environment: "production",
		Version: "v1.4.3", PreviousVersion: "v1.4.2", Kind: watch.Code, At: t0(), Announced: t0(),
	}
}

func check(name string, labels ...string) watch.CheckPolicy {
	c := watch.CheckPolicy{Check: name, FailureRate: 0.01, Weight: 1, Every: every}
	for i := 0; i < len(labels); i += 2 {
		if c.Labels == nil {
			c.Labels = map[string]string{}
		}
		c.Labels[labels[i]] = labels[i+1]
	}
	return c
}

// green is a snapshot in which these checks were up.
func green(checks ...string) watch.Snapshot {
	s := watch.Snapshot{Health: map[string]sample.Health{}, Before: map[string]watch.Counts{}, Baselines: map[string]watch.Baseline{}}
	for _, c := range checks {
		s.Baselines[c] = watch.Baseline{Recent: judge.History{Calm: 958, Begun: 2, Failing: 2, Last: 1}}
		s.Health[c] = sample.Up
		s.Before[c] = watch.Counts{Looks: 960, Failures: 2}
	}
	return s
}

func policy(change ...func(*watch.Policy)) watch.Policy {
	p := watch.DefaultSettings().Policy()
	for _, f := range change {
		f(&p)
	}
	return p
}

// health reads one mark of a drawn timeline: "." is up, "x" down, "?" unknown.
func health(mark byte) sample.Health {
	switch mark {
	case '.':
		return sample.Up
	case 'x':
		return sample.Down
	default:
		return sample.Unknown
	}
}

// read gives a reason in English for somebody who reads it on the day of the tests.
func read(r reason.Reason) string { return reason.Reader{Now: t0()}.Read(r) }

func look(name string, h sample.Health, at time.Time) sample.Sample {
	o := sample.Observation{Health: h}
	switch h {
	case sample.Down:
		o.Reason = reason.Text("HTTP 500")
	case sample.Unknown:
		o.Reason = reason.Text("token expired")
	case sample.Up:
	}
	return sample.Sample{Check: name, Service: "order-sync", At: at, Observation: o}
}

// play draws looks of one check, one each interval after from (" " leaves one out), with a
// tick after each. It gives the verdict and the number of marks it took.
func play(w *watch.Watch, name, marks string, from time.Time) (*watch.Verdict, int) {
	for i := range len(marks) {
		at := from.Add(time.Duration(i+1) * every)
		if marks[i] != ' ' {
			if v := w.Observe(look(name, health(marks[i]), at)); v != nil {
				return v, i + 1
			}
		}
		if v := w.Tick(at.Add(time.Second)); v != nil {
			return v, i + 1
		}
	}
	return nil, len(marks)
}

func up(n int) string { return strings.Repeat(".", n) }

func down(n int) string { return strings.Repeat("x", n) }

func TestVerdictNamesTheCauseAndWhatFails(t *testing.T) {
	checks := []watch.CheckPolicy{check("api"), check("push"), check("feed")}
	checks[1].Weight = 8
	w := watch.Open(deploy(), policy(), checks, green("api", "push", "feed"), t0())
	var v *watch.Verdict
	for i := 1; v == nil && i < 20; i++ {
		at := t0().Add(time.Duration(i) * every)
		w.Observe(look("api", sample.Up, at))
		if i == 1 {
			w.Observe(look("feed", sample.Down, at))
		}
		v = w.Observe(look("push", sample.Down, at))
	}
	want := &watch.Verdict{
		State: watch.Failed, Cause: "push", Metric: watch.Failures, Failing: []string{"push", "feed"}, At: t0().Add(6 * every),
		Reason: reason.Join(
			reason.New("looks_failed", "check", "push", "failures", 6, "looks", 6, "since", t0(), "began", nil, "allowed", 0.0041,
				"before", reason.New("failed_before", "failures", 2, "looks", 960), "elsewhere", nil),
			reason.New("last_error", "error", "HTTP 500"),
			reason.New("also_failing", "checks", []string{"feed"})),
	}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}
	ev := w.Evidence()
	if len(ev) != 3 || ev[1].Check != "push" || ev[1].EValue < 1000 || ev[1].Samples != 6 || !ev[1].Since.Equal(t0().Add(every)) ||
		ev[1].Before != (watch.Counts{Looks: 960, Failures: 2}) || ev[1].After != (watch.Counts{Looks: 6, Failures: 6}) {
		t.Errorf("evidence %+v", ev)
	}
}

func TestVerdictsReadInBothLanguages(t *testing.T) {
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, green("push"), t0())
	w.Overlap(watch.Deploy{Service: "price-sync", Version: "v7", At: t0()})
	v, _ := play(w, "push", down(20), t0())
	if v == nil {
		t.Fatal("no verdict")
	}
	for language, want := range map[string]string{
		"en": "push failed 6 of 6 looks since 18:02:11; allowed is 0.41%; before the deploy it failed 2 of 960. Error: HTTP 500. " +
			"Deployed meanwhile, a possible cause too: price-sync v7 (18:02:11).",
		"zh": "push 自 18:02:11 起探测 6 次，失败 6 次；允许的失败率为 0.41%；部署前 960 次中失败 2 次。错误：HTTP 500。" +
			"期间还部署了（也可能是原因）：price-sync v7（18:02:11）。",
	} {
		if got := (reason.Reader{Language: language, Location: shanghai, Now: t0()}).Read(v.Reason); got != want {
			t.Errorf("%s: got  %s\nwant %s", language, got, want)
		}
	}
}

func TestAFlakyCheckIsHeldAgainstWhatItWasBefore(t *testing.T) {
	before := green("push")
	before.Baselines = nil // nothing but counts
	before.Before["push"] = watch.Counts{Looks: 960, Failures: 190}
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, before, t0())
	if v, _ := play(w, "push", strings.Repeat("x....", 12), t0()); v != nil {
		t.Fatalf("blamed for failing as often as before: %s", v.Reason)
	}
	v, _ := play(w, "push", down(40), t0().Add(15*time.Minute))
	if v == nil || v.State != watch.Failed {
		t.Fatalf("an outage gives %+v", v)
	}
	if s := "because before the deploy it failed 190 of 960"; !strings.Contains(read(v.Reason), s) || !strings.Contains(read(v.Reason), "more than the configured 1%") {
		t.Errorf("reason %q does not say %q", v.Reason, s)
	}

	// A short history with an outage in it is no doubt about the check.
	before.Before["push"] = watch.Counts{Looks: 40, Failures: 20}
	w = watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, before, t0())
	if v, n := play(w, "push", down(15), t0()); v == nil || n > 12 {
		t.Errorf("an outage is found after %d looks", n)
	}
}

func TestLooksThatAreNotJudged(t *testing.T) {
	p := policy(func(p *watch.Policy) { p.Grace = time.Minute })
	good, bad := look("push", sample.Up, t0().Add(90*time.Second)), look("push", sample.Down, t0().Add(90*time.Second))
	for name, c := range map[string]struct {
		before []sample.Sample
		look   sample.Sample
	}{
		"before the switch":         {nil, look("push", sample.Down, t0().Add(-time.Second))},
		"within the grace":          {nil, look("push", sample.Down, t0().Add(59*time.Second))},
		"of another check":          {nil, look("other", sample.Down, t0().Add(2*time.Minute))},
		"after the deadline":        {nil, look("push", sample.Down, t0().Add(41*time.Minute))},
		"the last look again":       {[]sample.Sample{good}, good},
		"older than the last look":  {[]sample.Sample{good}, look("push", sample.Down, t0().Add(80*time.Second))},
		"right after the last fail": {[]sample.Sample{bad}, look("push", sample.Up, t0().Add(95*time.Second))},
	} {
		t.Run(name, func(t *testing.T) {
			w := watch.Open(deploy(), p, []watch.CheckPolicy{check("push")}, green("push"), t0())
			for _, s := range c.before {
				w.Observe(s)
			}
			evidence := w.EValue()
			if v := w.Observe(c.look); v != nil || w.EValue() != evidence || w.Checks[0].Judged.Looks != len(c.before) {
				t.Errorf("judged: %v, %+v", v, w.Checks[0])
			}
		})
	}
}

func TestBlindAfter(t *testing.T) {
	for every, want := range map[time.Duration]time.Duration{
		100 * time.Millisecond: 2200 * time.Millisecond, time.Second: 4 * time.Second,
		15 * time.Second: 45 * time.Second, time.Hour: 2*time.Hour + 30*time.Second,
	} {
		if got := watch.BlindAfter(every); got != want {
			t.Errorf("looked at every %s: blind after %s, want %s", every, got, want)
		}
	}
}

func TestBlind(t *testing.T) {
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push"), check("api")}, green("push", "api"), t0())
	w.Observe(look("push", sample.Down, t0().Add(10*time.Second)))
	w.Observe(look("api", sample.Unknown, t0().Add(50*time.Second)))
	for after, want := range map[time.Duration][]string{ // blind after 45 s at an interval of 15 s
		45 * time.Second: nil, 46 * time.Second: {"api"}, 55 * time.Second: {"api"}, 56 * time.Second: {"push", "api"},
	} {
		if diff := cmp.Diff(want, w.Blind(t0().Add(after))); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", after, diff)
		}
	}
}

func TestLooksCloseAfterAFailureAreOneFailure(t *testing.T) {
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, green("push"), t0())
	for i := range 14 { // a hiccup of 13 s, followed up each second
		if v := w.Observe(look("push", sample.Down, t0().Add(time.Duration(i+1)*time.Second))); v != nil {
			t.Fatalf("a hiccup shorter than the interval failed the deploy: %s", v.Reason)
		}
	}
	if got := w.Checks[0].Judged; got != (watch.Counts{Looks: 1, Failures: 1}) {
		t.Errorf("judged %+v, want one failure", got)
	}
	if v, _ := play(w, "push", down(10), t0().Add(time.Second)); v == nil || v.State != watch.Failed {
		t.Errorf("an outage that lasts gives %v", v)
	}
}

func TestTheOldVersionsFailuresAreNotBlamed(t *testing.T) {
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, green("push"), t0())
	answer := func(i int, h sample.Health, version string) *watch.Verdict {
		s := look("push", h, t0().Add(time.Duration(i)*every))
		s.Version = version
		return w.Observe(s)
	}
	for i := 1; i < 20; i++ {
		if v := answer(i, sample.Down, "v1.4.2"); v != nil {
			t.Fatalf("blamed: %s", v.Reason)
		}
	}
	var v *watch.Verdict
	for i := 21; v == nil && i < 35; i++ {
		v = answer(i, sample.Down, "v1.4.3")
	}
	if v == nil || v.State != watch.Failed {
		t.Errorf("failures of the new version give %v", v)
	}
}

func TestADeployThatWasNeverSwitchedDoesNotPass(t *testing.T) {
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, green("push"), t0())
	for i := 1; i <= 120; i++ {
		s := look("push", sample.Up, t0().Add(time.Duration(i)*every))
		s.Version = "v1.4.2"
		w.Observe(s)
	}
	v := w.Tick(w.Deadline)
	if v == nil || v.State != watch.Inconclusive || !strings.Contains(read(v.Reason), "was it switched?") {
		t.Errorf("verdict %+v", v)
	}
}

func TestShops(t *testing.T) {
	checks := []watch.CheckPolicy{check("sg", "shop", "sg-1"), check("my", "shop", "my-1"), check("core")}
	d := deploy()
	d.Shops = []string{"sg-1"}
	w := watch.Open(d, policy(), checks, green("sg", "my", "core"), t0())
	if v, _ := play(w, "my", "xxxxxxxxxx", t0()); v != nil {
		t.Fatalf("a shop that the deploy does not reach failed it: %s", v.Reason)
	}
	play(w, "sg", up(20), t0())
	play(w, "core", up(20), t0())

	now := t0().Add(6 * time.Minute)
	evidence := w.EValue()
	if !w.Extend([]string{"my-1"}, green("my"), now) {
		t.Fatal("not extended")
	}
	if got := w.EValue(); got < evidence*(1-1e-9) || got > evidence*(1+1e-9) {
		t.Errorf("extending changed the evidence from %v to %v", evidence, got)
	}
	if want := now.Add(30 * time.Minute); !w.Deadline.Equal(want) {
		t.Errorf("deadline %s, want %s", w.Deadline, want)
	}
	if w.Extend([]string{"my-1", "sg-1"}, green(), now) {
		t.Error("extended by what it has already")
	}
	v, n := play(w, "my", down(20), now)
	if v == nil || v.State != watch.Failed || v.Cause != "my" {
		t.Fatalf("the added shop's outage gives %v", v)
	}
	if n > 14 {
		t.Errorf("found after %d looks", n)
	}
}

func TestExtendToAllShops(t *testing.T) {
	d := deploy()
	d.Shops = []string{"sg-1"}
	w := watch.Open(d, policy(), []watch.CheckPolicy{check("sg", "shop", "sg-1"), check("my", "shop", "my-1")}, green("sg"), t0())
	if !w.Extend(nil, green("my"), t0().Add(time.Minute)) || len(w.Checks) != 2 || len(w.Others) != 0 || w.Shops != nil {
		t.Fatalf("%+v", w)
	}
	if w.Extend(nil, green("my"), t0().Add(2*time.Minute)) {
		t.Error("extended beyond all shops")
	}
}

func TestAServiceWithoutChecksIsInconclusive(t *testing.T) {
	w := watch.Open(deploy(), policy(), nil, watch.Snapshot{}, t0())
	v := w.Tick(w.Deadline)
	if v == nil || v.State != watch.Inconclusive || !strings.Contains(read(v.Reason), "No check looks at this service") {
		t.Errorf("verdict %+v", v)
	}
}

func TestEndsAreFinal(t *testing.T) {
	ends := map[string]func(*watch.Watch) *watch.Verdict{
		"superseded": func(w *watch.Watch) *watch.Verdict { return w.Supersede("v1.4.4", t0().Add(time.Minute)) },
		"cancelled":  func(w *watch.Watch) *watch.Verdict { return w.Cancel("lin", t0().Add(time.Minute)) },
	}
	for state, end := range ends {
		t.Run(state, func(t *testing.T) {
			w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, green("push"), t0())
			v := end(w)
			if v == nil || string(v.State) != state || w.State != v.State {
				t.Fatalf("verdict %+v", v)
			}
			if v, _ := play(w, "push", "xxxxxx", t0().Add(time.Minute)); v != nil {
				t.Errorf("a %s watch gave another verdict: %+v", state, v)
			}
			if w.Tick(t0().Add(time.Hour)) != nil || w.Cancel("x", t0()) != nil || w.Supersede("x", t0()) != nil || w.Extend(nil, green(), t0()) {
				t.Error("it moved after its end")
			}
		})
	}
}

func TestAVersionThatWasPutBackIsObservedOnly(t *testing.T) {
	d := deploy()
	d.RollbackRun = "r_9"
	w := watch.Open(d, policy(func(p *watch.Policy) { p.Mode = watch.Auto }), []watch.CheckPolicy{check("push")}, green("push"), t0())
	if w.Mode != watch.Observe || !strings.Contains(w.ModeReason.String(), "r_9") {
		t.Errorf("mode %s, %q", w.Mode, w.ModeReason)
	}
	if v, _ := play(w, "push", down(12), t0()); v == nil || v.State != watch.Failed {
		t.Errorf("it is watched all the same, got %+v", v)
	}
}

func TestADeployAnnouncedLateIsWatchedInFull(t *testing.T) {
	now := t0().Add(20 * time.Minute)
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, green("push"), now)
	if want := now.Add(30 * time.Minute); !w.Deadline.Equal(want) {
		t.Errorf("deadline %s, want %s", w.Deadline, want)
	}
	if blind := w.Blind(now); blind != nil {
		t.Errorf("blind at once: %v", blind)
	}
}

func TestACopyIsNotWrittenTo(t *testing.T) {
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push"), check("api")}, green("push", "api"), t0())
	play(w, "push", "..x.", t0())
	c := w.Clone()
	before, err := json.Marshal(&c)
	if err != nil {
		t.Fatal(err)
	}
	play(w, "push", "..x.", t0().Add(time.Hour/4))
	if after, _ := json.Marshal(&c); string(after) != string(before) {
		t.Errorf("a copy changed with the watch:\n%s\n%s", before, after)
	}
}

func TestFaultSince(t *testing.T) {
	w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push"), check("api")}, green("push", "api"), t0())
	if !w.FaultSince().IsZero() {
		t.Error("a fault before a verdict")
	}
	w.Observe(look("api", sample.Down, t0().Add(every))) // by chance
	play(w, "api", up(50), t0().Add(every))
	if v, _ := play(w, "push", strings.Repeat(" ", 60)+down(20), t0()); v == nil {
		t.Fatal("no verdict")
	}
	if want := t0().Add(61 * every); !w.FaultSince().Equal(want) {
		t.Errorf("fault since %s, want %s", w.FaultSince(), want)
	}
}

func TestWatchSurvivesJSON(t *testing.T) {
	checks := []watch.CheckPolicy{check("sg", "shop", "sg-1"), check("my", "shop", "my-1")}
	d := deploy()
	d.Shops = []string{"sg-1"}
	w := watch.Open(d, policy(), checks, green("sg", "my"), time.Now())
	play(w, "sg", "..x.?x", w.From)
	b, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	var back watch.Watch
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, &back); diff != "" {
		t.Errorf("not the same (-before +after):\n%s", diff)
	}
}
