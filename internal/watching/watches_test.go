package watching_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/reason"
	"guardian/internal/runs"
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
	// runsSince is since when the deployed version runs, as its container tells.
	runsSince time.Time
}

// Recent implements watching.Looks.
func (s *shop) Recent(string) []sample.Sample { return s.recent }

// Reading implements watching.Looks.
func (*shop) Reading(context.Context, watch.CounterSettings, time.Time) (watch.Reading, error) {
	return watch.Reading{}, errors.New("there are no counters")
}

// Failed implements watching.Looks.
func (s *shop) Failed(service string) { s.failed = append(s.failed, service) }

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
		Leadership: s, Journal: s.Store, Decider: s.Decider, Present: s.Present, Runs: s.Runs, Looks: s, RunsSince: func(context.Context, watch.Deploy) time.Time { return s.runsSince },
		Notifier: s.Notifier, Metrics: watching.NewMetrics(s.Metrics), Changed: func() {}, Now: leader.Now, Log: leader.Log(),
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

func TestANewVersionSupersedesTheWatchOfTheOld(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		t := s.T
		old := s.announce(announcement("v2"))
		s.looks(sample.Down, 30*time.Second)
		s.Refuse(func(store.Batch) error { return errors.New("the disk is full") })
		if _, err := s.watches.Announce(t.Context(), announcement("v3")); err == nil {
			t.Fatal("it was announced")
		}
		if w, open := s.watches.Get(old); !open || w.State != watch.Watching {
			t.Fatal("the old version is not watched any more although the new one is not recorded")
		}
		s.Refuse(nil)
		next := s.announce(announcement("v3"))
		s.wantState(old, watch.Superseded)
		if b := s.verdict(old); len(b.Deploys) != 1 || len(b.Watches) != 2 || len(b.Deliveries) != 1 {
			t.Errorf("one transaction holds both: %d deploys, %d watches, %d notices", len(b.Deploys), len(b.Watches), len(b.Deliveries))
		}
		if _, open := s.watches.Get(old); open {
			t.Error("the old version is still watched")
		}
		s.looks(sample.Down, 10*time.Minute)
		s.wantState(old, watch.Superseded)
		s.wantState(next, watch.Failed)
		if diff := cmp.Diff([]string{"oncall watch superseded", "oncall watch failed", "oncall run cured"}, s.Notices()); diff != "" {
			t.Errorf("notices (-want +got):\n%s", diff)
		}
		if r := s.Run(s.verdict(next).Runs[0].ID); r.From != "v3" {
			t.Errorf("what is rolled back is %s", r.From)
		}
	})
}

// TestAPersonIsAskedWhereCodeCutsTheWatchOfAConfigurationShort: nobody can tell which of the two a
// fault is from.
func TestAPersonIsAskedWhereCodeCutsTheWatchOfAConfigurationShort(t *testing.T) {
	for name, c := range map[string]struct {
		kind watch.Kind
		asks bool
	}{"a configuration": {watch.Config, true}, "code": {watch.Code, false}} {
		t.Run(name, func(t *testing.T) {
			play(t, leader.Settings(t, watch.Auto), func(s *shop) {
				first := announcement("c3")
				first.Deploy.Kind = c.kind
				before := s.announce(first)
				time.Sleep(5 * time.Second)
				id := s.announce(announcement("v9"))
				s.wantState(before, watch.Superseded)
				s.looks(sample.Down, 5*time.Minute)
				s.wantState(id, watch.Failed)
				if asked := len(s.Steps()) == 0; asked != c.asks {
					s.T.Errorf("it did %v", s.Steps())
				}
				r := s.Run(s.verdict(id).Runs[0].ID)
				if asked := r.State == actions.AwaitingApproval; asked != c.asks {
					s.T.Errorf("the run is %s", r.State)
				}
			})
		})
	}
}

func TestAnApprovalOfTheOldVersionEndsWithTheNewOne(t *testing.T) {
	play(t, leader.Settings(t, watch.Approve), func(s *shop) {
		t := s.T
		old := s.announce(announcement("v2"))
		s.looks(sample.Down, 5*time.Minute)
		run := s.verdict(old).Runs[0].ID
		if r := s.Run(run); r.State != actions.AwaitingApproval {
			t.Fatalf("the run is %s", r.State)
		}
		s.announce(announcement("v3"))
		synctest.Wait()
		if r := s.Run(run); r.State != actions.Refused {
			t.Errorf("the run is %s: people are asked about a version that is gone", r.State)
		}
	})
}

