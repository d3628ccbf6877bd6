package watch_test

import (
	"strings"
	"testing"
	"time"

	"guardian/internal/reason"
	"guardian/watch"
)

// TestADeployUnderWaySaysSo: it names when it began, and no time from which on looks count that
// nobody knows yet.
func TestADeployUnderWaySaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		grace time.Duration
		while string
		after string // what is said when another version comes
	}{
		"no look counts until its end": {
			while: "The deploy is under way since 10:02:11; looks are judged from its end on",
			after: "The deploy was under way since 10:02:11 and its end was not announced, so no look was judged.",
		},
		"looks count once its grace is over": {
			grace: 30 * time.Second,
			while: "The deploy is under way since 10:02:11; looks are judged from 10:02:41 on",
			after: "0 looks of 0 checks since 10:02:41",
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := deploy()
			d.At, d.Rollout = t0(), &watch.Rollout{Start: t0()}
			before := green("push")
			before.Begin.Start = t0()
			w := watch.Open(d, policy(func(p *watch.Policy) { p.Grace = c.grace }), []watch.CheckPolicy{check("push")}, before, t0())
			standing := w.Standing(t0().Add(10 * time.Second))
			if says := read(standing); !strings.Contains(says, c.while) || strings.Contains(says, "Watching until") {
				t.Errorf("it says %q, want %q", says, c.while)
			}
			if zh := (reason.Reader{Language: "zh"}).Read(standing); strings.Contains(zh, "2036") || strings.Contains(zh, "观察至") {
				t.Errorf("in Chinese: %s", zh)
			}
			ended := w.Clone()
			ended.EndRollout(false, t0().Add(time.Minute))
			if says := read(ended.Standing(t0().Add(70 * time.Second))); !strings.Contains(says, "Watching until") || strings.Contains(says, "under way") {
				t.Errorf("after its end: %s", says)
			}
			for _, v := range []*watch.Verdict{cancelled(w.Clone()), w.Supersede("v3", t0().Add(20*time.Second))} {
				if says := read(v.Reason); !strings.Contains(says, c.after) {
					t.Errorf("the verdict says %q, want %q", says, c.after)
				}
			}
		})
	}
}

func cancelled(w watch.Watch) *watch.Verdict { return w.Cancel("ada", t0().Add(20*time.Second)) }

// TestNoHookIsNamedThatNobodyCalled: the end of a deploy did not come, and checks began to fail.
func TestNoHookIsNamedThatNobodyCalled(t *testing.T) {
	d := deploy()
	d.At, d.Unsure, d.Rollout = time.Time{}, true, &watch.Rollout{Start: t0()}
	noticed := t0().Add(10 * time.Minute)
	w := watch.Open(d, policy(), []watch.CheckPolicy{check("push")}, begin(watch.Beginning{
		Switch: watch.Switch{At: t0().Add(time.Minute), By: watch.ByOnset}, Start: t0(), Hook: noticed, Before: t0().Add(time.Minute),
	}), noticed)
	says := read(w.Standing(noticed))
	if strings.Contains(says, "the hook") || !strings.Contains(says, "The deploy is taken to have happened at 10:03:11") || !strings.Contains(says, "nobody said that it ended") {
		t.Error(says)
	}
}

// TestAFailureFromTheFirstLookHasNoBeginningOfItsOwn, however seldom the check looks.
func TestAFailureFromTheFirstLookHasNoBeginningOfItsOwn(t *testing.T) {
	for marks, began := range map[string]bool{"    xxxxxxxxxxxxxxxx": false, "....xxxxxxxxxxxxxxxx": true} {
		w := watch.Open(deploy(), policy(), []watch.CheckPolicy{check("push")}, green("push"), t0())
		v, _ := play(w, "push", marks, t0())
		if v == nil || v.State != watch.Failed || strings.Contains(read(v.Reason), "beginning at") != began {
			t.Errorf("%q: %+v", marks, v)
		}
	}
}
