package storetest

import (
	"math"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/drills"
	"guardian/internal/flags"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/internal/windows"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/oncall"
	"guardian/probes"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/sla"
	"guardian/watch"
)

// full returns a batch that has one of everything that is kept.
func full() store.Batch {
	at := day()
	orderSync, err := route.NewMatcher("service", route.Equal, "order-sync")
	if err != nil {
		panic(err)
	}
	return store.Batch{
		Deploys: []watch.Deploy{{
			ID: "d_1", Service: "order-sync", Environment: "production", Version: "v2", PreviousVersion: "v1",
			Shops: []string{"sg-1"}, Kind: watch.Code, Author: "li", Reversible: true, At: at, Announced: at.Add(time.Second),
		}},
		Watches: []watch.Watch{{
			ID: "w_1", DeployID: "d_1", Service: "order-sync", Environment: "production", Version: "v2",
			State: watch.Watching, Mode: watch.Approve, Started: at, Deadline: at.Add(30 * time.Minute),
		}},
		KnownGoods: []store.KnownGood{{Service: "order-sync", Environment: "production", Version: "v1", At: at, By: "w_0"}},
		Plans: []store.Plan{{
			Watch: "w_1", Service: "order-sync", Mode: watch.Observe, At: at,
			Plan: actions.Plan{Runbook: "back", To: "v1", Refused: []reason.Reason{reason.New("cooldown", "until", at)}},
		}},
		Marks: []store.Mark{{Watch: "w_1", Service: "order-sync", Mark: watch.Mark{Kind: watch.MarkWrong, Note: "the network", By: "ada", At: at}}},
		Alerts: []rules.Alert{{
			ID: "a_1", Rule: "ApiSuccessLow", Tier: rules.Critical, State: rules.Firing, Value: 0.25,
			Labels: map[string]string{"service": "order-sync"}, ActiveAt: at, FiredAt: at.Add(time.Minute), LastEval: at.Add(time.Minute),
		}},
		Runs: []actions.Run{{
			ID: "r_1", Service: "order-sync", Environment: "production", Runbook: "back", Rollback: true, From: "v2", To: "v1",
			Trigger: actions.Trigger{Kind: actions.ByVerdict, Deploy: "d_1", Watch: "w_1", Reason: reason.Text("orders fail")},
			State:   actions.Running, Created: at,
			Steps: []actions.StepRun{{Name: "put back", Kind: "docker", State: actions.StepIntent, Intent: "i_1", Attempt: 1, Started: at}},
		}},
		Entries: []actions.Entry{
			{Run: "r_1", Step: -1, What: "created", At: at},
			{Run: "r_1", Step: 0, Intent: "i_1", What: "intent", At: at},
		},
		Deliveries: []notifiers.Delivery{{
			ID: "n_1", Receiver: "oncall", State: notifiers.Queued, NextAt: at, Updated: at,
			Notice: notifiers.Notice{ID: "n_1", Key: "a_1", Alerts: []string{"a_1"}, Tier: "critical", Title: "订单推送失败", Created: at},
		}},
		Escalated: []decide.Escalated{{
			Alert: "a_1", FiredAt: at, Policy: "critical", Tier: rules.Critical, Round: 1, Step: 2, At: at, Next: at.Add(time.Minute),
			Acked: at, AckedTier: rules.Warning, Receivers: []string{"oncall"},
		}},
		Told: []decide.Told{{
			ToldKey: decide.ToldKey{Group: `oncall/{}:{service="order-sync"}`, Alert: "a_1"}, Receiver: "oncall",
			State: rules.Firing, FiredAt: at, At: at.Add(time.Second), Notice: "n_1", Fires: 1, FiresSince: at,
		}},
		Orders:      []probes.Order{{ID: "GRD-1", Check: "push", Stage: "intended", Created: at, Updated: at}},
		Intervals:   []sla.Interval{{Check: "push", Service: "order-sync", Health: sample.Down, From: at, To: at.Add(time.Minute), Reason: reason.Text("503")}},
		Rollups:     []sla.Rollup{{Check: "push", Service: "order-sync", Hour: at, Up: time.Hour, Looks: 240, Failures: 1, Latency: time.Second}},
		CheckStates: []store.CheckState{{Check: "push", At: at, Last: look(at)}},
		Failures:    []sample.Sample{{Check: "push", Kind: "order_push", Service: "order-sync", At: at, Recheck: true, Observation: sample.Observation{Health: sample.Down, Reason: reason.Text("503"), Detail: "HTTP/1.1 503"}}},
		Looks:       []sample.Sample{{Check: "push", Service: "order-sync", At: at, Duration: time.Second, Observation: sample.Observation{Health: sample.Up}}},
		Maintenance: []store.Maintenance{{ID: "m_1", Maintenance: sla.Maintenance{
			Name: "stock-count", Service: "order-sync", From: at, To: at.Add(2 * time.Hour), Announced: at,
		}}},
		Windows: []windows.Window{{
			ID: "win_1", Kind: windows.Freeze, Service: "order-sync", From: at, To: at.Add(time.Hour), Reason: reason.Text("prices are zero"), Run: "r_1", Intent: "r_1-2", Announced: at,
		}},
		Drills: []drills.Drill{{
			ID: "dr_1", Name: "weekly", Service: "order-sync-staging", Environment: "staging", Runbook: "back", Version: "drill-1", By: "wang", Started: at,
			Phase: drills.Finding, InjectRun: "r_8", RestoreRun: "r_9", Objective: 5 * time.Minute, Within: time.Hour,
			Stages: drills.Stages{Announced: at, Injected: at.Add(time.Second)},
		}},
		Sightings:  []actions.Sighting{sighting(at)},
		Flags:      []flags.Change{{Flag: "pause-writes", Variant: "on", By: "wang", Reason: reason.Text("prices are zero"), Intent: "r_1-1", At: at, Until: at.Add(2 * time.Hour)}},
		Acks:       []rules.Ack{{Alert: "a_1", By: "wang", At: at, Note: "looking"}},
		Idempotent: []store.Idempotent{{Key: "k_1", BodyHash: "abc", Status: 201, Answer: []byte(`{"deploy":{}}`), At: at}},
		Heartbeats: []probes.Heartbeat{{Check: "nightly", At: at, OK: false, Reason: "exit 3"}},
		Audit:      []store.Audit{{ID: "j_1", At: at, Who: "ci", What: "deploy", Service: "order-sync", Subject: "d_1", Detail: reason.New("deploy_announced", "version", "v2"), Path: "/watches/w_1"}},
		Silences: []route.Silence{{
			ID: "s_1", Matchers: route.Matchers{orderSync}, From: at, Until: at.Add(time.Hour), By: "wang", Comment: "known", Created: at,
			Updated: at, Annotations: map[string]string{"ticket": "OPS-1"},
		}},
		Overrides: []oncall.Made{{ID: "o_1", Schedule: "orders", Person: "siti", Replaces: "wei", From: at, To: at.Add(time.Hour), By: "wang", Created: at, Deleted: at.Add(time.Hour)}},
		Tokens:    []store.Token{{ID: "t_1", Name: "ci", Role: "deployer", Hash: "0a1b", Created: at}},
	}
}