func TestARepeatedAnnouncement(t *testing.T) {
	hash := func(a watching.Announcement, key, body string) watching.Announcement {
		a.Key, a.BodyHash = key, body
		return a
	}
	deploys := func(s *shop) int {
		ds, err := s.Store.Deploys(s.t.Context(), store.DeployFilter{})
		if err != nil {
			s.t.Fatal(err)
		}
		return len(ds)
	}
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		t := s.T
		first := s.announce(hash(announcement("v2"), "k1", "body"))
		if again := s.announce(hash(announcement("v2"), "k1", "body")); again != first || deploys(s) != 1 {
			t.Errorf("the same key and body: watch %s instead of %s, %d deploys", again, first, deploys(s))
		}
		if _, err := s.watches.Announce(t.Context(), hash(announcement("v3"), "k1", "another body")); !errors.Is(err, watching.ErrKeyReused) || deploys(s) != 1 {
			t.Errorf("the same key with another body: %v", err)
		}
		if again := s.announce(announcement("v2")); again != first || deploys(s) != 1 {
			t.Errorf("the same version without a key: watch %s instead of %s", again, first)
		}
		time.Sleep(time.Second)
		s.looks(sample.Up, 45*time.Minute)
		if again := s.announce(hash(announcement("v2"), "k1", "body")); again != first {
			t.Errorf("the same key after the watch is over: %s", again)
		}
		if again := s.announce(announcement("v2")); again == first || deploys(s) != 2 {
			t.Error("the same version after its watch is over is a new deploy")
		}
	})
}

// TestADeployThroughAClosedGateIsWatched: it has happened. Once it was refused, which left it
// unwatched.
func TestADeployThroughAClosedGateIsWatched(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		t := s.T
		s.Settings.Freezes = []watch.Freeze{{Name: "sale", From: leader.Now(), To: leader.Now().Add(time.Hour)}}
		a := announcement("v2")
		a.Deploy.Shops = []string{"sg-1"}
		id := s.announce(a)
		s.wantState(id, watch.Watching)
		ds, err := s.Store.Deploys(t.Context(), store.DeployFilter{})
		if err != nil || len(ds) != 1 || len(ds[0].GateClosed) != 1 || ds[0].GateClosed[0].Code != watch.CodeFreeze {
			t.Fatalf("the journal has %+v, %v", ds, err)
		}
		if line := s.Batches()[0].Audit[0].Detail.String(); !strings.Contains(line, "The gate was closed: Freeze sale lasts until") {
			t.Errorf("the line of the journal: %s", line)
		}
		if diff := cmp.Diff([]string{"oncall watch gate_closed"}, s.Notices()); diff != "" {
			t.Errorf("notices (-want +got):\n%s", diff)
		}
		a.Deploy.Shops = []string{"sg-2"}
		s.announce(a)
		if n := len(s.Notices()); n != 1 {
			t.Errorf("%d notices of one deploy", n)
		}
		// A freeze that allows no rollback asks a person.
		s.looks(sample.Down, 10*time.Minute)
		s.wantState(id, watch.Failed)
		if r := s.Run(s.verdict(id).Runs[0].ID); r.State != actions.AwaitingApproval && r.State != actions.Expired || len(s.Steps()) > 0 {
			t.Errorf("the rollback is %s, and did %v", r.State, s.Steps())
		}
	})
}

// TestMoreShopsInAFreezeAreNotified, when the deploy itself came before it.
func TestMoreShopsInAFreezeAreNotified(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		t := s.T
		a := announcement("v2")
		a.Deploy.Shops = []string{"sg-1"}
		s.announce(a)
		s.Settings.Freezes = []watch.Freeze{{Name: "sale", From: leader.Now(), To: leader.Now().Add(time.Hour)}}
		a.Deploy.Shops = []string{"sg-2"}
		s.announce(a)
		ds, err := s.Store.Deploys(t.Context(), store.DeployFilter{})
		if err != nil || len(ds) != 1 || len(ds[0].GateClosed) != 1 || len(s.Notices()) != 1 {
			t.Errorf("%+v, %v, notices %v", ds, err, s.Notices())
		}
	})
}

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

