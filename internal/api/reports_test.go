package api_test

import (
	"errors"
	"testing"
	"time"

	"guardian/actions"
	"guardian/internal/api"
	"guardian/internal/drills"
	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/probes/sample"
	"guardian/sla"
	"guardian/watch"
)

func TestDeployFactsJoinDeploysWithTheirWatchesAndRollbacks(t *testing.T) {
	at := func(m int) time.Time { return start().Add(time.Duration(m) * time.Minute) }
	failed := watched("w_1", "orders", "production", watch.Failed, 0)
	failed.DeployID, failed.Verdict = "d_1", &watch.Verdict{State: watch.Failed, At: at(9), Reason: reason.Text("push fails")}
	open := watched("w_2", "orders", "production", watch.Watching, time.Hour)
	open.DeployID = "d_2"
	run := func(id string, rollback bool, kind actions.TriggerKind, started int) actions.Run {
		return actions.Run{ID: id, Rollback: rollback, State: actions.Cured, Trigger: actions.Trigger{Kind: kind, Deploy: "d_1"}, Started: at(started), Ended: at(started + 1)}
	}
	got := api.DeployFacts(
		[]watch.Deploy{
			{ID: "d_3", Service: "orders", RollbackRun: "r_1", At: at(11)},
			{ID: "d_2", Service: "orders", At: at(60)},
			{ID: "d_1", Service: "orders", Environment: "production", Version: "v2", Author: "ci", Kind: watch.Code, At: at(0)},
		},
		[]watch.Watch{open, failed},
		[]actions.Run{run("r_4", true, actions.ByPerson, 30), run("r_1", true, actions.ByVerdict, 10), run("r_0", true, actions.ByDrill, 5), run("r_00", false, actions.ByVerdict, 1)},
	)
	if len(got) != 3 || !got[0].PutsBack || got[0].Watch != "" {
		t.Fatalf("got %+v", got)
	}
	if d := got[1]; d.Watch != "w_2" || d.State != "watching" || !d.WatchEnds.Equal(open.Deadline) || d.Run != "" {
		t.Errorf("an open watch: %+v", d)
	}
	d := got[2]
	if d.Watch != "w_1" || d.State != "failed" || d.Reason.String() != "push fails" || !d.DecidedAt.Equal(at(9)) || !d.WatchEnds.Equal(failed.Ended) {
		t.Errorf("a failed watch: %+v", d)
	}
	if d.Run != "r_1" || d.RunState != "cured" || !d.RunStarted.Equal(at(10)) || !d.RunEnded.Equal(at(11)) {
		t.Errorf("its rollback: %+v, want the first that was no drill", d)
	}
	if d.Environment != "production" || d.Version != "v2" || d.Author != "ci" || d.Kind != "code" || d.PutsBack {
		t.Errorf("the deploy: %+v", d)
	}
}

// A drill's fault is no deploy, its rollback is counted as a drill, and the time in which the service was
// broken on purpose is no downtime.
func TestADrillCountsForNothingInAReport(t *testing.T) {
	drill := watch.Deploy{ID: "d_1", Service: "orders", Version: "drill-1", Drill: "dr_1"}
	if got := api.DeployFacts([]watch.Deploy{drill}, nil, nil); len(got) != 0 {
		t.Errorf("its deploy is %+v", got)
	}
	run := actions.Run{ID: "r_1", Rollback: true, Trigger: actions.Trigger{Kind: actions.ByVerdict, Drill: "dr_1"}}
	if got := api.RunFacts([]actions.Run{run}); got[0].Trigger != "drill" {
		t.Errorf("its rollback is started by %q", got[0].Trigger)
	}
	from, to := start(), start().Add(time.Hour)
	over := drills.Drill{Name: "weekly", Service: "orders", Started: from.Add(time.Minute), Ended: from.Add(5 * time.Minute)}
	open := drills.Drill{Name: "weekly", Service: "orders", Started: from.Add(30 * time.Minute)}
	got := api.DrillTimes([]drills.Drill{over, open}, to)
	if len(got) != 2 || !got[0].From.Equal(over.Started) || !got[0].To.Equal(over.Ended) || !got[1].To.Equal(to) || got[1].Announced.After(got[1].From) {
		t.Errorf("its times are %+v", got)
	}
}

