package storetest

import (
	"context"
	"strconv"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/probes"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/sla"
	"guardian/watch"
)

func lists(j journal) {
	t := j.t
	s, fence := j.acting()
	ctx := t.Context()
	var b store.Batch
	for i := range 4 {
		n, at := strconv.Itoa(i), day().Add(time.Duration(i)*time.Hour)
		service := "even"
		state, runState := watch.Watching, actions.Running
		if i%2 == 1 {
			service, state, runState = "odd", watch.Passed, actions.Cured
		}
		b.Deploys = append(b.Deploys, watch.Deploy{ID: "d_" + n, Service: service, Environment: "production", Version: "v1", At: at})
		b.Watches = append(b.Watches, watch.Watch{ID: "w_" + n, DeployID: "d_" + n, Service: service, Environment: "production", State: state, Started: at})
		b.Runs = append(b.Runs, actions.Run{
			ID: "r_" + n, Service: service, Environment: "production", Runbook: "back", State: runState, Created: at, Rollback: i < 2,
			Trigger: actions.Trigger{Kind: actions.ByPerson, Deploy: "d_" + n, Watch: "w_" + n},
		})
		b.KnownGoods = append(b.KnownGoods, store.KnownGood{Service: "even", Environment: "production", Version: "v" + n, At: at})
	}
	commit(t, s, fence, b)

	deploys := func(f store.DeployFilter) []string {
		return ids(must(s.Deploys(ctx, f))(t), func(d watch.Deploy) string { return d.ID })
	}
	watches := func(f store.WatchFilter) []string {
		return ids(must(s.Watches(ctx, f))(t), func(w watch.Watch) string { return w.ID })
	}
	runs := func(f store.RunFilter) []string {
		return ids(must(s.Runs(ctx, f))(t), func(r actions.Run) string { return r.ID })
	}
	for _, c := range []struct {
		name      string
		got, want []string
	}{
		{"all deploys", deploys(store.DeployFilter{}), []string{"d_3", "d_2", "d_1", "d_0"}},
		{"at most two", deploys(store.DeployFilter{Limit: 2}), []string{"d_3", "d_2"}},
		{"deploys of a service", deploys(store.DeployFilter{Service: "odd"}), []string{"d_3", "d_1"}},
		{"deploys of another environment", deploys(store.DeployFilter{Environment: "staging"}), nil},
		{"a deploy", deploys(store.DeployFilter{ID: "d_2"}), []string{"d_2"}},
		{"deploys of a time", deploys(store.DeployFilter{Since: day().Add(time.Hour), Until: day().Add(3 * time.Hour)}), []string{"d_2", "d_1"}},
		{"open watches", watches(store.WatchFilter{Open: true}), []string{"w_2", "w_0"}},
		{"passed watches", watches(store.WatchFilter{State: watch.Passed}), []string{"w_3", "w_1"}},
		{"a deploy's watch", watches(store.WatchFilter{Deploy: "d_1"}), []string{"w_1"}},
		{"open runs of a service", runs(store.RunFilter{Service: "even", Environment: "production", Open: true}), []string{"r_2", "r_0"}},
		{"rollbacks", runs(store.RunFilter{Rollbacks: true}), []string{"r_1", "r_0"}},
		{"a watch's run", runs(store.RunFilter{Watch: "w_3"}), []string{"r_3"}},
		{"runs by drill", runs(store.RunFilter{Trigger: actions.ByDrill}), nil},
		{"runs of late", runs(store.RunFilter{Since: day().Add(2 * time.Hour)}), []string{"r_3", "r_2"}},
		{
			"known good versions",
			ids(must(s.KnownGoods(ctx, "even", "production"))(t), func(k store.KnownGood) string { return k.Version }),
			[]string{"v3", "v2", "v1", "v0"},
		},
	} {
		same(t, c.name, c.got, c.want)
	}
	if d, ok, err := s.DeployByVersion(ctx, "even", "production", "v1"); err != nil || !ok || d.ID != "d_2" {
		t.Errorf("the newest deploy of a version: got %+v, %v, %v", d, ok, err)
	}
}

