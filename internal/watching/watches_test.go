package watching_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/internal/watching"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/test/leader"
	"guardian/watch"
)

// shop is a leader with its open watches.
type shop struct {
	*leader.Leader
	t       *testing.T
	watches *watching.Watches
	recent  []sample.Sample // the last looks of all checks
	failed  []string        // services of which a deploy failed
	ended   []string        // services whose watch ended, as it was told
	stopped []string        // checks whose rechecks were stopped
	counted atomic.Int32    // readings of counters
	// runsSince is since when the deployed version runs, as its container tells.
	runsSince time.Time
}

// Recent implements watching.Record.
func (s *shop) Recent(string) []sample.Sample { return s.recent }

// Reading implements watching.Counters.
func (s *shop) Reading(context.Context, watch.CounterSettings, time.Time) (watch.Reading, error) {
	s.counted.Add(1)
	return watch.Reading{}, errors.New("there are no counters")
}

// ExcludeFailures implements watching.Record.
func (s *shop) ExcludeFailures(service string) []string {
	s.failed = append(s.failed, service)
	return []string{"push"}
}

// play lets a test play with the watches of a leader of these settings.
func play(t *testing.T, settings decide.Settings, do func(s *shop)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &shop{Leader: leader.New(t, settings), t: t}
		s.resume()
		do(s)
	})
}

