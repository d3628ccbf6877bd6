package watching_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/internal/watching"
	"guardian/probes/sample"
	"guardian/test/leader"
	"guardian/watch"
)

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
