package decide_test

import (
	"strings"
	"testing"
	"time"

	"guardian/decide"
	"guardian/watch"
)

// TestTheTimesOfAnAnnouncement are put on the guardian's clock.
func TestTheTimesOfAnAnnouncement(t *testing.T) {
	for name, c := range map[string]struct {
		at    time.Duration // before now, by the caller's clock; 0: not said
		told  decide.CallTimes
		want  time.Duration // before now
		off   time.Duration
		ahead time.Duration // of now, what is said
		first time.Duration
	}{
		"by a clock that is right":           {at: time.Minute, told: decide.CallTimes{Clock: noon()}, want: time.Minute},
		"by a clock that nobody knows":       {at: time.Minute, want: time.Minute},
		"by one that is ahead":               {at: -2 * time.Minute, told: decide.CallTimes{Clock: noon().Add(3 * time.Minute)}, want: time.Minute, off: 3 * time.Minute},
		"by one that is behind":              {at: 4 * time.Minute, told: decide.CallTimes{Clock: ago(3 * time.Minute)}, want: time.Minute, off: -3 * time.Minute},
		"the future is now, by what clock":   {at: -time.Minute, ahead: time.Minute},
		"or by one that is right":            {at: -time.Minute, told: decide.CallTimes{Clock: noon()}, ahead: time.Minute},
		"or by one that is ahead, too":       {at: -3 * time.Minute, told: decide.CallTimes{Clock: noon().Add(2 * time.Minute)}, off: 2 * time.Minute, ahead: time.Minute},
		"the way of the call is no error":    {at: time.Minute, told: decide.CallTimes{Clock: ago(time.Second)}, want: time.Minute},
		"first tried some time ago":          {told: decide.CallTimes{FirstTried: 14 * time.Second}, first: 14 * time.Second},
		"a start that was first tried began": {told: decide.CallTimes{Begins: true, FirstTried: 14 * time.Second}, want: 14 * time.Second, first: 14 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			var d watch.Deploy
			if c.at != 0 {
				d.At = ago(c.at)
			}
			d = decide.Timed(d, c.told, noon())
			if c.at != 0 || c.told.Begins {
				if !d.At.Equal(ago(c.want)) {
					t.Errorf("it happened %s ago, want %s", noon().Sub(d.At), c.want)
				}
			} else if !d.At.IsZero() {
				t.Errorf("it happened at %s", d.At)
			}
			if d.AtAhead != c.ahead {
				t.Errorf("it is said to lie %s ahead, want %s", d.AtAhead, c.ahead)
			}
			if d.ClockOff != c.off || c.first == 0 != d.FirstTried.IsZero() || c.first > 0 && !d.FirstTried.Equal(ago(c.first)) {
				t.Errorf("the clock is %s off, first tried at %s", d.ClockOff, d.FirstTried)
			}
			if d.RollingOut() != c.told.Begins {
				t.Errorf("rolling out: %v", d.RollingOut())
			}
		})
	}
}

func TestADeployWhoseCommandFailedIsNeverKnownGoodByItself(t *testing.T) {
	d := decide.Timed(watch.Deploy{Kind: watch.Code}, decide.CallTimes{Begins: true}, ago(time.Minute))
	for status, good := range map[int]bool{0: true, 1: false, 143: false} {
		if e := decide.Ended(d, decide.End{Status: status}, noon()); decide.MakesKnownGood(e, watch.Passed) != good || e.RollingOut() || *e.Rollout.Status != status {
			t.Errorf("status %d: %+v", status, e)
		}
	}
	if !d.RollingOut() {
		t.Error("the deploy is changed by its end")
	}
}

// TestADeployWithoutAnEndBecomesAHook after announce_lag: then it is estimated when it happened.
func TestADeployWithoutAnEndBecomesAHook(t *testing.T) {
	world := newWorld()
	world.settings.Services[0].Watch.AnnounceLag = 10 * 60 * 1e9
	d := deploy("v3", 0)
	d.Rollout = &watch.Rollout{Start: noon()}
	if _, overdue := world.decider().Unended(d, noon().Add(10*time.Minute-1)); overdue {
		t.Error("it is overdue too early")
	}
	got, overdue := world.decider().Unended(d, noon().Add(10*time.Minute))
	if !overdue || !got.At.IsZero() || !got.Unsure || got.RollingOut() {
		t.Errorf("%v: %+v", overdue, got)
	}
	d = decide.Ended(d, decide.End{}, noon())
	if _, overdue := world.decider().Unended(d, noon().Add(time.Hour)); overdue {
		t.Error("a deploy that ended is overdue")
	}
}

// TestADoubtCountsFromTheStartOfADeploy: when its end does not come, that is noticed long after it
// happened, and nobody called a hook then.
func TestADoubtCountsFromTheStartOfADeploy(t *testing.T) {
	for name, c := range map[string]struct {
		started, down time.Duration // before noon, when it is noticed that the end did not come
		doubt, says   string
	}{
		"it broke while the deploy went on":   {started: 10 * time.Minute, down: 8 * time.Minute},
		"it broke a moment before the deploy": {started: 5 * time.Minute, down: 6 * time.Minute},
		"it broke long before the deploy":     {started: 3 * time.Minute, down: 9 * time.Minute, doubt: watch.DoubtEarly, says: "before the deploy began at"},
	} {
		t.Run(name, func(t *testing.T) {
			w := lateWorld(since(c.down))
			d := watch.Deploy{ID: "d_next", Service: "orders", Environment: production, Version: "v3", Unsure: true, Rollout: &watch.Rollout{Start: ago(c.started)}}
			got, problems, err := w.decider().Open(t.Context(), d, w.present, noon())
			if err != nil || len(problems) > 0 {
				t.Fatal(err, problems)
			}
			says := got.Begin.Doubt.String()
			if got.Begin.Doubt.Code != c.doubt || !strings.Contains(says, c.says) || strings.Contains(says, "hook") || !watch.IsDoubt(got.Begin.Doubt) && c.doubt != "" {
				t.Errorf("its doubt is %q: %s; want %q", got.Begin.Doubt.Code, says, c.doubt)
			}
		})
	}
}