func episodes(j journal) {
	t := j.t
	s, fence := j.acting()
	ctx := t.Context()
	a := rules.Alert{ID: "a_1", Labels: map[string]string{"service": "order-sync"}}
	for i, step := range []struct {
		state   rules.State
		firedAt time.Time
	}{
		{rules.Pending, time.Time{}},
		{rules.Firing, day().Add(time.Minute)},
		{rules.Resolved, day().Add(time.Minute)},
		{rules.Pending, day().Add(time.Minute)}, // what is left of the episode before is not this one's
		{rules.Firing, day().Add(time.Hour)},
	} {
		a.State, a.FiredAt, a.ActiveAt = step.state, step.firedAt, day().Add(time.Duration(i)*time.Second)
		commit(t, s, fence, store.Batch{Alerts: []rules.Alert{a}})
	}
	show := func(alerts []rules.Alert) []string {
		return ids(alerts, func(a rules.Alert) string { return string(a.State) + " " + a.FiredAt.Format("15:04") })
	}
	same(t, "as it is", show(must(s.Alerts(ctx, store.AlertFilter{Open: true}))(t)), []string{"firing 11:00"})
	same(t, "as it was", show(must(s.AlertEpisodes(ctx, store.AlertFilter{Service: "order-sync"}))(t)), []string{"firing 11:00", "resolved 10:01"})
	same(t, "of the last half hour", show(must(s.AlertEpisodes(ctx, store.AlertFilter{Since: day().Add(30 * time.Minute)}))(t)), []string{"firing 11:00"})
}

func dueInOrder(j journal) {
	t := j.t
	s, fence := j.acting()
	now := day().Add(time.Minute)
	put := func(id, receiver, key string, state notifiers.DeliveryState, next time.Time) {
		t.Helper()
		commit(t, s, fence, store.Batch{Deliveries: []notifiers.Delivery{{
			ID: id, Receiver: receiver, State: state, NextAt: next, Updated: now,
			Notice: notifiers.Notice{ID: id, Key: key, Created: day()},
		}}})
	}
	due := func(limit int) []string {
		t.Helper()
		return ids(must(s.Due(t.Context(), "oncall", now, limit))(t), func(d notifiers.Delivery) string { return d.ID })
	}
	put("n9", "oncall", "a", notifiers.Queued, now)
	put("n1", "oncall", "a", notifiers.Queued, now)
	put("n2", "oncall", "b", notifiers.Queued, now.Add(time.Second))
	put("n3", "oncall", "b", notifiers.Queued, now)
	put("n4", "oncall", "c", notifiers.Sending, now)
	put("n5", "other", "d", notifiers.Queued, now)
	put("n6", "oncall", "", notifiers.Queued, now)
	put("n7", "oncall", "", notifiers.Queued, now)
	same(t, "the first of each key, as they came; b waits for its first", due(0), []string{"n9", "n4", "n6", "n7"})
	same(t, "at most one", due(1), []string{"n9"})

	put("n9", "oncall", "a", notifiers.Queued, now.Add(time.Hour))
	same(t, "put off, it holds back the next of its key", due(0), []string{"n4", "n6", "n7"})
	put("n9", "oncall", "a", notifiers.GivenUp, now)
	put("n4", "oncall", "c", notifiers.Delivered, now)
	same(t, "given up, it makes room", due(0), []string{"n1", "n6", "n7"})
	put("n1", "other", "a", notifiers.Queued, now)
	put("n5", "oncall", "d", notifiers.Queued, now)
	same(t, "what moved to another receiver is due there", due(0), []string{"n5", "n6", "n7"})
}

func dueInAStorm(j journal) {
	t := j.t
	s, fence := j.acting()
	const waiting, keys = 4000, 1000
	var b store.Batch
	for i := range waiting {
		b.Deliveries = append(b.Deliveries, notifiers.Delivery{
			ID: strconv.Itoa(i), Receiver: "oncall", State: notifiers.Queued, Notice: notifiers.Notice{Key: strconv.Itoa(i % keys)},
		})
	}
	commit(t, s, fence, b)
	// A few milliseconds are expected; what asks of each whether it is the first takes a quarter of a minute.
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
	defer cancel()
	same(t, "due", len(must(s.Due(ctx, "oncall", day(), waiting))(t)), keys)
}

