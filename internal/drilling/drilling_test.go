package drilling_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/drilling"
	"guardian/internal/drills"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/internal/watching"
	"guardian/probes/sample"
	"guardian/test/leader"
	"guardian/watch"
)

// shop is a leader with its watches and its drills: its steps break the service and mend it.
type shop struct {
	*leader.Leader
	t       *testing.T
	watches *watching.Watches
	drills  *drilling.Drilling
	stop    context.CancelFunc
	ended   chan struct{}

	mu     sync.Mutex
	plan   drills.Plan
	stands []drills.Standing
}

// planned gives the plans as they are now.
func (s *shop) planned() []drills.Plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []drills.Plan{s.plan}
}

// standings gives how the plans stood last.
func (s *shop) standings() []drills.Standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stands
}

func (*shop) Recent(string) []sample.Sample         { return nil }
func (*shop) ExcludeFailures(string) (all []string) { return nil }
func (*shop) Reading(context.Context, watch.CounterSettings, time.Time) (watch.Reading, error) {
	return watch.Reading{}, errors.New("there are no counters")
}

func play(t *testing.T, do func(s *shop)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		settings := leader.Settings(t, watch.Auto)
		settings.Services[0].Rehearses = true
		s := &shop{t: t, plan: drills.Plan{
			Name: "weekly", Service: "orders", Environment: watch.DefaultEnvironment, Runbook: "back",
			Objective: 5 * time.Minute, Within: 20 * time.Minute, Overdue: 30 * 24 * time.Hour,
		}}
		inject := s.plan.Inject()
		for _, name := range []string{inject, s.plan.Restore()} {
			settings.Runbooks[name] = decide.Runbook{}
		}
		s.Leader = leader.New(t, settings)
		s.Step = func(_ context.Context, c actions.Call) (string, error) {
			h := sample.Up
			if c.Run.Runbook == inject {
				h = sample.Down
			}
			s.Set("push", h)
			return "done", nil
		}
		s.resume()
		defer func() { s.stop(); <-s.ended }()
		do(s)
	})
}

// resume begins to drive runs, to watch, to look every 15 seconds, and to carry drills out.
func (s *shop) resume() {
	s.t.Helper()
	var err error
	if s.watches, err = watching.Resume(s.Context(), watching.Options{
		Leadership: s, Journal: s.Store, Decider: s.Decider, Present: s.Present, Runs: s.Runs, Record: s, Counters: s,
		StopRechecks: func(...string) {}, Ended: func(string) {}, RunsSince: func(context.Context, watch.Deploy) time.Time { return time.Time{} },
		Notifier: s.Notifier, Metrics: watching.NewMetrics(s.Metrics), Changed: func() {}, Now: leader.Now, Log: leader.Log(),
	}); err != nil {
		s.t.Fatal(err)
	}
	if s.drills, err = drilling.Resume(s.Context(), drilling.Options{
		Leadership: s, Journal: s.Store, Plans: s.planned, Decider: s.Decider, Present: s.Present,
		Watches: s.watches, Runs: s.Runs, Notifier: s.Notifier, Standings: func(all []drills.Standing) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.stands = all
		},
		Changed: func() {}, Now: leader.Now, Log: leader.Log(),
	}); err != nil {
		s.t.Fatal(err)
	}
	s.Runs.Start()
	var ctx context.Context
	ctx, s.stop = context.WithCancel(s.Context())
	s.ended = make(chan struct{})
	go func() { defer close(s.ended); s.drills.Run(ctx) }()
}

// restart ends the leadership as a crash does, and begins the next.
func (s *shop) restart() {
	s.t.Helper()
	s.stop()
	<-s.ended
	s.Restart()
	s.resume()
}