func look(at time.Time) sample.Sample {
	return sample.Sample{
		Check: "push", Kind: "order_push", Service: "order-sync", Labels: map[string]string{"shop": "sg-1"}, At: at, Duration: time.Second,
		Observation: sample.Observation{Health: sample.Up, Values: []sample.Value{{Name: "order_push_stage_seconds", V: 1.5}}},
	}
}

// hasEveryKind tells whether a batch has a fact of each kind.
func hasEveryKind(t *testing.T, b store.Batch) {
	t.Helper()
	for _, f := range reflect.VisibleFields(reflect.TypeFor[store.Batch]()) {
		switch f.Name {
		case "AlertsGone", "AcksGone", "ToldGone", "EscalatedGone", "TokenUses": // these take away or change
		default:
			if reflect.ValueOf(b).FieldByIndex(f.Index).Len() == 0 {
				t.Errorf("this test knows no fact of the kind %s: add one to full, and read it in everyFact", f.Name)
			}
		}
	}
}

func everyFact(j journal) {
	t := j.t
	b := full()
	hasEveryKind(t, b)
	s, fence := j.acting()
	commit(t, s, fence, b)
	if err := s.Release(t.Context(), store.Lease{Token: fence}); err != nil {
		t.Fatal(err)
	}

	s = j.open()
	ctx := t.Context()
	same(t, "deploys", must(s.Deploys(ctx, store.DeployFilter{}))(t), b.Deploys)
	same(t, "watches", must(s.Watches(ctx, store.WatchFilter{}))(t), b.Watches)
	same(t, "known goods", must(s.KnownGoods(ctx, "order-sync", "production"))(t), b.KnownGoods)
	same(t, "plans", must(s.Plans(ctx, "w_1", "", time.Time{}))(t), map[string]store.Plan{"w_1": b.Plans[0]})
	same(t, "marks", must(s.Marks(ctx, "", "order-sync", day()))(t), map[string]store.Mark{"w_1": b.Marks[0]})
	same(t, "alerts", must(s.Alerts(ctx, store.AlertFilter{Open: true}))(t), b.Alerts)
	same(t, "runs", must(s.Runs(ctx, store.RunFilter{Open: true}))(t), b.Runs)
	same(t, "ledger", must(s.Entries(ctx, "r_1"))(t), b.Entries)
	same(t, "deliveries", must(s.Deliveries(ctx, store.DeliveryFilter{}))(t), b.Deliveries)
	same(t, "deliveries of the alert", must(s.Deliveries(ctx, store.DeliveryFilter{Alert: "a_1"}))(t), b.Deliveries)
	same(t, "deliveries of another", must(s.Deliveries(ctx, store.DeliveryFilter{Alert: "a_2"}))(t), []notifiers.Delivery(nil))
	same(t, "told", must(s.Told(ctx))(t), b.Told)
	same(t, "escalated", must(s.Escalated(ctx))(t), b.Escalated)
	same(t, "orders", must(s.OpenOrders(ctx, "push"))(t), b.Orders)
	same(t, "intervals", must(s.Intervals(ctx, day(), day().Add(time.Hour)))(t), b.Intervals)
	same(t, "last intervals", must(s.LastIntervals(ctx))(t), map[string]sla.Interval{"push": b.Intervals[0]})
	same(t, "rollups", must(s.Rollups(ctx, day(), day().Add(time.Hour)))(t), b.Rollups)
	same(t, "failures", must(s.Failures(ctx))(t), map[string][]sample.Sample{"push": b.Failures})
	same(t, "looks", must(s.Looks(ctx))(t), b.Looks)
	same(t, "check states", must(s.CheckStates(ctx))(t), map[string]store.CheckState{"push": b.CheckStates[0]})
	same(t, "maintenance", must(s.Maintenance(ctx, day(), day().Add(time.Hour)))(t), b.Maintenance)
	same(t, "flags", must(s.Flags(ctx))(t), b.Flags)
	same(t, "drills", must(s.Drills(ctx, store.DrillFilter{Name: "weekly", Open: true}))(t), b.Drills)
	same(t, "drills of another name", must(s.Drills(ctx, store.DrillFilter{Name: "monthly"}))(t), []drills.Drill(nil))
	same(t, "windows", must(s.Windows(ctx, day()))(t), b.Windows)
	same(t, "windows that are over", must(s.Windows(ctx, day().Add(48*time.Hour)))(t), []windows.Window(nil))
	testSighted(t, s, b.Sightings[0])
	same(t, "acks", must(s.Acks(ctx))(t), b.Acks)
	same(t, "audit", must(s.Audit(ctx, store.AuditFilter{}))(t), store.AuditPage{Lines: b.Audit})
	same(t, "silences", must(s.Silences(ctx, day()))(t), b.Silences)
	same(t, "overrides", must(s.Overrides(ctx, day()))(t), b.Overrides)
	same(t, "overrides that ended", must(s.Overrides(ctx, day().Add(48*time.Hour)))(t), []oncall.Made(nil))
	same(t, "tokens", must(s.Tokens(ctx))(t), b.Tokens)
	if got, ok, err := s.Idempotent(ctx, "k_1"); err != nil || !ok || !cmp.Equal(got, b.Idempotent[0]) {
		t.Errorf("idempotent: got %+v, %v, %v", got, ok, err)
	}
	if got, ok, err := s.Heartbeat(ctx, "nightly"); err != nil || !ok || got != b.Heartbeats[0] {
		t.Errorf("heartbeat: got %+v, %v, %v", got, ok, err)
	}
	if got, err := s.Watch(ctx, "w_1"); err != nil || got.DeployID != "d_1" {
		t.Errorf("watch: got %+v, %v", got, err)
	}
	if got, err := s.Run(ctx, "r_1"); err != nil || got.To != "v1" {
		t.Errorf("run: got %+v, %v", got, err)
	}
	if got, ok, err := s.DeployByVersion(ctx, "order-sync", "production", "v2"); err != nil || !ok || got.ID != "d_1" {
		t.Errorf("deploy by version: got %+v, %v, %v", got, ok, err)
	}

	// What is not there is said to be not there.
	_, err := s.Run(ctx, "r_2")
	wantError(t, err, store.ErrNotFound)
	_, err = s.Watch(ctx, "w_2")
	wantError(t, err, store.ErrNotFound)
	if _, ok, err := s.DeployByVersion(ctx, "order-sync", "staging", "v2"); ok || err != nil {
		t.Errorf("a deploy of another environment was found: %v", err)
	}
	if _, ok, err := s.Heartbeat(ctx, "weekly"); ok || err != nil {
		t.Errorf("a heartbeat of another check was found: %v", err)
	}
}