func outboxStats(j journal) {
	t := j.t
	s, fence := j.acting()
	stats := must(s.DeliveryStats(t.Context(), day()))(t)
	same(t, "of an empty outbox", stats, store.DeliveryStats{})
	var b store.Batch
	for i, state := range []notifiers.DeliveryState{notifiers.Delivered, notifiers.GivenUp, notifiers.GivenUp, notifiers.Queued, notifiers.Sending} {
		at := day().Add(time.Duration(i) * time.Hour)
		b.Deliveries = append(b.Deliveries, notifiers.Delivery{
			ID: strconv.Itoa(i), Receiver: "oncall", State: state, Updated: at, Notice: notifiers.Notice{Created: at},
		})
	}
	b.Deliveries[3].Updated = day() // waiting ones count however old
	commit(t, s, fence, b)
	same(t, "stats", must(s.DeliveryStats(t.Context(), day().Add(2*time.Hour)))(t), store.DeliveryStats{
		States:        map[notifiers.DeliveryState]int{notifiers.GivenUp: 1, notifiers.Queued: 1, notifiers.Sending: 1},
		OldestOpen:    day().Add(3 * time.Hour),
		LastDelivered: day(),
	})
	same(t, "history", ids(must(s.Deliveries(t.Context(), store.DeliveryFilter{Open: true}))(t), func(d notifiers.Delivery) string { return d.ID }), []string{"4", "3"})
}

func waitingReceivers(j journal) {
	t := j.t
	s, fence := j.acting()
	var b store.Batch
	for receiver, state := range map[string]notifiers.DeliveryState{
		"queued": notifiers.Queued, "sending": notifiers.Sending, "delivered": notifiers.Delivered, "given-up": notifiers.GivenUp, "dropped": notifiers.Dropped,
	} {
		for _, n := range []string{"1", "2"} {
			b.Deliveries = append(b.Deliveries, notifiers.Delivery{ID: receiver + n, Receiver: receiver, State: state, Updated: day(), Notice: notifiers.Notice{Created: day()}})
		}
	}
	commit(t, s, fence, b)
	same(t, "receivers", must(s.Receivers(t.Context()))(t), []string{"queued", "sending"})
}

func callsOfReceivers(j journal) {
	t := j.t
	s, fence := j.acting()
	var b store.Batch
	for i, state := range []notifiers.DeliveryState{
		notifiers.Delivered, notifiers.Delivered, notifiers.GivenUp, notifiers.Delivered, notifiers.Queued, notifiers.Dropped, notifiers.Sending,
	} {
		// The second and third call carried two deliveries each; what waits or was dropped is no call. Of the
		// last one the outcome was not saved.
		at := day().Add(time.Duration((i+1)/2) * time.Second)
		if state == notifiers.Sending {
			at = day().Add(time.Minute)
		}
		for _, receiver := range []string{"oncall", "other"} {
			b.Deliveries = append(b.Deliveries, notifiers.Delivery{ID: receiver + strconv.Itoa(i), Receiver: receiver, State: state, Updated: at, Notice: notifiers.Notice{Created: at}})
		}
	}
	// What failed first and then went to another receiver is two calls here and one there.
	b.Deliveries = append(b.Deliveries, notifiers.Delivery{ID: "moved", Receiver: "other", State: notifiers.Delivered, Updated: day().Add(time.Hour), Notice: notifiers.Notice{Created: day()}, Tries: []notifiers.Try{
		{At: day().Add(3 * time.Minute), Last: day().Add(4 * time.Minute), Times: 2, Receiver: "oncall", Via: "2", Result: "retried"},
		{At: day().Add(time.Hour), Times: 1, Receiver: "other", Result: "delivered"},
	}})
	commit(t, s, fence, b)
	same(t, "calls", must(s.Calls(t.Context(), "oncall", day().Add(time.Second)))(t), []notifiers.Call{{At: day().Add(time.Second)}, {At: day().Add(2 * time.Second)}, {At: day().Add(time.Minute + time.Second)}, // when it has surely arrived
		{At: day().Add(3 * time.Minute), Via: "2"}, {At: day().Add(4 * time.Minute), Via: "2"}})
	same(t, "the number of calls", must(s.CountCalls(t.Context(), "oncall", day().Add(time.Second)))(t), 3)
	same(t, "calls of nobody", must(s.Calls(t.Context(), "nobody", day()))(t), []notifiers.Call{})
}