func TestAWatchThatCannotBeHeldIsRefused(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		t := s.T
		a := announcement("v2")
		a.Deploy.Asked = &watch.Asked{For: 1000 * time.Hour}
		if _, err := s.watches.Announce(t.Context(), a); err == nil {
			t.Error("it is accepted")
		} else if _, is := errors.AsType[*watching.PolicyError](err); !is {
			t.Error(err)
		}
	})
}

func TestMoreShopsExtendAWatch(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		t := s.T
		some := announcement("v2")
		some.Deploy.Shops = []string{"sg-1"}
		first := s.announce(some)
		more := announcement("v2")
		more.Deploy.Shops = []string{"sg-2"}
		s.Refuse(func(store.Batch) error { return errors.New("the disk is full") })
		if _, err := s.watches.Announce(t.Context(), more); err == nil {
			t.Fatal("it was extended")
		}
		if w, _ := s.watches.Get(first); !slices.Equal(w.Shops, []string{"sg-1"}) {
			t.Errorf("it watches %v, which is not recorded", w.Shops)
		}
		s.Refuse(nil)
		if again := s.announce(more); again != first {
			t.Errorf("another watch: %s", again)
		}
		if w := s.stored(first); !slices.Equal(w.Shops, []string{"sg-1", "sg-2"}) {
			t.Errorf("it watches %v", w.Shops)
		}
		ds, err := s.Store.Deploys(t.Context(), store.DeployFilter{})
		if err != nil || len(ds) != 1 || len(ds[0].Shops) != 2 {
			t.Errorf("%+v, %v", ds, err)
		}
	})
}

// TestADeployThatIsAnnouncedLateIsJudgedByWhatWasSeen since the switch.
func TestADeployThatIsAnnouncedLateIsJudgedByWhatWasSeen(t *testing.T) {
	play(t, leader.Settings(t, watch.Auto), func(s *shop) {
		switched := leader.Now()
		for range 40 {
			time.Sleep(15 * time.Second)
			s.recent = append(s.recent, sample.Sample{Check: "push", Service: "orders", At: leader.Now(), Observation: sample.Observation{Health: sample.Down}})
		}
		a := announcement("v2")
		a.Deploy.At = switched
		s.wantState(s.announce(a), watch.Failed)
	})
}

func TestDeploysOfOtherServicesAreRemembered(t *testing.T) {
	settings := leader.Settings(t, watch.Auto)
	other := settings.Services[0]
	other.Name = "prices"
	settings.Services = append(settings.Services, other)
	play(t, settings, func(s *shop) {
		t := s.T
		orders := s.announce(announcement("v2"))
		time.Sleep(time.Minute)
		b := announcement("p7")
		b.Deploy.Service = "prices"
		prices := s.announce(b)
		// What came a minute before a deploy cannot have broken what was well until then.
		for id, want := range map[string][]string{orders: {"prices p7"}, prices: nil} {
			w, _ := s.watches.Get(id)
			var beside []string
			for _, o := range w.Overlaps {
				beside = append(beside, o.Service+" "+o.Version)
			}
			if !slices.Equal(beside, want) {
				t.Errorf("beside the deploy of %s came %q, want %q", w.Service, beside, want)
			}
		}
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

// TestTheAnswerForeseesWhatCannotWork: who announces a deploy is told at once.
func TestTheAnswerForeseesWhatCannotWork(t *testing.T) {
	settings := leader.Settings(t, watch.Auto)
	settings.Checks[0].Every = 10 * time.Minute
	play(t, settings, func(s *shop) {
		var warned []string
		a := announcement("v2")
		a.Answer = func(_ watch.Deploy, _ *watch.Watch, warnings []reason.Reason) ([]byte, error) {
			for _, w := range warnings {
				warned = append(warned, w.Code)
			}
			return []byte("{}"), nil
		}
		s.announce(a)
		if diff := cmp.Diff([]string{"foreseen_too_few_looks"}, warned); diff != "" {
			s.T.Errorf("warnings (-want +got):\n%s", diff)
		}
	})
}
