package watching_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"guardian/decide"
	"guardian/internal/watching"
	"guardian/probes/sample"
	"guardian/test/leader"
	"guardian/watch"
)

// begins announces that the deploy of a version of orders begins.
func begins(version string) watching.Announcement {
	a := announcement(version)
	a.Told = decide.CallTimes{Begins: true}
	return a
}

// version is the version that is believed to run.
func (s *shop) version() string {
	s.t.Helper()
	v, err := s.Decider().CurrentVersion(s.t.Context(), "orders", watch.DefaultEnvironment)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

func (s *shop) end(watchID string, status int) watch.Deploy {
	s.t.Helper()
	return s.ends(watchID, decide.End{Status: status})
}

func (s *shop) ends(watchID string, end decide.End) watch.Deploy {
	s.t.Helper()
	d, id, err := s.watches.End(s.t.Context(), s.stored(watchID).DeployID, end, "ada")
	if err != nil || id != watchID {
		s.t.Fatalf("%+v, watch %s, %v", d, id, err)
	}
	return d
}

// TestLooksWhileADeployGoesOnAreNotJudged, however long it takes, and are from its end on.
func TestLooksWhileADeployGoesOnAreNotJudged(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		t := s.T
		id := s.announce(begins("v2"))
		s.looks(sample.Down, 5*time.Minute)
		s.wantState(id, watch.Watching)
		s.end(id, 0)
		w, _ := s.watches.Get(id)
		if w.RollingOut || w.Switched.After(w.Started) || w.Deadline.Sub(leader.Now()) < 29*time.Minute {
			t.Errorf("after the end: %+v", w.Begin)
		}
		s.looks(sample.Up, time.Minute)
		s.wantState(id, watch.Watching)
		s.looks(sample.Down, 5*time.Minute)
		s.wantState(id, watch.Failed)
	})
}

// TestAWatchLastsLongerThanItsDeploy, however short it is.
func TestAWatchLastsLongerThanItsDeploy(t *testing.T) {
	settings := leader.Settings(t, watch.Auto)
	settings.Services[0].Watch.For = 5 * 60 * 1e9
	play(t, settings, func(s *shop) {
		id := s.announce(begins("v2"))
		s.looks(sample.Up, 8*time.Minute)
		s.wantState(id, watch.Watching)
		s.end(id, 0)
		s.looks(sample.Up, 4*time.Minute)
		s.wantState(id, watch.Watching)
		s.looks(sample.Up, 2*time.Minute)
		s.wantState(id, watch.Passed)
	})
}

// TestAGraceCountsFromTheStartOfADeploy: a service that is away for longer has failed.
func TestAGraceCountsFromTheStartOfADeploy(t *testing.T) {
	settings := leader.Settings(t, watch.Auto)
	settings.Services[0].Watch.Grace = 30 * 1e9
	play(t, settings, func(s *shop) {
		id := s.announce(begins("v2"))
		s.looks(sample.Down, 6*time.Minute)
		s.wantState(id, watch.Failed)
		if d := s.end(id, 0); d.Rollout.End.IsZero() {
			s.T.Error("the end of a deploy that failed is not recorded")
		}
	})
}

func TestADeployWhoseCommandFailedIsWatched(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		t := s.T
		a := begins("v2")
		a.Deploy.KnownGood = true
		id := s.announce(a)
		s.looks(sample.Up, time.Minute)
		if d := s.end(id, 2); !d.Unsure {
			t.Errorf("%+v", d)
		}
		s.end(id, 0) // said once
		s.looks(sample.Up, 45*time.Minute)
		s.wantState(id, watch.Passed)
		if goods := s.goods(); len(goods) > 0 {
			t.Errorf("known good: %v", goods)
		}
		if _, _, err := s.watches.End(t.Context(), "d_none", decide.End{}, "ada"); !errors.Is(err, watching.ErrNoDeploy) {
			t.Error(err)
		}
		next := s.announce(announcement("v3"))
		if again := s.announce(begins("v3")); again != next { // deployed once more while it is watched
			t.Errorf("another watch: %s", again)
		}
		if d := s.end(next, 1); d.Unsure || d.Rollout != nil {
			t.Errorf("the end of a deploy that had happened: %+v", d)
		}
		s.wantState(next, watch.Watching)
	})
}

// TestADeployThatDidNotHappenIsNoVersion: what ran before its announcement still runs, and the next
// deploy is compared with that.
func TestADeployThatDidNotHappenIsNoVersion(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		t := s.T
		s.looks(sample.Up, 10*time.Minute)
		first := s.announce(announcement("v2"))
		s.looks(sample.Up, 45*time.Minute)
		s.wantState(first, watch.Passed)
		a := begins("v3")
		a.Deploy.KnownGood = true
		id := s.announce(a)
		s.looks(sample.Up, time.Minute)
		if runs := s.version(); runs != "v3" {
			t.Errorf("while it is deployed %q runs", runs)
		}
		if d := s.ends(id, decide.End{Status: 127, Withdrawn: true}); d.Unsure || !d.Withdrawn() {
			t.Errorf("%+v", d)
		}
		s.wantState(id, watch.Cancelled)
		if runs := s.version(); runs != "v2" {
			t.Errorf("%q runs", runs)
		}
		if goods := s.goods(); !slices.Equal(goods, []string{"v2"}) {
			t.Errorf("known good: %v", goods)
		}
		s.ends(id, decide.End{}) // said once
		next := s.announce(announcement("v4"))
		s.looks(sample.Down, 5*time.Minute)
		s.wantState(next, watch.Failed)
		if done := s.Steps(); !slices.Equal(done, []string{"back v2"}) {
			t.Errorf("done: %q", done)
		}
	})
}

// TestADeployThatNobodyEndsIsJudgedAllTheSame: its runner was killed.
func TestADeployThatNobodyEndsIsJudgedAllTheSame(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		t := s.T
		s.looks(sample.Up, 10*time.Minute)
		id := s.announce(begins("v2"))
		s.looks(sample.Up, 9*time.Minute)
		if w, _ := s.watches.Get(id); !w.RollingOut {
			t.Fatal("it ended too early")
		}
		s.Restart() // nor does a guardian that takes over forget it
		s.resume()
		s.looks(sample.Up, 2*time.Minute)
		w, open := s.watches.Get(id)
		if !open || w.RollingOut {
			t.Fatalf("open %v, rolling out %v", open, w.RollingOut)
		}
		s.looks(sample.Down, 5*time.Minute)
		s.wantState(id, watch.Failed)
		if d := s.end(id, 0); d.Unsure {
			t.Errorf("its end was told late: %+v", d)
		}
	})
}