func factsAreReplaced(j journal) {
	t := j.t
	s, fence := j.acting()
	ctx := t.Context()
	b := full()
	commit(t, s, fence, b)

	b.Idempotent, b.Entries, b.Audit, b.Heartbeats = nil, nil, nil, nil
	b.Watches[0].State, b.Watches[0].Ended = watch.Failed, day().Add(time.Minute)
	b.Runs[0].State = actions.Cured
	b.Deliveries[0].State, b.Deliveries[0].Receiver = notifiers.Delivered, "fallback"
	b.Orders[0].Stage = "cleaned"
	b.Intervals[0].To = day().Add(time.Hour)
	b.Rollups[0].Looks = 241
	commit(t, s, fence, b)

	same(t, "open watches", must(s.Watches(ctx, store.WatchFilter{Open: true}))(t), []watch.Watch{})
	same(t, "watches", must(s.Watches(ctx, store.WatchFilter{State: watch.Failed}))(t), b.Watches)
	same(t, "open runs", must(s.Runs(ctx, store.RunFilter{Open: true}))(t), []actions.Run{})
	same(t, "runs", must(s.Runs(ctx, store.RunFilter{State: actions.Cured, Rollbacks: true}))(t), b.Runs)
	same(t, "deliveries", must(s.Deliveries(ctx, store.DeliveryFilter{Receiver: "fallback"}))(t), b.Deliveries)
	same(t, "deliveries of the alert", must(s.Deliveries(ctx, store.DeliveryFilter{Alert: "a_1"}))(t), b.Deliveries)
	same(t, "deliveries of another", must(s.Deliveries(ctx, store.DeliveryFilter{Alert: "a_2"}))(t), []notifiers.Delivery(nil))
	same(t, "told", must(s.Told(ctx))(t), b.Told)
	same(t, "escalated", must(s.Escalated(ctx))(t), b.Escalated)
	same(t, "orders", must(s.OpenOrders(ctx, "push"))(t), []probes.Order{})
	same(t, "intervals", must(s.Intervals(ctx, day(), day().Add(2*time.Hour)))(t), b.Intervals)
	same(t, "rollups", must(s.Rollups(ctx, day(), day().Add(time.Hour)))(t), b.Rollups)

	commit(t, s, fence, store.Batch{AcksGone: []string{"a_1"}, AlertsGone: []string{"a_1"}})
	same(t, "acks", must(s.Acks(ctx))(t), []rules.Ack{})
	same(t, "alerts", must(s.Alerts(ctx, store.AlertFilter{}))(t), []rules.Alert{})
}