func TestAReportIsOfTheServicesThatAreAskedFor(t *testing.T) {
	s := newStandby(t)
	month := sla.MonthOf(start())
	r, err := s.Reports.Report(t.Context(), month, "")
	if err != nil || len(r.Services) != 2 {
		t.Fatalf("%d services, %v; want both", len(r.Services), err)
	}
	r, err = s.Reports.Report(t.Context(), month, "orders")
	if err != nil || len(r.Services) != 1 || r.Services[0].Objective != 0.99 {
		t.Fatalf("%+v, %v; want orders with its objective", r.Services, err)
	}
	if cs := r.Services[0].Checks; len(cs) != 1 || cs[0].Check != "push" {
		t.Errorf("checks %+v, want only the one that counts", cs)
	}
	if _, err := s.Reports.Report(t.Context(), month, "prices"); !errors.Is(err, server.ErrNotFound) {
		t.Errorf("a service that is not configured: %v", err)
	}
}

// What was before the first look is no time; what the journal has of it before the period counts as
// looked at.
func TestAReportBeginsWithTheFirstLook(t *testing.T) {
	s := newStandby(t)
	month := sla.MonthOf(start())
	begin, end := month.Bounds(s.running.Config.Location())
	report := func() sla.ServiceReport {
		t.Helper()
		s.now = end
		r, err := s.Reports.Report(t.Context(), month, "orders")
		if err != nil {
			t.Fatal(err)
		}
		return r.Services[0]
	}
	if r := report(); r.Times.Wall != 0 {
		t.Errorf("never looked at: %+v", r.Times)
	}
	interval := func(from, to time.Time) store.Batch {
		return store.Batch{Intervals: []sla.Interval{{Check: "push", Service: "orders", Health: sample.Up, From: from, To: to}}}
	}
	first := begin.Add(48 * time.Hour)
	s.write(interval(first, first.Add(time.Hour)))
	if r := report(); !r.Known.Equal(first) || r.Times.Wall.Duration() != end.Sub(first) || r.Times.Up.Duration() != time.Hour {
		t.Errorf("looked at since %s: known %s, %+v", first, r.Known, r.Times)
	}
	s.write(interval(begin.Add(-72*time.Hour), begin.Add(-71*time.Hour)))
	if r := report(); !r.Known.IsZero() || r.Times.Wall.Duration() != end.Sub(begin) {
		t.Errorf("looked at the month before: known %s, %+v", r.Known, r.Times)
	}
}

func TestTheRevisionOfAReportChangesWithItsFacts(t *testing.T) {
	s := newStandby(t)
	revision := func(m sla.Period) string {
		t.Helper()
		r, err := s.Reports.FactsRevision(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	running, past := sla.MonthOf(start()), sla.MonthOf(start().AddDate(0, -1, 0))
	was := []string{revision(running), revision(past)}
	if was[0] == was[1] {
		t.Error("two months have one revision")
	}
	differs := func(what string, ofRunning, ofPast bool) {
		t.Helper()
		now := []string{revision(running), revision(past)}
		if (now[0] != was[0]) != ofRunning || (now[1] != was[1]) != ofPast {
			t.Errorf("%s: the running month changed: %v, the past one: %v", what, now[0] != was[0], now[1] != was[1])
		}
		was = now
	}
	differs("nothing happened", false, false)
	s.now = s.now.Add(time.Minute)
	differs("a minute went by", true, false)
	s.write(store.Batch{Audit: []store.Audit{{At: s.now, Who: "ada", What: "mark"}}})
	differs("somebody did something", true, true)
	s.running.Loaded = s.now
	differs("the configuration was loaded anew", true, true)
}
