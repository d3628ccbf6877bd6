package api_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"guardian/actions"
	"guardian/internal/api"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/watch"
)

// TestADeployIsWhatItsAnnouncementSays. Its environment is found before: that of the service, unless
// the announcement names it. Production is no default of every service any more.
func TestADeployIsWhatItsAnnouncementSays(t *testing.T) {
	ci := server.Caller{Name: "ci", Role: server.Deployer}
	d := api.DeployOf(server.DeployRequest{Service: "orders", Version: "v2"}, ci)
	if d.Kind != watch.Code || d.Author != "ci" || d.Asked != nil {
		t.Errorf("what is left out: %+v", d)
	}
	at := time.Date(2026, 11, 2, 16, 0, 0, 0, time.FixedZone("CST", 8*3600))
	d = api.DeployOf(server.DeployRequest{
		Service: "orders", Version: "v2", PreviousVersion: "v1", Environment: "staging", Shops: []string{"us-1"}, KnownGood: true,
		Kind: watch.Kind("config"), Author: "li.wei", Ticket: "T-1", URL: "https://ci/1", Reversible: true, At: at, WatchFor: time.Hour, WatchMode: watch.Auto,
	}, ci)
	if d.Environment != "staging" || d.Kind != "config" || d.Author != "li.wei" || *d.Asked != (watch.Asked{For: time.Hour, Mode: watch.Auto}) {
		t.Errorf("what is said: %+v", d)
	}
	if d.PreviousVersion != "v1" || !slices.Equal(d.Shops, []string{"us-1"}) || !d.KnownGood || d.Ticket != "T-1" || d.URL != "https://ci/1" || !d.Reversible {
		t.Errorf("what is said: %+v", d)
	}
	if !d.At.Equal(at) || d.At.Location() != time.UTC {
		t.Errorf("at %s, want it in UTC", d.At)
	}
	if d := api.DeployOf(server.DeployRequest{}, server.Caller{Name: "loopback"}); d.Author != "" {
		t.Errorf("author %q: whoever calls without a token is not known", d.Author)
	}
}

func TestWatchesAreFilteredAsAsked(t *testing.T) {
	s := newStandby(t)
	s.write(store.Batch{Watches: []watch.Watch{
		watched("w_1", "orders", "production", watch.Passed, 0),
		watched("w_2", "orders", "production", watch.Failed, time.Hour),
		watched("w_3", "orders", "staging", watch.Failed, 2*time.Hour),
		watched("w_4", "stock", "production", watch.Watching, 3*time.Hour),
	}})
	for want, f := range map[string]server.Filter{
		"w_4 w_3 w_2 w_1": {},
		"w_3 w_2":         {State: "failed"},
		"w_2":             {State: "failed", Environment: "production"},
		"w_3 w_2 w_1":     {Service: "orders"},
		"w_4":             {Open: true},
		"w_4 w_3":         {Since: start().Add(2 * time.Hour)},
	} {
		f.Limit = 10
		got, err := s.Watches.WatchList(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, w := range got {
			ids = append(ids, w.ID)
		}
		if strings.Join(ids, " ") != want {
			t.Errorf("%+v: %v, want %s", f, ids, want)
		}
	}
	if got, err := s.Watches.WatchList(t.Context(), server.Filter{Limit: 2}); err != nil || len(got) != 2 {
		t.Errorf("%d watches, %v; want the limit of two", len(got), err)
	}
}

func TestRunsAreFilteredAsAsked(t *testing.T) {
	s := newStandby(t)
	run := func(id, service, environment string, state actions.State, by actions.TriggerKind, after time.Duration) actions.Run {
		return actions.Run{ID: id, Service: service, Environment: environment, State: state, Trigger: actions.Trigger{Kind: by}, Created: start().Add(after)}
	}
	s.write(store.Batch{Runs: []actions.Run{
		run("r_1", "orders", "production", actions.Cured, actions.ByPerson, 0),
		run("r_2", "orders", "staging", actions.NotCured, actions.ByDrill, time.Hour),
		run("r_3", "stock", "production", actions.Running, actions.ByPerson, 2*time.Hour),
	}})
	for want, f := range map[string]server.Filter{
		"r_3 r_2 r_1": {},
		"r_2":         {State: "not_cured"},
		"r_3 r_1":     {Trigger: "person"},
		"r_1":         {Service: "orders", Environment: "production"},
		"r_3":         {Open: true},
		"r_3 r_2":     {Since: start().Add(time.Hour)},
	} {
		f.Limit = 10
		got, err := s.Runs.RunList(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, r := range got {
			ids = append(ids, r.ID)
		}
		if strings.Join(ids, " ") != want {
			t.Errorf("%+v: %v, want %s", f, ids, want)
		}
	}
	var missing *server.NotFoundError
	if _, err := s.Runs.Run(t.Context(), "r_9", 0); !errors.As(err, &missing) || missing.What != "rollback" {
		t.Errorf("a run that there is not: %v", err)
	}
}

func TestAWatchShowsItsDeployItsRollbackAndWhatBecameOfIt(t *testing.T) {
	s := newStandby(t)
	w := watched("w_1", "orders", "production", watch.Failed, 0)
	w.Verdict = &watch.Verdict{State: watch.Failed, Cause: "push", At: w.Ended}
	s.write(store.Batch{
		Deploys: []watch.Deploy{{ID: "dw_1", Service: "orders", Version: "v2", At: start()}},
		Watches: []watch.Watch{w},
		Runs: []actions.Run{
			{ID: "r_1", Service: "orders", Rollback: true, State: actions.Cured, Trigger: actions.Trigger{Kind: actions.ByVerdict, Deploy: "dw_1"}, Created: w.Ended},
		},
		Plans: []store.Plan{{Watch: "w_1", Service: "orders", Plan: actions.Plan{Runbook: "back", To: "v1"}, At: w.Ended}},
		Marks: []store.Mark{{Watch: "w_1", Service: "orders", Mark: watch.Mark{Kind: watch.MarkLate, By: "ada", At: w.Ended}}},
	})
	got, err := s.Watches.Watch(t.Context(), "w_1", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if got.Deploy.Version != "v2" || got.Rollback == nil || got.Rollback.ID != "r_1" || got.Plan == nil || got.Plan.To != "v1" || got.Mark == nil || got.Mark.By != "ada" {
		t.Errorf("got %+v", got)
	}
	if got.Evidence == nil {
		t.Error("no evidence is null, want an empty list")
	}
	scores, err := s.Scores.Score(t.Context(), "orders", start(), start().Add(time.Hour))
	if err != nil || len(scores) != 1 || scores[0].RolledBack != 1 || scores[0].Late != 1 {
		t.Errorf("scores %+v, %v; want a late verdict with a rollback", scores, err)
	}
}
