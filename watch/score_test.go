package watch_test

import (
	"testing"
	"time"

	"guardian/internal/reason"
	"guardian/watch"
)

// scored makes a watch that ended, under a policy of 30 minutes.
func scored(state watch.State, mark watch.MarkKind, cause string) watch.Scored {
	w := &watch.Watch{Service: "orders", State: state, Policy: watch.Policy{Mode: watch.Auto, For: 30 * time.Minute, Alpha: 0.001}}
	if state == watch.Failed {
		w.Verdict = &watch.Verdict{Cause: cause}
	}
	return watch.Scored{Watch: w, Mark: mark}
}

func TestScoresCountVerdictsAndWhatPeopleSaidAboutThem(t *testing.T) {
	back := scored(watch.Failed, watch.MarkRight, "push")
	back.RolledBack = true
	got := watch.Scores([]watch.Scored{
		scored(watch.Passed, "", ""), scored(watch.Passed, watch.MarkWrong, ""), scored(watch.Passed, watch.MarkLate, ""), scored(watch.Passed, watch.MarkRight, ""),
		back, scored(watch.Failed, watch.MarkLate, "push"), scored(watch.Failed, watch.MarkWrong, "pull"), scored(watch.Failed, "", "push"),
		scored(watch.Inconclusive, watch.MarkWrong, ""), scored(watch.Watching, "", ""),
	})
	if len(got) != 1 {
		t.Fatalf("%d scores, want one: %+v", len(got), got)
	}
	s := got[0]
	if s.Judged != 8 || s.Passed != 4 || s.Missed != 2 {
		t.Errorf("judged %d, passed %d, missed %d; want 8, 4, 2", s.Judged, s.Passed, s.Missed)
	}
	if want := (watch.FailedVerdicts{Failed: 4, RolledBack: 1, Agreed: 2, Late: 1, Wrong: 1, Unmarked: 1}); s.FailedVerdicts != want {
		t.Errorf("failures %+v, want %+v", s.FailedVerdicts, want)
	}
	if len(s.Causes) != 2 || s.Causes[0].Cause != "push" || s.Causes[0].Failed != 3 || s.Causes[1].Wrong != 1 {
		t.Errorf("causes %+v, want three by push and then a wrong one by pull", s.Causes)
	}
	// Two that passed and were not missed, and one that failed wrongly, are healthy deploys.
	if e := s.FalseRate; e == nil || e.Estimate != 1.0/3 || e.Low >= e.Estimate || e.High <= e.Estimate {
		t.Errorf("false alarms %+v, want one in three with an interval around it", s.FalseRate)
	}
}

func TestScoresTellPoliciesApartAndLeaveRollbacksOut(t *testing.T) {
	short, other, rollback := scored(watch.Passed, "", ""), scored(watch.Passed, "", ""), scored(watch.Failed, "", "push")
	short.Watch.Policy.For = 5 * time.Minute
	other.Watch.Service = "stock"
	rollback.Watch.ModeReason = reason.New("rollback_only_observed", "run", "r_1")
	got := watch.Scores([]watch.Scored{scored(watch.Failed, watch.MarkRight, "push"), other, rollback, short})
	if len(got) != 3 {
		t.Fatalf("%d scores, want three: %+v", len(got), got)
	}
	if got[0].For.String() != "5m" || got[1].For.String() != "30m" || got[2].Service != "stock" {
		t.Errorf("order %s %s, %s %s, %s; want by service, then by length", got[0].Service, got[0].For, got[1].Service, got[1].For, got[2].Service)
	}
	if got[1].Failed != 1 {
		t.Errorf("%d failed, want the rollback left out", got[1].Failed)
	}
	if got[1].FalseRate != nil {
		t.Errorf("false alarms %+v without a healthy deploy, want none", got[1].FalseRate)
	}
}

func TestAMarkSaysWhatItThinksOfWhichVerdict(t *testing.T) {
	for want, c := range map[string]struct {
		state watch.State
		mark  watch.Mark
	}{
		"failed is wrong: it was the network":  {watch.Failed, watch.Mark{Kind: watch.MarkWrong, Note: "it was the network"}},
		"passed is right":                      {watch.Passed, watch.Mark{Kind: watch.MarkRight}},
		"inconclusive is right, but came late": {watch.Inconclusive, watch.Mark{Kind: watch.MarkLate}},
	} {
		if got := c.mark.Reason(c.state).String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
