package drift_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/drift"
	"guardian/internal/history"
	"guardian/internal/notify"
	"guardian/internal/store"
	"guardian/probes"
	"guardian/watch"
)

// target is a step whose target tells what it runs.
type target struct {
	actions.Step
	runs  string
	vague bool // it cannot tell what should run
	err   error
	asked []actions.Run
	then  func() // while it is asked
}

// Sees implements actions.Sighted.
func (*target) Sees() bool { return true }

// Sight implements actions.Sighted.
func (f *target) Sight(_ context.Context, c actions.Call) (actions.Sight, error) {
	f.asked = append(f.asked, c.Run)
	if f.then != nil {
		f.then()
	}
	p := actions.Part{Name: "web", Runs: f.runs, Exact: f.runs, Should: "shop:" + c.Run.To, Fit: actions.Differs}
	if p.Runs == p.Should {
		p.Fit = actions.Fits
	}
	if f.vague {
		p.Fit = actions.NotKnown
	}
	return actions.Sight{Target: "project", Parts: []actions.Part{p}}, f.err
}

// world is a service whose rollback has one step, and a journal.
type world struct {
	t *testing.T
	*store.Store
	lease  store.Lease
	leads  bool
	now    time.Time
	target *target
	drift.Comparer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, leads: true, now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), target: &target{runs: "shop:v1"}}
	var err error
	if w.Store, err = store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "journal.db")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	if w.lease, _, err = w.Acquire(t.Context(), "test", "", time.Hour); err != nil {
		t.Fatal(err)
	}
	settings := decide.NewSettings(decide.Settings{Services: []decide.Service{{Name: "shop", Environment: "production", Watch: watch.DefaultSettings(), Rollback: "back"}}})
	book := &actions.Runbook{Name: "back", Steps: []actions.RunbookStep{{Name: "project", Timeout: time.Minute, Step: w.target}}}
	w.Comparer = drift.New(drift.Options{
		Decider: func() decide.Decider {
			return decide.Decider{Settings: settings, Past: history.New(history.Options{Journal: w.Store})}
		},
		Runbook: func(name string) (*actions.Runbook, bool) { return book, name == "back" },
		Known:   w.Store, Leader: func() (notify.Committer, bool) { return w, w.leads }, Now: func() time.Time { return w.now },
	})
	return w
}

// Commit implements notify.Committer.
func (w *world) Commit(b store.Batch) error { return w.Store.Commit(w.t.Context(), w.lease.Token, b) }

func (w *world) write(b store.Batch) {
	w.t.Helper()
	if err := w.Commit(b); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) deploy(version string) watch.Deploy {
	w.t.Helper()
	w.now = w.now.Add(time.Hour)
	d := watch.Deploy{ID: "d_" + version + w.now.Format("15"), Service: "shop", Environment: "production", Version: version, Reversible: true, At: w.now, Announced: w.now}
	w.write(store.Batch{Deploys: []watch.Deploy{d}})
	w.now = w.now.Add(time.Minute)
	return d
}

func (w *world) compare() probes.Comparison {
	w.t.Helper()
	c, err := w.Compare(w.t.Context(), "shop")
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) recorded(version string) (string, bool) {
	w.t.Helper()
	s, ok, err := w.Sighted(w.t.Context(), actions.Sighting{Service: "shop", Environment: "production", Target: "project", Version: version})
	if err != nil {
		w.t.Fatal(err)
	}
	if !ok {
		return "", false
	}
	return s.Parts[0].Exact, true
}

func TestWhatRunsIsComparedWithTheVersionOfTheJournal(t *testing.T) {
	w := newWorld(t)
	if c := w.compare(); !cmp.Equal(c, probes.Comparison{}) || len(w.target.asked) > 0 {
		t.Errorf("nothing was announced: %+v, asked %v", c, w.target.asked)
	}
	w.deploy("v1")
	if c := w.compare(); c.Version != "v1" || len(c.Steps) != 1 || !c.Steps[0].Known || c.Steps[0].Differs {
		t.Errorf("v1 runs: %+v", c)
	}
	if r := w.target.asked[0]; r.To != "v1" || r.From != "v1" || r.Service != "shop" || r.Environment != "production" {
		t.Errorf("asked about %+v", r)
	}
	w.target.runs = "shop:v3"
	want := []probes.Compared{{Step: "project", Known: true, Differs: true, Runs: "web: shop:v3", Should: "web: shop:v1"}}
	if diff := cmp.Diff(want, w.compare().Steps); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.target.err = errors.New("no answer")
	if c := w.compare(); c.Steps[0].Known || c.Steps[0].Why.IsZero() {
		t.Errorf("a target that is away: %+v", c)
	}
}

// What a version runs is recorded once for each time that it is put in place, and not while anything is under way.
func TestWhatAVersionRunsIsRecordedOnce(t *testing.T) {
	w := newWorld(t)
	d := w.deploy("v1")
	open := watch.Watch{ID: "w_1", DeployID: d.ID, Service: "shop", Environment: "production", Version: "v1", State: watch.Watching, Started: w.now}
	w.write(store.Batch{Watches: []watch.Watch{open}})
	if c := w.compare(); c.Why.Code != "drift_watch" || len(w.target.asked) > 0 {
		t.Errorf("while it is watched: %+v", c)
	}
	open.State, open.Ended = watch.Passed, w.now
	w.write(store.Batch{Watches: []watch.Watch{open}})
	w.compare()
	if got, ok := w.recorded("v1"); !ok || got != "shop:v1" {
		t.Errorf("after the verdict: %q, %v", got, ok)
	}
	w.target.runs = "shop:v1-hotfix" // by somebody's hand
	w.compare()
	w.target.vague = true
	w.compare()
	if got, _ := w.recorded("v1"); got != "shop:v1" {
		t.Errorf("what somebody changed is recorded: %q", got)
	}
	w.deploy("v2")
	w.target.runs = "shop:v2"
	w.compare()
	v1, _ := w.recorded("v1")
	if v2, ok := w.recorded("v2"); !ok || v2 != "shop:v2" || v1 != "shop:v1" {
		t.Errorf("v1 is recorded with %q, v2 with %q", v1, v2)
	}
	w.deploy("v9")
	w.target.runs, w.leads = "shop:v9", false
	if _, err := w.Compare(t.Context(), "shop"); err == nil {
		t.Error("a guardian that does not lead recorded")
	}
	if _, ok := w.recorded("v9"); ok {
		t.Error("a guardian that does not lead wrote the journal")
	}
}

// What is put in place while a target is asked makes its answer worthless.
func TestWhatBeginsMeanwhileCounts(t *testing.T) {
	w := newWorld(t)
	w.deploy("v1")
	w.target.then = func() { w.deploy("v2") }
	if c := w.compare(); c.Why.IsZero() || len(c.Steps) > 0 {
		t.Errorf("%+v", c)
	}
	if got, ok := w.recorded("v1"); ok {
		t.Errorf("recorded %q", got)
	}
}