func lastSent(j journal) {
	t := j.t
	s, fence := j.acting()
	about := func(key, thread string, tone notifiers.Tone) notifiers.Notice {
		return notifiers.Notice{Key: key, Thread: thread, Tone: tone, Title: "a notice", Created: day()}
	}
	var b store.Batch
	for i, d := range []notifiers.Delivery{
		{Receiver: "oncall", State: notifiers.Delivered, Ref: "C1/0", Notice: about("alert/1", "", notifiers.Bad)},
		{Receiver: "oncall", State: notifiers.Delivered, Ref: "C1/1", Notice: about("alert/1", "", notifiers.Bad)},
		{Receiver: "oncall", State: notifiers.Delivered, Ref: "C1/2", Notice: about("alert/1", "", notifiers.Good)},
		{Receiver: "oncall", State: notifiers.Delivered, Notice: about("alert/1", "", notifiers.Bad)}, // in a digest
		{Receiver: "oncall", State: notifiers.GivenUp, Ref: "C1/3", Notice: about("alert/1", "", notifiers.Bad)},
		{Receiver: "oncall", State: notifiers.Queued, Ref: "C1/4", Notice: about("alert/1", "", notifiers.Bad)},
		{Receiver: "oncall", State: notifiers.Delivered, Ref: "C1/5", Notice: about("alert/2", `订单%_"'`, notifiers.Warn)},
		{Receiver: "oncall", State: notifiers.Delivered, Ref: "C1/6", Notice: about("alert/3", "alert/1x", notifiers.Bad)},
		{Receiver: "other", State: notifiers.Delivered, Ref: "C2/7", Notice: about("alert/1", "", notifiers.Bad)},
	} {
		d.ID, d.Updated = strconv.Itoa(i), day().Add(time.Duration(i)*time.Second)
		b.Deliveries = append(b.Deliveries, d)
	}
	commit(t, s, fence, b)
	last := func(receiver, thread string, since time.Time) notifiers.Sent {
		return must(s.LastSent(t.Context(), receiver, thread, since))(t)
	}
	same(t, "the last of a key", last("oncall", "alert/1", day()), notifiers.Sent{Ref: "C1/2", Tone: notifiers.Good, At: day().Add(2 * time.Second)})
	same(t, "the last of a thread", last("oncall", `订单%_"'`, day()), notifiers.Sent{Ref: "C1/5", Tone: notifiers.Warn, At: day().Add(6 * time.Second)})
	same(t, "one that is too old", last("oncall", "alert/1", day().Add(3*time.Second)), notifiers.Sent{})
	same(t, "a key whose notice is in another thread", last("oncall", "alert/2", day()), notifiers.Sent{})
	same(t, "what another receiver got", last("other", "alert/3", day()), notifiers.Sent{})
}

func auditPages(j journal) {
	t := j.t
	s := j.open()
	ctx := t.Context()
	for i := range 7 {
		service := []string{"even", "odd"}[i%2]
		// Two and two at the same moment: a page may end between them.
		commit(t, s, store.Unfenced, store.Batch{Audit: []store.Audit{{At: day().Add(time.Duration(i/2) * time.Second), What: strconv.Itoa(i), Service: service}}})
	}
	seen := map[string]bool{}
	var sizes []int
	for before := ""; ; {
		page := must(s.Audit(ctx, store.AuditFilter{Before: before, Limit: 3}))(t)
		sizes = append(sizes, len(page.Lines))
		for _, l := range page.Lines {
			if seen[l.What] {
				t.Errorf("line %s comes twice", l.What)
			}
			seen[l.What] = true
		}
		if before = page.Next; before == "" {
			break
		}
	}
	same(t, "pages", sizes, []int{3, 3, 1})
	same(t, "lines", len(seen), 7)
	page := must(s.Audit(ctx, store.AuditFilter{Service: "odd"}))(t)
	same(t, "of a service", ids(page.Lines, func(a store.Audit) string { return a.What }), []string{"5", "3", "1"})
}