// looks lets the check look every 15 seconds, for as long.
func (s *shop) looks(length time.Duration) {
	for range int(length / (15 * time.Second)) {
		time.Sleep(15 * time.Second)
		s.watches.Observe(sample.Sample{
			Check: "push", Kind: "http", Service: "orders", At: leader.Now(),
			Observation: sample.Observation{Health: s.Present("").Health["push"], Reason: reason.Text("500")},
		}, leader.Now())
		s.watches.Tick(leader.Now())
	}
	synctest.Wait()
}

func (s *shop) all() []drills.Drill {
	s.t.Helper()
	all, err := s.Store.Drills(s.t.Context(), store.DrillFilter{})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

func (s *shop) wantSteps(want ...string) {
	s.t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), append([]string{}, s.Steps()...)); diff != "" {
		s.t.Errorf("what was done (-want +got):\n%s", diff)
	}
}

func TestADrillStartsByItsSchedule(t *testing.T) {
	play(t, func(s *shop) {
		t, begun := s.t, leader.Now()
		s.mu.Lock()
		s.plan.Next = func(after time.Time) time.Time { return begun.Add(after.Sub(begun).Truncate(time.Hour) + time.Hour) }
		s.mu.Unlock()
		time.Sleep(2 * time.Second)
		if all := s.standings(); len(all) != 1 || !all[0].Overdue(leader.Now()) {
			t.Errorf("before the first drill: %+v", all)
		}
		s.looks(59 * time.Minute)
		if n := len(s.all()); n != 0 {
			t.Fatalf("%d drills began before it was due", n)
		}
		s.looks(15 * time.Minute)
		all := s.all()
		if len(all) != 1 || all[0].Result != drills.Passed || all[0].By != "" || all[0].Started.Sub(begun) < time.Hour {
			t.Fatalf("%+v", all)
		}
		d := all[0]
		s.wantSteps("drill:weekly:inject "+d.Version, "back v1", "drill:weekly:restore v1")
		if all := s.standings(); len(all) != 1 || all[0].Overdue(leader.Now()) || all[0].Last == nil {
			t.Errorf("after it: %+v", all)
		}
		if st := d.Stages; st.Injected.IsZero() || st.Verdict.Before(st.Injected) || st.FirstStep.Before(st.Verdict) || st.LastStep.Before(st.FirstStep) || st.Cured.Before(st.LastStep) || st.Restored.Before(st.Cured) {
			t.Errorf("its stages are %+v", st)
		}
		if goods, err := s.Store.KnownGoods(t.Context(), "orders", watch.DefaultEnvironment); err != nil || len(goods) != 0 {
			t.Errorf("known to be good: %+v, %v", goods, err)
		}
		if diff := cmp.Diff([]string{"oncall watch failed", "oncall run cured", "oncall drill passed"}, s.Notices()); diff != "" {
			t.Errorf("notices (-want +got):\n%s", diff)
		}
	})
}

// A guardian that takes over goes on where the drill stands: what was not injected yet never is.
func TestADrillGoesOnUnderTheNextGuardian(t *testing.T) {
	for name, c := range map[string]struct {
		refuse func(store.Batch) bool // what the journal does not take until the guardian is gone
		steps  func(version string) []string
		result drills.Result
	}{
		"before it was announced": {
			func(b store.Batch) bool { return len(b.Deploys) > 0 },
			func(string) []string { return []string{} }, drills.Failed,
		},
		"before it was injected": {
			func(b store.Batch) bool {
				return slices.ContainsFunc(b.Runs, func(r actions.Run) bool { return r.Trigger.Kind == actions.ByDrill })
			},
			func(string) []string { return []string{} }, drills.Failed,
		},
		"after its step, before that was recorded": {
			func(b store.Batch) bool {
				return slices.ContainsFunc(b.Drills, func(d drills.Drill) bool { return d.Phase == drills.Finding })
			},
			func(v string) []string {
				return []string{"drill:weekly:inject " + v, "back v1", "drill:weekly:restore v1"}
			}, drills.Passed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *shop) {
				t := s.t
				s.Refuse(func(b store.Batch) error {
					if c.refuse(b) {
						return errors.New("the disk is full")
					}
					return nil
				})
				begun, err := s.drills.Start(t.Context(), "weekly", "ada")
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Second)
				s.Refuse(nil)
				s.restart()
				s.looks(15 * time.Minute)
				all := s.all()
				if len(all) != 1 || all[0].ID != begun.ID || all[0].Open() || all[0].Result != c.result || all[0].LeftBroken {
					t.Fatalf("%+v", all)
				}
				s.wantSteps(c.steps(begun.Version)...)
				if current, err := s.Decider().CurrentVersion(t.Context(), "orders", watch.DefaultEnvironment); err != nil || current == begun.Version {
					t.Errorf("after it %q runs, %v", current, err)
				}
			})
		})
	}
}

