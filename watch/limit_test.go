package watch_test

import (
	"strings"
	"testing"
	"time"

	"guardian/internal/reason"
	"guardian/rules"
	"guardian/watch"
	"guardian/watch/judge"
)

// one plays a timeline of one check to the end of its watch.
func one(t *testing.T, before watch.Snapshot, marks string) *watch.Watch {
	t.Helper()
	p := policy(func(p *watch.Policy) { p.For = time.Duration(len(marks)) * every })
	w := watch.Open(deploy(), p, []watch.CheckPolicy{check("push")}, before, t0())
	play(w, "push", marks, t0())
	w.Tick(w.Deadline.Add(time.Minute))
	return w
}

// every20th fails one look of twenty.
func every20th(n int) string { return strings.Repeat(up(19)+"x", n/20) }

func TestADeployDoesNotPassWhileACheckFailsMoreThanItMay(t *testing.T) {
	flaky := green("push")
	flaky.Baselines["push"] = watch.Baseline{Recent: judge.History{Calm: 912, Begun: 48, Failing: 48, Last: 1}}
	flaky.Before["push"] = watch.Counts{Looks: 960, Failures: 48}
	for name, c := range map[string]struct {
		before watch.Snapshot
		marks  string
		state  watch.State
		says   string
	}{
		"one that never fails passes":               {green("push"), up(120), watch.Passed, "120 looks of 1 check"},
		"a failure now and then is what it may":     {green("push"), up(60) + "x" + up(59), watch.Passed, "1 failed"},
		"as bad as before, and before was bad":      {flaky, every20th(240), watch.Inconclusive, "push is as bad as before, and before was bad: it failed 12 of 240 looks"},
		"and what failure_rate would let it pass":   {flaky, every20th(240), watch.Inconclusive, "with failure_rate 2.1% it would pass"},
		"a restart needs a grace, no failure_rate":  {green("push"), up(4) + down(6) + up(110), watch.Inconclusive, "all of them from 10:03:26 to 10:04:41, which is surely more than its failure_rate of 1%. If it was a restart, set grace"},
		"it began to fail in the last quarter":      {flaky, up(190) + strings.Repeat("....x", 10), watch.Inconclusive, "with failure_rate"},
		"a check that looked too seldom is no pass": {green("push"), up(9), watch.Inconclusive, "Too little was seen: a pass needs 10 judged looks of each check (min_samples), there were fewer of push (9)"},
		"nor is one that was never seen up, and that is said first": {
			watch.Snapshot{Begin: watch.Beginning{Excuses: map[string]watch.Excuse{"push": watch.ExcusedRed}}},
			down(120), watch.Inconclusive,
			"Not judged, because not seen up since: push (down before the deploy).",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := one(t, c.before, c.marks)
			if w.State != c.state || !strings.Contains(read(w.Reason), c.says) {
				t.Errorf("%s: %s", w.State, read(w.Reason))
			}
			if c.before.Begin.Excuses != nil && !strings.HasPrefix(read(w.Reason), c.says) {
				t.Errorf("the excuse does not come first: %s", read(w.Reason))
			}
		})
	}
}

func TestOfTwoChecksEachMustHaveBeenSeen(t *testing.T) {
	p := policy(func(p *watch.Policy) { p.For = 10 * time.Minute })
	w := watch.Open(deploy(), p, []watch.CheckPolicy{check("push"), check("front")}, green("push", "front"), t0())
	for i := 1; i <= 40; i++ {
		at := t0().Add(time.Duration(i) * every)
		w.Observe(look("front", health('.'), at))
		if i > 36 {
			w.Observe(look("push", health('.'), at))
		} else {
			w.Observe(look("push", health('?'), at))
		}
		w.Tick(at)
	}
	for at := w.Deadline; w.State == watch.Watching; at = at.Add(every) {
		w.Observe(look("front", health('.'), at))
		w.Tick(at)
	}
	if w.State != watch.Inconclusive {
		t.Errorf("%s: %s", w.State, read(w.Reason))
	}
}

// begin is a snapshot of a healthy check whose watch begins so.
func begin(b watch.Beginning) watch.Snapshot {
	s := green("push")
	s.Begin = b
	return s
}

func TestAStretchBeforeTheHookIsNeitherExcuseNorEvidence(t *testing.T) {
	hook := t0().Add(time.Minute)
	d := deploy()
	d.At = time.Time{}
	b := watch.Beginning{
		Switch: watch.Switch{At: t0(), By: watch.ByOnset}, Hook: hook, Before: t0(), Excuses: map[string]watch.Excuse{},
		Doubt: reason.New("begins_often"),
	}
	w := watch.Open(d, policy(), []watch.CheckPolicy{check("push")}, begin(b), hook)
	if v := w.Observe(look("push", health('x'), t0().Add(30*time.Second))); v != nil || w.Checks[0].Judged.Looks != 0 {
		t.Fatalf("a look before the hook is judged: %+v", w.Checks[0].Judged)
	}
	v, n := play(w, "push", down(20), hook)
	if v == nil || v.State != watch.Failed || n > 10 {
		t.Fatalf("a broken version that was announced late: %+v after %d looks", v, n)
	}
	if v.Doubt.IsZero() {
		t.Error("it goes on from before the hook, and nobody would be asked")
	}

	w = watch.Open(d, policy(), []watch.CheckPolicy{check("push")}, begin(b), hook)
	if v, _ := play(w, "push", up(40)+down(20), hook); v == nil || !v.Doubt.IsZero() {
		t.Errorf("what begins ten minutes after the hook is doubted: %+v", v)
	}
	w = watch.Open(d, policy(), []watch.CheckPolicy{check("push")}, begin(b), hook)
	if v, _ := play(w, "push", up(130), hook); v == nil || v.State != watch.Passed {
		t.Errorf("a fix that works when it is announced: %+v", v)
	}
}