func (s *shop) resume() {
	s.t.Helper()
	var err error
	s.watches, err = watching.Resume(s.Context(), watching.Options{
		Leadership: s, Journal: s.Store, Decider: s.Decider, Present: s.Present, Runs: s.Runs, Record: s, Counters: s,
		StopRechecks: func(checks ...string) { s.stopped = append(s.stopped, checks...) },
		Ended:        func(service string) { s.ended = append(s.ended, service) },
		RunsSince:    func(context.Context, watch.Deploy) time.Time { return s.runsSince },
		Notifier:     s.Notifier, Metrics: watching.NewMetrics(s.Metrics), Changed: func() {}, Now: leader.Now, Log: leader.Log(),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Runs.Start()
}

// announcement announces a version of orders that was deployed now.
func announcement(version string) watching.Announcement {
	return watching.Announcement{
		Deploy: watch.Deploy{Service: "orders", Environment: watch.DefaultEnvironment, Version: version, Kind: watch.Code, Reversible: true},
		By:     "ada",
		Answer: func(d watch.Deploy, w *watch.Watch, _ []reason.Reason) ([]byte, error) {
			return fmt.Appendf(nil, "%s %s", d.ID, w.ID), nil
		},
	}
}

// announce announces a deploy and gives the ID of its watch.
func (s *shop) announce(a watching.Announcement) string {
	s.t.Helper()
	answer, err := s.watches.Announce(s.t.Context(), a)
	if err != nil {
		s.t.Fatal(err)
	}
	_, id, _ := strings.Cut(string(answer), " ")
	return id
}

// look lets the check of orders look now.
func (s *shop) look(h sample.Health) { s.lookAt("orders", "push", h) }

func (s *shop) lookAt(service, check string, h sample.Health) {
	s.watches.Observe(sample.Sample{Check: check, Kind: "http", Service: service, At: leader.Now(), Observation: sample.Observation{Health: h, Reason: reason.Text("500")}}, leader.Now())
}

// looks lets the check of orders look every 15 seconds, for as long.
func (s *shop) looks(h sample.Health, length time.Duration) {
	for range int(length / (15 * time.Second)) {
		time.Sleep(15 * time.Second)
		s.look(h)
		s.watches.Tick(leader.Now())
	}
	synctest.Wait()
}

func (s *shop) stored(id string) watch.Watch {
	s.t.Helper()
	w, err := s.Store.Watch(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return w
}

func (s *shop) wantState(id string, want watch.State) {
	s.t.Helper()
	if w := s.stored(id); w.State != want {
		s.t.Errorf("the watch is %s (%s), want %s", w.State, w.Reason, want)
	}
}

// verdict gives the batch that holds a watch's verdict.
func (s *shop) verdict(id string) store.Batch {
	s.t.Helper()
	all := slices.DeleteFunc(s.Batches(), func(b store.Batch) bool {
		return !slices.ContainsFunc(b.Watches, func(w watch.Watch) bool { return w.ID == id && w.State.Final() })
	})
	if len(all) != 1 {
		s.t.Fatalf("%d transactions hold the verdict", len(all))
	}
	return all[0]
}

func (s *shop) goods() []string {
	s.t.Helper()
	goods, err := s.Store.KnownGoods(s.t.Context(), "orders", watch.DefaultEnvironment)
	if err != nil {
		s.t.Fatal(err)
	}
	all := []string{}
	for _, g := range goods {
		all = append(all, g.Version)
	}
	return all
}

func TestAVerdictIsOneTransactionWithAllThatFollows(t *testing.T) {
	for name, c := range map[string]struct {
		mode    watch.Mode
		health  sample.Health
		state   watch.State
		run     actions.State // as the transaction has it; "": none
		plan    bool
		good    bool
		steps   []string
		notices []string
	}{
		"failed, in mode auto":    {watch.Auto, sample.Down, watch.Failed, actions.Running, true, false, []string{"back v1"}, []string{"oncall watch failed", "oncall run cured"}},
		"failed, in mode approve": {watch.Approve, sample.Down, watch.Failed, actions.AwaitingApproval, true, false, nil, []string{"oncall watch failed", "oncall run expired"}},
		"failed, in mode observe": {watch.Observe, sample.Down, watch.Failed, "", true, false, nil, []string{"oncall watch failed"}},
		"passed":                  {watch.Auto, sample.Up, watch.Passed, "", false, true, nil, []string{"oncall watch passed"}},
		"inconclusive":            {watch.Auto, sample.Unknown, watch.Inconclusive, "", false, false, nil, []string{"oncall watch inconclusive"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, leader.Settings(t, c.mode), func(s *shop) {
				t := s.T
				id := s.announce(announcement("v2"))
				s.Set("push", c.health)
				s.looks(c.health, 45*time.Minute)
				s.wantState(id, c.state)
				b := s.verdict(id)
				if (len(b.Runs) == 1) != (c.run != "") || len(b.Runs) == 1 && b.Runs[0].State != c.run {
					t.Errorf("runs: %+v", b.Runs)
				}
				if (len(b.Plans) == 1) != c.plan || (len(b.KnownGoods) == 1) != c.good || len(b.Deliveries) != 1 || len(b.Audit) == 0 {
					t.Errorf("%d plans, %d known goods, %d notices, %d lines", len(b.Plans), len(b.KnownGoods), len(b.Deliveries), len(b.Audit))
				}
				if diff := cmp.Diff(c.steps, s.Steps()); diff != "" {
					t.Errorf("what was done (-want +got):\n%s", diff)
				}
				if got := slices.Contains(s.goods(), "v2"); got != c.good {
					t.Errorf("known good: %v", got)
				}
				if diff := cmp.Diff(c.notices, s.Notices()[:min(len(s.Notices()), len(c.notices))]); diff != "" {
					t.Errorf("notices (-want +got):\n%s", diff)
				}
				if (len(s.failed) > 0) != (c.state == watch.Failed) {
					t.Errorf("what its checks see is the deploy's: %v", s.failed)
				}
				if slices.Contains(s.stopped, "push") != (c.state == watch.Failed) {
					t.Errorf("checks that are not looked at again and again any more: %v", s.stopped)
				}
				if _, open := s.watches.Get(id); open {
					t.Error("the watch is still open")
				}
			})
		})
	}
}

// TestAVerdictThatTheJournalRefusesIsRepeated: neither lost, nor acted on before it is recorded, nor
// given twice.
func TestAVerdictThatTheJournalRefusesIsRepeated(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		t := s.T
		refused := 0
		s.Refuse(func(b store.Batch) error {
			if len(b.Watches) > 0 && b.Watches[0].State.Final() && refused < 3 {
				refused++
				return errors.New("the disk is full")
			}
			return nil
		})
		id := s.announce(announcement("v2"))
		for refused == 0 {
			time.Sleep(15 * time.Second)
			s.look(sample.Down)
		}
		synctest.Wait()
		s.wantState(id, watch.Watching)
		if _, open := s.watches.Get(id); open {
			t.Error("a watch whose verdict falls is shown as open")
		}
		if due, _ := s.watches.Unsaved(leader.Now(), true); len(due) > 0 {
			t.Error("a watch is saved with its verdict, without what follows from it")
		}
		if len(s.Steps()) > 0 {
			t.Error("it was acted on a verdict that is not recorded")
		}
		s.look(sample.Up) // nothing that comes now changes the verdict
		for range 3 {
			s.watches.Tick(leader.Now())
		}
		time.Sleep(time.Second)
		s.wantState(id, watch.Failed)
		if diff := cmp.Diff([]string{"back v1"}, s.Steps()); diff != "" {
			t.Errorf("what was done (-want +got):\n%s", diff)
		}
		s.verdict(id)
	})
}