func allOrNothing(j journal) {
	t := j.t
	s, fence := j.acting()
	commit(t, s, fence, full())

	// The silence would be the last to be written: it has no ID.
	err := s.Commit(t.Context(), fence, store.Batch{
		Deploys:  []watch.Deploy{{ID: "d_2", Service: "order-sync", Environment: "production", At: day()}},
		Silences: []route.Silence{{Until: day()}},
	})
	if err == nil {
		t.Fatal("a silence without an ID was written")
	}
	same(t, "deploys", ids(must(s.Deploys(t.Context(), store.DeployFilter{}))(t), func(d watch.Deploy) string { return d.ID }), []string{"d_1"})
}

func manyFacts(j journal) {
	t := j.t
	s, fence := j.acting()
	const checks, repeated = 173, 7
	var b store.Batch
	for i := range checks + repeated {
		b.Rollups = append(b.Rollups, sla.Rollup{Check: "c" + strconv.Itoa(i%checks), Hour: day(), Looks: i})
	}
	commit(t, s, fence, b)
	got := must(s.Rollups(t.Context(), day(), day().Add(time.Hour)))(t)
	if len(got) != checks {
		t.Fatalf("got %d rollups, want %d", len(got), checks)
	}
	for _, r := range got {
		if r.Check == "c3" && r.Looks != checks+3 {
			t.Errorf("of two rollups of one hour the last one counts: got %d looks, want %d", r.Looks, checks+3)
		}
	}
}