func TestAFixMayTakeAMoment(t *testing.T) {
	b := watch.Beginning{Excuses: map[string]watch.Excuse{"push": watch.ExcusedInherited}, RecoverBy: t0().Add(2 * time.Minute)}
	open := func() *watch.Watch {
		return watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, begin(b), t0())
	}
	if v, _ := play(open(), "push", down(7)+up(120), t0()); v == nil || v.State != watch.Passed {
		t.Errorf("a fix that needs two minutes: %+v", v)
	}
	if v, n := play(open(), "push", down(40), t0()); v == nil || v.State != watch.Failed || n < 8 || n > 20 {
		t.Errorf("a version as bad as the one before: %+v after %d looks", v, n)
	}
	if v, n := play(open(), "push", "xx.."+down(20), t0()); v == nil || v.State != watch.Failed || n > 16 {
		t.Errorf("one that was up and fails again: %+v after %d looks", v, n)
	}
}

func TestWhileOldAndNewAnswerALookCountsForTheVersionThatItNames(t *testing.T) {
	for name, c := range map[string]struct {
		turns            string // o: the old one, n: the new one, t: a third one, x: a failure that names none
		judged, failures int
	}{
		"the old one's count for nothing":                        {turns: "oooo"},
		"the new one's count":                                    {turns: "onon", judged: 2},
		"failures that name none wait until the old one is gone": {turns: "oxoxnoxox", judged: 1},
		"and count then":                                         {turns: "oxoxxx", judged: 2, failures: 2},
		"a third one's count for nothing":                        {turns: "nnttt", judged: 2},
		"nor do failures beside them":                            {turns: "nntxtx", judged: 2},
		"but perhaps the check writes the new one differently":   {turns: "tttt", judged: 4},
	} {
		t.Run(name, func(t *testing.T) {
			w := watch.Open(deploy(), policy(func(p *watch.Policy) { p.Alpha = 1e-6 }), []watch.CheckPolicy{check("push")}, green("push"), t0())
			for i, turn := range c.turns {
				s := look("push", health('x'), t0().Add(time.Duration(i+1)*every))
				switch turn {
				case 'o':
					s.Version = "v1.4.2"
				case 't':
					s.Health, s.Version = health('.'), "v1.5.0"
				case 'n':
					s.Health, s.Version = health('.'), "v1.4.3"
				}
				w.Observe(s)
			}
			if got := w.Checks[0].Judged; got.Looks != c.judged || got.Failures != c.failures {
				t.Errorf("judged %+v", got)
			}
		})
	}
}

func TestWhenAnAlertCounts(t *testing.T) {
	hook := t0().Add(2 * time.Minute)
	for name, c := range map[string]struct {
		begin  watch.Beginning
		active time.Duration // after t0, where "before" ends
		reach  time.Duration
		counts bool
		from   time.Duration
	}{
		"its condition is true for longer: never":        {active: -time.Second},
		"it is what ends before: at once after the hook": {active: 0, counts: true, from: 2 * time.Minute},
		"true after the hook: at once":                   {active: 3 * time.Minute, counts: true, from: 2 * time.Minute},
		"true between: once it reads nothing from before the hook": {
			active: time.Minute, reach: 5 * time.Minute, counts: true, from: 7 * time.Minute,
		},
		"left firing by the version before: after its recoverBy": {
			begin: watch.Beginning{RecoverBy: t0().Add(4 * time.Minute)}, active: time.Minute, reach: time.Minute, counts: true, from: 5 * time.Minute,
		},
		"new in the recoverBy: at once": {
			begin: watch.Beginning{RecoverBy: t0().Add(4 * time.Minute)}, active: 3 * time.Minute, counts: true, from: 2 * time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.begin.Switch, c.begin.Hook, c.begin.Before = watch.Switch{At: t0(), By: watch.ByOnset}, hook, t0()
			d := deploy()
			d.At = time.Time{}
			w := watch.Open(d, policy(), []watch.CheckPolicy{check("push")}, begin(c.begin), hook)
			a := rules.Alert{
				ID: "a", Rule: "Orders", State: rules.Firing, FailsWatch: true, Labels: map[string]string{"service": "order-sync"},
				ActiveAt: t0().Add(c.active), Reach: c.reach,
			}
			from, ok := w.AlertCounts(a)
			if ok != c.counts || ok && !from.Equal(t0().Add(c.from)) {
				t.Fatalf("it counts from %s, %t", from, ok)
			}
			if !ok {
				from = hook.Add(time.Hour)
			}
			if v := w.AlertFired(a, from.Add(-time.Second)); v != nil {
				t.Errorf("too early: %+v", v)
			}
			if v := w.AlertFired(a, from); (v != nil) != c.counts {
				t.Errorf("%+v", v)
			}
		})
	}
}