// A journal that is away for a moment makes no drill inject twice.
func TestADrillIsRecordedBeforeItActs(t *testing.T) {
	play(t, func(s *shop) {
		t, n := s.t, 0
		s.Refuse(func(b store.Batch) error {
			if n++; n%2 == 1 && len(b.Drills) > 0 {
				return errors.New("the disk is full")
			}
			return nil
		})
		var d drills.Drill
		var err error
		for range 2 {
			if d, err = s.drills.Start(t.Context(), "weekly", "ada"); err == nil {
				break
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		s.looks(15 * time.Minute)
		s.wantSteps("drill:weekly:inject "+d.Version, "back v1", "drill:weekly:restore v1")
		if _, err := s.drills.Start(t.Context(), "monthly", "ada"); !errors.Is(err, drilling.ErrNoPlan) {
			t.Errorf("a drill that there is not: %v", err)
		}
	})
}

// What a drill broke is taken back also when nobody finds it, and its version runs nowhere.
func TestAFaultThatNobodyFindsIsTakenBack(t *testing.T) {
	play(t, func(s *shop) {
		t := s.t
		s.Step = func(context.Context, actions.Call) (string, error) { return "done", nil } // it breaks nothing
		d, err := s.drills.Start(t.Context(), "weekly", "ada")
		if err != nil {
			t.Fatal(err)
		}
		s.looks(25 * time.Minute)
		all := s.all()
		if len(all) != 1 || all[0].Result != drills.Failed || all[0].Open() || all[0].LeftBroken {
			t.Fatalf("%+v", all)
		}
		s.wantSteps("drill:weekly:inject "+d.Version, "drill:weekly:restore v1")
		w, err := s.Store.Watch(t.Context(), all[0].Watch)
		if err != nil || !w.State.Final() || w.State == watch.Passed {
			t.Errorf("its watch is %s, %v", w.State, err)
		}
		if _, err := s.drills.Start(t.Context(), "weekly", "ada"); err != nil {
			t.Errorf("the next drill does not begin: %v", err)
		}
	})
}

func TestHowPlansStandIsSeries(t *testing.T) {
	var points []promql.Sample
	reg := prometheus.NewRegistry()
	m := drilling.NewMeter(drilling.MeterOptions{
		Append:  func(_ context.Context, p []promql.Sample) error { points = append(points, p...); return nil },
		Written: func([]promql.Sample) {}, Now: leader.Now, Log: leader.Log(), Registerer: reg,
	})
	m.Show([]drills.Standing{{Plan: drills.Plan{Name: "weekly", Service: "orders", Objective: time.Minute}}})
	got := map[string]float64{}
	for _, p := range points {
		got[p.Metric.Get("__name__")+" "+p.Metric.Get("drill")] = p.F
	}
	want := map[string]float64{
		"guardian_drill_overdue weekly": 1, "guardian_drill_failed weekly": 0, "guardian_drill_left_broken weekly": 0, "guardian_drill_objective_seconds weekly": 60,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	shown, err := reg.Gather()
	if err != nil || len(shown) != 4 {
		t.Errorf("%d metrics, %v", len(shown), err)
	}
}