func TestAVerdictOfADeployWithARunIsRecordedAlone(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		t := s.T
		id := s.announce(announcement("v2"))
		s.Put(store.Batch{Runs: []actions.Run{{
			ID: "r_before", Service: "orders", Environment: watch.DefaultEnvironment, Runbook: "back", Rollback: true, From: "v2", To: "v1", State: actions.FailedRun,
			Trigger: actions.Trigger{Kind: actions.ByVerdict, Deploy: s.stored(id).DeployID}, Created: leader.Now(), Started: leader.Now(), Ended: leader.Now(),
		}}})
		s.looks(sample.Down, 10*time.Minute)
		s.wantState(id, watch.Failed)
		if b := s.verdict(id); len(b.Runs) > 0 || len(b.Deliveries) != 1 {
			t.Errorf("%d runs, %d notices", len(b.Runs), len(b.Deliveries))
		}
		if len(s.Steps()) > 0 {
			t.Errorf("a second run did %v", s.Steps())
		}
	})
}

func TestACancelledWatchLeadsToNothing(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		t := s.T
		id := s.announce(announcement("v2"))
		if open, err := s.watches.Cancel(id, "ada"); !open || err != nil {
			t.Fatal(open, err)
		}
		s.looks(sample.Down, 10*time.Minute)
		s.wantState(id, watch.Cancelled)
		if len(s.Steps()) > 0 || len(s.goods()) > 0 {
			t.Errorf("steps %v, known good %v", s.Steps(), s.goods())
		}
		if open, err := s.watches.Cancel(id, "ada"); open || err != nil {
			t.Error("it can be cancelled again", err)
		}
	})
}

func TestAFiringAlertMayFailAWatch(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		id := s.announce(announcement("v2"))
		time.Sleep(time.Minute)
		al := rules.Alert{ID: "a_1", Rule: "Down", State: rules.Firing, Labels: map[string]string{"service": "orders"}, ActiveAt: leader.Now(), FiredAt: leader.Now()}
		s.watches.AlertFired(al, leader.Now())
		s.wantState(id, watch.Watching)
		al.FailsWatch = true
		s.watches.AlertFired(al, leader.Now())
		s.wantState(id, watch.Failed)
	})
}

// TestTheLooksOfAControlReachTheWatchesOfAllServices: while it is down, failures are not blamed on
// the deploy; while it is up, they are.
func TestTheLooksOfAControlReachTheWatchesOfAllServices(t *testing.T) {
	settings := leader.Settings(t, watch.Auto)
	settings.Checks = append(settings.Checks, decide.Check{
		CheckPolicy: watch.CheckPolicy{Check: "internet", Every: 15 * time.Second}, Service: "network", Control: true, BlindAfter: time.Hour,
	})
	for control, want := range map[sample.Health]watch.State{sample.Down: watch.Watching, sample.Up: watch.Failed} {
		play(t, settings, func(s *shop) {
			id := s.announce(announcement("v2"))
			for range 20 {
				time.Sleep(15 * time.Second)
				s.look(sample.Down)
				s.lookAt("network", "internet", control)
			}
			s.wantState(id, want)
		})
	}
}

func TestAWatchGoesOnAfterARestart(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		t := s.T
		id := s.announce(announcement("v2"))
		s.looks(sample.Up, time.Minute)
		due, saved := s.watches.Unsaved(leader.Now(), true)
		if len(due) != 1 || due[0].ID != id {
			t.Fatalf("%d watches are to be saved", len(due))
		}
		s.Put(store.Batch{Watches: due})
		saved()
		if due, _ := s.watches.Unsaved(leader.Now(), true); len(due) > 0 {
			t.Error("a watch that did not change is saved again")
		}
		s.Restart()
		s.resume()
		if w, open := s.watches.Get(id); !open || w.Checks[0].Judged.Looks != 4 {
			t.Errorf("open: %v, looks: %+v", open, w.Checks[0].Judged)
		}
		s.looks(sample.Down, 5*time.Minute)
		s.wantState(id, watch.Failed)
		if len(s.Steps()) != 1 {
			t.Errorf("what was done: %v", s.Steps())
		}
	})
}
