package history_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/internal/history"
	"guardian/internal/series"
	"guardian/internal/store"
	"guardian/probes/sample"
	"guardian/sla"
	"guardian/watch"
)

const production = watch.DefaultEnvironment

func noon() time.Time { return time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC) }

// seen is what a check saw, whatever was asked for.
type seen []series.Look

// Looks implements history.Looks.
func (s seen) Looks(context.Context, string, time.Time, time.Time) ([]series.Look, error) {
	return s, nil
}

// over makes a history over a journal that holds a batch.
func over(t *testing.T, b store.Batch, looks ...series.Look) history.History {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "journal.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	lease, _, err := s.Acquire(t.Context(), "test", "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), lease.Token, b); err != nil {
		t.Fatal(err)
	}
	return history.New(history.Options{
		Journal: s, Series: seen(looks), Counters: func(string) (history.Counters, error) { return nil, history.ErrNoSource },
		Current: func(_ string, written []sla.Rollup) []sla.Rollup { return written },
	})
}

func run(id, service, environment string, state actions.State, created time.Duration) actions.Run {
	return actions.Run{ID: id, Service: service, Environment: environment, State: state, Created: noon().Add(-created)}
}

// TestTheRunsOfAService: the guards see every open run, however old it is.
func TestTheRunsOfAService(t *testing.T) {
	h := over(t, store.Batch{Runs: []actions.Run{
		run("r_new", "orders", production, actions.Cured, time.Hour),
		run("r_open", "orders", production, actions.AwaitingApproval, 90*time.Hour),
		run("r_old", "orders", production, actions.Cured, 90*time.Hour),
		run("r_staging", "orders", "staging", actions.Running, time.Hour),
		run("r_prices", "prices", production, actions.Running, time.Hour),
		run("r_none", "", production, actions.Running, time.Hour),
	}})
	for service, want := range map[string][]string{"orders": {"r_new", "r_open"}, "prices": {"r_prices"}, "": {"r_none"}} {
		runs, err := h.Runs(t.Context(), service, production, noon().Add(-48*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, r := range runs {
			ids = append(ids, r.ID)
		}
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Errorf("runs of %q (-want +got):\n%s", service, diff)
		}
	}
}

func TestTheLastDeploy(t *testing.T) {
	at := func(id, environment string, ago time.Duration) watch.Deploy {
		return watch.Deploy{ID: id, Service: "orders", Environment: environment, Version: id, At: noon().Add(-ago), Announced: noon().Add(-ago)}
	}
	var all []watch.Deploy
	for i := range 30 { // price jobs come more often than code
		job := at(fmt.Sprintf("promo-%d", i), production, time.Duration(i)*time.Second)
		job.Kind = watch.Operation
		all = append(all, job)
	}
	h := over(t, store.Batch{Deploys: append(all, at("v1", production, time.Hour), at("v2", production, time.Minute), at("v3", "staging", time.Second))})
	if d, ok, err := h.LastDeploy(t.Context(), "orders", production, watch.Operation); err != nil || !ok || d.Version != "promo-0" {
		t.Errorf("%+v, %v, %v", d, ok, err)
	}
	if d, ok, err := h.LastDeploy(t.Context(), "orders", production, watch.Config); err != nil || ok {
		t.Errorf("%+v, %v", d, err)
	}
	if d, ok, err := h.LastDeploy(t.Context(), "orders", production, watch.Code); err != nil || !ok || d.Version != "v2" {
		t.Errorf("%+v, %v, %v", d, ok, err)
	}
	if d, ok, err := h.LastDeploy(t.Context(), "prices", production, watch.Code); err != nil || ok {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestAKnownGoodVersionOfBeforeHasTheKindOfItsDeploy: journals of before do not say that a version
// which passed was a price job.
func TestAKnownGoodVersionOfBeforeHasTheKindOfItsDeploy(t *testing.T) {
	h := over(t, store.Batch{
		Deploys: []watch.Deploy{{ID: "d_1", Service: "orders", Environment: production, Version: "promo-1111", Kind: watch.Operation, At: noon()}},
		KnownGoods: []store.KnownGood{
			{Service: "orders", Environment: production, Version: "promo-1111", At: noon()},
			{Service: "orders", Environment: production, Version: "v1", At: noon().Add(-time.Hour), Kind: watch.Code},
			{Service: "orders", Environment: production, Version: "v0", At: noon().Add(-2 * time.Hour)},
		},
	})
	got, err := h.KnownGoods(t.Context(), "orders", production)
	if err != nil || len(got) != 3 || got[0].Kind != string(watch.Operation) || got[1].Kind != string(watch.Code) || got[2].Kind != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTheKnownGoodVersions(t *testing.T) {
	h := over(t, store.Batch{KnownGoods: []store.KnownGood{
		{Service: "orders", Environment: production, Version: "v1", At: noon()},
		{Service: "orders", Environment: "staging", Version: "v2", At: noon()},
	}})
	got, err := h.KnownGoods(t.Context(), "orders", production)
	if diff := cmp.Diff([]actions.KnownGood{{Version: "v1", At: noon()}}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestTheFailedWatches are found by their end, also those that began long before.
func TestTheFailedWatches(t *testing.T) {
	w := func(id string, state watch.State, began, ended time.Duration) watch.Watch {
		return watch.Watch{ID: id, DeployID: id, Service: "orders", Environment: production, State: state, Started: noon().Add(-began), Switched: noon().Add(-began), Ended: noon().Add(-ended)}
	}
	h := over(t, store.Batch{Watches: []watch.Watch{
		w("long", watch.Failed, 20*time.Hour, 30*time.Minute), w("early", watch.Failed, 3*time.Hour, 2*time.Hour), w("passed", watch.Passed, time.Hour, time.Minute),
	}})
	got, err := h.FailedWatches(t.Context(), "", production, noon().Add(-time.Hour))
	if err != nil || len(got) != 1 || got[0].Deploy != "long" || !got[0].Ended.Equal(noon().Add(-30*time.Minute)) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestLooksEndBeforeTheMomentThatIsAskedFor(t *testing.T) {
	h := over(t, store.Batch{}, series.Look{At: noon().Add(-time.Minute), Health: sample.Down, Duration: time.Second}, series.Look{At: noon(), Health: sample.Up})
	got, err := h.Looks(t.Context(), "push", noon().Add(-time.Hour), noon())
	if diff := cmp.Diff([]watch.Look{{At: noon().Add(-time.Minute), Health: sample.Down, Took: time.Second}}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
