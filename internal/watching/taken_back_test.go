package watching_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/runs"
	"guardian/internal/store"
	"guardian/probes/sample"
	"guardian/test/leader"
	"guardian/watch"
)

// TestAFixAfterAnAutomaticRollbackIsWatched, although its cool-down closes the gate; a second
// rollback by itself is refused by the guards.
func TestAFixAfterAnAutomaticRollbackIsWatched(t *testing.T) {
	settings := leader.Settings(t, watch.Auto)
	play(t, settings, func(s *shop) {
		t := s.T
		s.announce(announcement("v2"))
		s.looks(sample.Down, 5*time.Minute)
		if len(s.Steps()) != 1 {
			t.Fatalf("v2 was not rolled back: %v", s.Steps())
		}
		id := s.announce(announcement("v3"))
		s.wantState(id, watch.Watching)
		s.looks(sample.Up, 2*time.Minute)
		s.looks(sample.Down, 10*time.Minute)
		s.wantState(id, watch.Failed)
		if r := s.Run(s.verdict(id).Runs[0].ID); r.State != actions.Refused || len(s.Steps()) != 1 {
			t.Errorf("the second rollback is %s, steps %v", r.State, s.Steps())
		}
	})
}

// wantTakenBack wants a watch to have been ended because v1 was put in the place of its version.
func (s *shop) wantTakenBack(id, version string) {
	s.t.Helper()
	s.wantState(id, watch.Superseded)
	if v := s.stored(id).Verdict; v == nil || v.TakenBackBy == "" {
		s.t.Errorf("its verdict is %+v", v)
	}
	if goods := s.goods(); slices.ContainsFunc(goods, func(g string) bool { return strings.Contains(g, version) }) {
		s.t.Errorf("known good are %v", goods)
	}
	if current, err := s.Decider().CurrentVersion(s.t.Context(), "orders", watch.DefaultEnvironment); err != nil || current != "v1" {
		s.t.Errorf("what runs is %q, %v", current, err)
	}
}

// byPerson lets a person roll orders back to v1.
func (s *shop) byPerson() {
	s.t.Helper()
	err := s.Runs.Decide(func() error {
		req, err := s.Decider().ByPerson(s.t.Context(), decide.PersonRequest{
			Service: "orders", Environment: watch.DefaultEnvironment, To: "v1", Person: "ada", Reason: "it smells",
		}, s.Present("orders"), leader.Now())
		if err != nil {
			return err
		}
		req.ID = "r_person"
		_, err = s.Runs.Begin(s.t.Context(), req, runs.With{})
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestAVersionThatAPersonTakesBackIsNotWatchedOn(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		id := s.announce(announcement("v9"))
		s.looks(sample.Up, time.Minute)
		s.byPerson()
		s.looks(sample.Up, 30*time.Second)
		s.wantTakenBack(id, "v9")
		// The version that was put back is watched like any other.
		put := s.announce(announcement("v1"))
		s.looks(sample.Up, time.Hour)
		s.wantState(put, watch.Passed)
	})
}

// TestAFixThatARollbackOvertakesIsNotWatchedOn: the rollback of the version before began first, and
// put its version in place last.
func TestAFixThatARollbackOvertakesIsNotWatchedOn(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		s.Step = func(context.Context, actions.Call) (string, error) { time.Sleep(time.Minute); return "", nil }
		bad := s.announce(announcement("v2"))
		for range 40 {
			if s.looks(sample.Down, 15*time.Second); s.stored(bad).State.Final() {
				break
			}
		}
		s.wantState(bad, watch.Failed)
		id := s.announce(announcement("v3"))
		s.looks(sample.Up, 30*time.Second)
		s.wantState(id, watch.Watching)
		s.looks(sample.Up, time.Minute)
		s.wantTakenBack(id, "v3")
		s.wantState(bad, watch.Failed)
	})
}

// TestAWatchThatHeardOfNoRollbackDoesNotPass: what the journal has at its end counts.
func TestAWatchThatHeardOfNoRollbackDoesNotPass(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		id := s.announce(announcement("v9"))
		s.looks(sample.Up, time.Minute)
		now := leader.Now()
		s.Put(store.Batch{Runs: []actions.Run{{
			ID: "r_else", Service: "orders", Environment: watch.DefaultEnvironment, Runbook: "back", Rollback: true, Rev: 1, From: "v9", To: "v1",
			State: actions.Cured, Trigger: actions.Trigger{Kind: actions.ByPerson}, Created: now, Started: now, Ended: now,
			Steps: []actions.StepRun{{Name: "switch", State: actions.StepDone, Ended: now}},
		}}})
		s.looks(sample.Up, 5*time.Minute)
		s.wantState(id, watch.Watching)
		s.looks(sample.Up, time.Hour)
		s.wantTakenBack(id, "v9")
	})
}

// TestTheOwnAnnouncementOfARollbackIsOnlyObserved, or a rollback could lead to the next one.
func TestTheOwnAnnouncementOfARollbackIsOnlyObserved(t *testing.T) {
	settings := leader.Settings(t, watch.Auto)
	settings.Services[0].KnownGood = []string{"v0", "v1"}
	play(t, settings, func(s *shop) {
		t := s.T
		bad := s.announce(announcement("v2"))
		s.looks(sample.Down, 5*time.Minute)
		run := s.Run(s.verdict(bad).Runs[0].ID)
		own := announcement(run.To)
		id := s.announce(own)
		if w := s.stored(id); w.Mode != watch.Observe || w.ModeReason.IsZero() {
			t.Errorf("it is watched in mode %s", w.Mode)
		}
		s.look(sample.Up)
		s.looks(sample.Down, 40*time.Minute)
		s.wantState(id, watch.Failed)
		if len(s.Steps()) != 1 {
			t.Errorf("what was done: %v", s.Steps())
		}
	})
}