func strangeWords(j journal) {
	t := j.t
	s, fence := j.acting()
	strange := "a\x00b\xffc'\"$1; DROP TABLE deploys"
	commit(t, s, fence, store.Batch{
		Audit:       []store.Audit{{At: day(), What: "deploy", Subject: strange, Detail: reason.Text(strange)}},
		CheckStates: []store.CheckState{{Check: "c", At: day(), Last: sample.Sample{Observation: sample.Observation{Values: []sample.Value{{Name: "n", V: math.NaN()}, {Name: "m", V: 2}}}}}},
		Alerts:      []rules.Alert{{ID: "a", State: rules.Firing, ActiveAt: day(), Value: math.Inf(1)}},
	})
	page := must(s.Audit(t.Context(), store.AuditFilter{Subject: strange}))(t)
	if len(page.Lines) != 1 || page.Lines[0].ID == "" {
		t.Errorf("got %+v", page)
	}
	same(t, "values", must(s.CheckStates(t.Context()))(t)["c"].Last.Values, []sample.Value{{Name: "m", V: 2}})
	if a := must(s.Alerts(t.Context(), store.AlertFilter{}))(t); len(a) != 1 || !math.IsInf(a[0].Value, 1) {
		t.Errorf("an alert of an infinite value: got %+v", a)
	}
}

func factWithoutID(j journal) {
	t := j.t
	s, fence := j.acting()
	for name, b := range map[string]store.Batch{
		"deploy":    {Deploys: []watch.Deploy{{Service: "s"}}},
		"run":       {Runs: []actions.Run{{Service: "s"}}},
		"rollup":    {Rollups: []sla.Rollup{{Hour: day()}}},
		"token":     {Tokens: []store.Token{{ID: "t", Name: "no hash"}}},
		"heartbeat": {Heartbeats: []probes.Heartbeat{{At: day()}}},
	} {
		if err := s.Commit(t.Context(), fence, b); err == nil {
			t.Errorf("a %s without what names it was written", name)
		}
	}
}

// sighting is what v1 of order-sync ran.
func sighting(at time.Time) actions.Sighting {
	return actions.Sighting{
		Service: "order-sync", Environment: "production", Target: "compose unix:///var/run/docker.sock shop", Version: "v1", Kind: "code", Placed: "d_1", At: at,
		Parts: []actions.Part{{Name: "web", Runs: "shop:v1", Exact: "sha256:01", Source: "shop@sha256:02"}},
	}
}

// testSighted asks for what a version ran: however it is spelled, of that target alone, and as it was
// known at a time.
func testSighted(t *testing.T, s *store.Store, was actions.Sighting) {
	t.Helper()
	for name, c := range map[string]struct {
		change func(*actions.Sighting)
		found  bool
	}{
		"the same":                {func(*actions.Sighting) {}, true},
		"whenever":                {func(a *actions.Sighting) { a.At = time.Time{} }, true},
		"before it was recorded":  {func(a *actions.Sighting) { a.At = was.At }, false},
		"another version":         {func(a *actions.Sighting) { a.Version = "v10" }, false},
		"another target":          {func(a *actions.Sighting) { a.Target += "2" }, false},
		"another environment":     {func(a *actions.Sighting) { a.Environment = "staging" }, false},
		"a configuration":         {func(a *actions.Sighting) { a.Kind = "config" }, false},
		"a kind that is left out": {func(a *actions.Sighting) { a.Kind = "" }, true},
	} {
		asked := actions.Sighting{Service: was.Service, Environment: was.Environment, Target: was.Target, Version: was.Version, Kind: was.Kind, At: was.At.Add(time.Second)}
		c.change(&asked)
		got, ok, err := s.Sighted(t.Context(), asked)
		if err != nil || ok != c.found || ok && !cmp.Equal(was, got) {
			t.Errorf("%s: %v, %v: %+v", name, ok, err, got)
		}
	}
}