func reportFacts(j journal) {
	t := j.t
	s, fence := j.acting()
	ctx := t.Context()
	var b store.Batch
	for _, check := range []string{"b", "a"} {
		for i := range 3 {
			from := day().Add(time.Duration(i) * time.Hour)
			b.Intervals = append(b.Intervals, sla.Interval{Check: check, From: from, To: from.Add(time.Hour)})
			b.Rollups = append(b.Rollups, sla.Rollup{Check: check, Hour: from})
		}
	}
	commit(t, s, fence, b)
	show := func(i sla.Interval) string { return i.Check + i.From.Format("15") }
	same(t, "what touches only the edge is not in it",
		ids(must(s.Intervals(ctx, day().Add(time.Hour), day().Add(2*time.Hour)))(t), show), []string{"a11", "b11"})
	same(t, "what reaches into it is",
		ids(must(s.Intervals(ctx, day().Add(90*time.Minute), day().Add(150*time.Minute)))(t), show), []string{"a11", "a12", "b11", "b12"})
	same(t, "rollups", ids(must(s.Rollups(ctx, day().Add(time.Hour), day().Add(2*time.Hour)))(t), func(r sla.Rollup) string { return r.Check + r.Hour.Format("15") }), []string{"a11", "b11"})
	same(t, "rollups of one check", ids(must(s.RollupsOf(ctx, "b", day().Add(time.Hour), day().Add(2*time.Hour)))(t), func(r sla.Rollup) string { return r.Check + r.Hour.Format("15") }), []string{"b11"})
	last := must(s.LastIntervals(ctx))(t)
	if len(last) != 2 || show(last["a"]) != "a12" || show(last["b"]) != "b12" {
		t.Errorf("the last interval of each check: got %+v", last)
	}
}

func tokens(j journal) {
	t := j.t
	s := j.open()
	ctx := t.Context()
	token := store.Token{ID: "t_1", Name: "ci", Role: "deployer", Hash: "h1", Created: day()}
	commit(t, s, store.Unfenced, store.Batch{Tokens: []store.Token{token}})
	stale := token
	token.Revoked = day().Add(time.Hour)
	commit(t, s, store.Unfenced, store.Batch{Tokens: []store.Token{token}})
	commit(t, s, store.Unfenced, store.Batch{TokenUses: []store.TokenUse{{ID: "t_1", At: day().Add(3 * time.Minute)}}})
	commit(t, s, store.Unfenced, store.Batch{
		Tokens:    []store.Token{stale},
		TokenUses: []store.TokenUse{{ID: "t_1", At: day().Add(2 * time.Minute)}, {ID: "t_404", At: day()}},
	})
	token.LastUsed = day().Add(3 * time.Minute)
	same(t, "token", must(s.Tokens(ctx))(t), []store.Token{token})
	if err := s.Commit(ctx, store.Unfenced, store.Batch{Tokens: []store.Token{{ID: "t_2", Hash: "h1"}}}); err == nil {
		t.Error("two tokens have the same hash")
	}
	if _, ok, err := s.TokenByHash(ctx, "h2"); ok || err != nil {
		t.Errorf("an unknown token was found: %v", err)
	}
}

