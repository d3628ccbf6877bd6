package api_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"guardian/internal/api"
	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/probes"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/sla"
	"guardian/watch"
)

func TestServicesAreListedWithWhatIsKnownOfThem(t *testing.T) {
	s := newStandby(t)
	all, err := s.Services.ServiceList(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("%d services, %v", len(all), err)
	}
	if o := all[0]; o.Name != "orders" || o.Health != sample.Unknown || o.Availability >= 0 || o.Objective != 0.99 || !o.Gate.Open || len(o.Checks) != 2 {
		t.Errorf("before any look: %+v", o)
	}
	// Of half an hour in this month the service was down for six minutes.
	s.write(store.Batch{
		Intervals: []sla.Interval{
			{Check: "push", Service: "orders", Health: sample.Up, From: start(), To: start().Add(24 * time.Minute)},
			{Check: "push", Service: "orders", Health: sample.Down, From: start().Add(24 * time.Minute), To: start().Add(30 * time.Minute)},
		},
		Deploys:    []watch.Deploy{{ID: "d_1", Service: "orders", Environment: "production", Version: "v2", At: start(), Announced: start()}},
		KnownGoods: []store.KnownGood{{Service: "orders", Environment: "production", Version: "v2", At: start()}},
	})
	s.now = start().Add(30 * time.Minute)
	s.look("push", "orders", sample.Observation{Health: sample.Down, Reason: reason.Text("status 500")})
	s.look("read", "orders", sample.Observation{Health: sample.Up})
	if all, err = s.Services.ServiceList(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := all[0]
	if o.Health != sample.Down || o.Reason.String() != "push: status 500" || o.Version != "v2" || !slices.Equal(o.KnownGood, []string{"v2"}) {
		t.Errorf("got %+v", o)
	}
	if math.Abs(o.Availability-0.8) > 1e-9 {
		t.Errorf("availability %v, want 80 %%", o.Availability)
	}
	if o.Checks[0].Last == nil || o.Checks[0].Health() != sample.Down || o.Checks[1].Health() != sample.Up || o.Checks[0].Every != 15*time.Second {
		t.Errorf("checks %+v", o.Checks)
	}
	if all[1].Environment != "staging" || all[1].Objective != 0 {
		t.Errorf("the other service: %+v", all[1])
	}
}

func TestAStandbyReadsTheAlertsOfAGateInTheJournal(t *testing.T) {
	s := newStandby(t)
	gate, err := s.Gates.Gate(t.Context(), "orders", "")
	if err != nil || !gate.Open {
		t.Fatalf("gate %+v, %v; want it open", gate, err)
	}
	for name, c := range map[string]struct {
		service string
		open    bool
	}{"of this service": {"orders", false}, "of none": {"", false}, "of another": {"stock", true}} {
		al := alert("a_1", rules.Firing)
		al.Labels = map[string]string{"alertname": "Down", "tier": "critical", watch.BlocksDeploy: "true"}
		if c.service != "" {
			al.Labels["service"] = c.service
		}
		s.write(store.Batch{Alerts: []rules.Alert{al}})
		if gate, err = s.Gates.Gate(t.Context(), "orders", ""); err != nil || gate.Open != c.open || (len(gate.Reasons) == 0) != c.open {
			t.Errorf("while a critical alert %s fires: %+v, %v; want open %v", name, gate, err, c.open)
		}
	}
	var missing *server.NotFoundError
	if _, err := s.Gates.Gate(t.Context(), "prices", ""); !errors.As(err, &missing) || !slices.Equal(missing.Known, []string{"orders", "stock"}) {
		t.Errorf("a service that is not configured: %v", err)
	}
}

// What happened to a service stays in the journal when the configuration has it no more.
func TestAServiceIsKnownByTheConfigurationOrTheJournal(t *testing.T) {
	s := newStandby(t)
	s.write(store.Batch{Audit: []store.Audit{{At: start(), Who: "ci", What: "deploy", Service: "old-shop", Subject: "d_1"}}})
	for _, name := range []string{"orders", "old-shop"} {
		if err := s.Services.KnownService(t.Context(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	var missing *server.NotFoundError
	if err := s.Services.KnownService(t.Context(), "old-sho"); !errors.As(err, &missing) || !slices.Equal(missing.Known, []string{"orders", "stock"}) {
		t.Errorf("a service that there never was: %v", err)
	}
}

func TestAHeartbeatIsLookedAtSoon(t *testing.T) {
	s := newStandby(t)
	if err := s.Heartbeats.Beat(t.Context(), probes.Heartbeat{Check: "nightly", At: start()}, server.Caller{}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.looked, []string{"nightly"}) {
		t.Errorf("looked at %v", s.looked)
	}
	var missing *server.NotFoundError
	if err := s.Heartbeats.Beat(t.Context(), probes.Heartbeat{Check: "push", At: start()}, server.Caller{}); !errors.As(err, &missing) || !slices.Equal(missing.Known, []string{"nightly"}) {
		t.Errorf("a check that waits for nothing: %v", err)
	}
}

func TestLooksAreReadBackFromTheSeries(t *testing.T) {
	s := newStandby(t)
	for _, o := range []sample.Observation{
		{Health: sample.Up}, {Health: sample.Down, Reason: reason.Text("status 500")}, {Health: sample.Unknown, Reason: reason.Text("no network")}, {Health: sample.Up},
	} {
		s.look("push", "orders", o)
		s.now = s.now.Add(15 * time.Second)
	}
	all, err := s.Looks.Looks(t.Context(), "orders", start().Add(-time.Second), s.now, 100)
	if err != nil || len(all) != 1 || len(all["push"]) != 4 {
		t.Fatalf("looks %+v, %v; want four of push", all, err)
	}
	for i, want := range []struct {
		health sample.Health
		reason string
	}{{sample.Up, ""}, {sample.Down, "status 500"}, {sample.Unknown, "no network"}, {sample.Up, ""}} {
		got := all["push"][i]
		if got.Health != want.health || got.Reason.String() != want.reason || !got.At.Equal(start().Add(time.Duration(i)*15*time.Second)) {
			t.Errorf("look %d: %+v, want %s %q", i, got, want.health, want.reason)
		}
		if got.Health != sample.Unknown && got.Duration != 200*time.Millisecond {
			t.Errorf("look %d took %s", i, got.Duration)
		}
	}
	if none, err := s.Looks.Looks(t.Context(), "orders", s.now, start(), 100); err != nil || len(none) != 0 {
		t.Errorf("a time that ends before it begins: %v, %v", none, err)
	}
}

func TestThinningLeavesEveryLookThatWasNotUp(t *testing.T) {
	var all []server.Look
	for i := range 1000 {
		l := server.Look{Health: sample.Up}
		if i%100 == 7 {
			l.Health = sample.Down
		}
		all = append(all, l)
	}
	thinned, down := api.Thin(all, 50), 0
	for _, l := range thinned {
		if l.Health == sample.Down {
			down++
		}
	}
	if down != 10 || len(thinned) > 60 {
		t.Errorf("%d looks with %d that were down; want all ten, and about fifty others", len(thinned), down)
	}
	if len(api.Thin(all, 0)) != 1000 || len(api.Thin(all, 1000)) != 1000 {
		t.Error("looks were left out within the limit")
	}
}

func TestACheckShowsWhatItSawAndIsConfiguredTo(t *testing.T) {
	s := newStandby(t)
	s.look("read", "orders", sample.Observation{Health: sample.Down, Reason: reason.Text("status 500"), Detail: "HTTP/1.1 500"})
	d, err := s.Checks.CheckDetail(t.Context(), "read")
	if err != nil {
		t.Fatal(err)
	}
	if d.Service != "orders" || d.Counts || !d.Judges || d.Every != 15*time.Second || d.Timeout == 0 || d.Path != "default" || len(d.Settings) == 0 {
		t.Errorf("got %+v", d)
	}
	if len(d.Looks) != 1 || len(d.Failures) != 1 || d.Looks[0].Detail != "HTTP/1.1 500" || d.Looks[0].Health != sample.Down {
		t.Errorf("looks %+v, failures %+v", d.Looks, d.Failures)
	}
	if !d.Blind.IsZero() {
		t.Errorf("blind because %s", d.Blind)
	}
	if d, err = s.Checks.CheckDetail(t.Context(), "push"); err != nil || d.Blind.Code != "check_without_look" {
		t.Errorf("without a look it is blind because %q, %v", d.Blind, err)
	}
}