func pruning(j journal) {
	t := j.t
	s, fence := j.acting()
	ctx := t.Context()
	old := full()
	old.Watches[0].State, old.Runs[0].State = watch.Failed, actions.Cured
	old.Deliveries[0].State, old.Orders[0].Stage, old.Alerts[0].State = notifiers.Delivered, "cleaned", rules.Resolved
	old.Heartbeats = append(old.Heartbeats, probes.Heartbeat{Check: "nightly", At: day().Add(time.Minute)})
	commit(t, s, fence, old)
	// Old as well, but not over; and a deploy that is the last one of its service.
	commit(t, s, fence, store.Batch{
		Deploys:    []watch.Deploy{{ID: "d_open", Service: "a", At: day()}, {ID: "d_last", Service: "b", At: day()}},
		Watches:    []watch.Watch{{ID: "w_open", DeployID: "d_open", State: watch.Watching, Started: day()}},
		Runs:       []actions.Run{{ID: "r_open", State: actions.AwaitingApproval, Created: day()}},
		Deliveries: []notifiers.Delivery{{ID: "n_open", State: notifiers.Queued, Updated: day()}},
		Orders:     []probes.Order{{ID: "o_open", Check: "push", Stage: "pushed", Created: day(), Updated: day()}},
	})
	later := day().Add(24 * time.Hour)
	const many = 1200 // more than one transaction removes
	var b store.Batch
	for i := range many {
		b.Audit = append(b.Audit, store.Audit{At: day(), What: strconv.Itoa(i)})
	}
	b.Audit = append(b.Audit, store.Audit{At: later, What: "kept"})
	b.Deploys = []watch.Deploy{{ID: "d_new", Service: "order-sync", Environment: "production", At: later}, {ID: "d_next", Service: "a", At: later}}
	commit(t, s, fence, b)

	if n, err := s.Prune(ctx, fence, store.Keep{}); n != 0 || err != nil {
		t.Errorf("without a time %d rows went: %v", n, err)
	}
	keep := later.Add(-time.Hour)
	n := must(s.Prune(ctx, fence, store.Keep{Journal: keep, Heartbeats: keep, Idempotent: keep}))(t)
	if n < many {
		t.Errorf("%d rows went, want more than %d", n, many)
	}
	same(t, "journal", audited(ctx, t, s), []string{"kept"})
	same(t, "deploys", ids(must(s.Deploys(ctx, store.DeployFilter{}))(t), func(d watch.Deploy) string { return d.ID }),
		[]string{"d_next", "d_new", "d_open", "d_last"})
	same(t, "watches", ids(must(s.Watches(ctx, store.WatchFilter{}))(t), func(w watch.Watch) string { return w.ID }), []string{"w_open"})
	same(t, "runs", ids(must(s.Runs(ctx, store.RunFilter{}))(t), func(r actions.Run) string { return r.ID }), []string{"r_open"})
	same(t, "ledger", len(must(s.Entries(ctx, "r_1"))(t)), 0)
	same(t, "deliveries", ids(must(s.Deliveries(ctx, store.DeliveryFilter{}))(t), func(d notifiers.Delivery) string { return d.ID }), []string{"n_open"})
	same(t, "orders", len(must(s.OpenOrders(ctx, "push"))(t)), 1)
	same(t, "alerts", len(must(s.AlertEpisodes(ctx, store.AlertFilter{}))(t)), 0)
	same(t, "intervals", len(must(s.Intervals(ctx, day(), later))(t)), 0)
	same(t, "known goods", len(must(s.KnownGoods(ctx, "order-sync", "production"))(t)), 1)
	same(t, "tokens", len(must(s.Tokens(ctx))(t)), 1)
	if _, ok, err := s.Idempotent(ctx, "k_1"); ok || err != nil {
		t.Errorf("the idempotency key is still there: %v", err)
	}
	same(t, "heartbeats", must(s.Heartbeats(ctx, "nightly", time.Time{}, time.Time{}, 0))(t),
		[]probes.Heartbeat{{Check: "nightly", At: day().Add(time.Minute)}})
	same(t, "again", must(s.Prune(ctx, fence, store.Keep{Journal: keep}))(t), int64(0))
}

func newestFailures(j journal) {
	t := j.t
	s, fence := j.acting()
	down := func(check string, minute int) sample.Sample {
		return sample.Sample{Check: check, At: day().Add(time.Duration(minute) * time.Minute), Observation: sample.Observation{Health: sample.Down, Reason: reason.Text("503")}}
	}
	// Several at once and one by one; an old one that comes late does not push a newer one out.
	var b store.Batch
	for i := range 5 {
		b.Failures = append(b.Failures, down("a", i))
	}
	commit(t, s, fence, b)
	for i := 5; i < 30; i++ {
		commit(t, s, fence, store.Batch{Failures: []sample.Sample{down("a", i)}})
	}
	commit(t, s, fence, store.Batch{Failures: []sample.Sample{down("a", 2), down("b", 1)}})
	got := must(s.Failures(t.Context()))(t)
	same(t, "checks", len(got), 2)
	same(t, "of the quiet check", len(got["b"]), 1)
	if n := len(got["a"]); n != store.KeptFailures {
		t.Fatalf("%d failures of one check are kept, want %d", n, store.KeptFailures)
	}
	for i, f := range got["a"] {
		if want := day().Add(time.Duration(29-i) * time.Minute); !f.At.Equal(want) {
			t.Errorf("failure %d is of %s, want the newest first: %s", i, f.At, want)
		}
	}
}
