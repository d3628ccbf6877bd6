package servertest

import (
	"errors"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"guardian/internal/server"
	"guardian/probes"
)

func heartbeats(w world) {
	t := w.T
	if err := w.Backend.Heartbeats.Beat(t.Context(), probes.Heartbeat{Check: w.Heartbeat, At: w.Now(), OK: true}, deployer()); err != nil {
		t.Error(err)
	}
	for _, check := range []string{"nobody", w.Check} {
		wantKnown(t, check, w.Backend.Heartbeats.Beat(t.Context(), probes.Heartbeat{Check: check, At: w.Now(), OK: true}, deployer()), w.Heartbeat)
	}
}

func calls(w world) {
	t := w.T
	r := w.Calls
	r.Key, r.BodyHash = "key-1", "hash-1"
	for range 2 {
		if err := w.Backend.Calls.ReportCalls(t.Context(), r, deployer()); err != nil {
			t.Errorf("a report: %v", err)
		}
	}
	r.BodyHash = "hash-2"
	wantError(t, "the key with another report", w.Backend.Calls.ReportCalls(t.Context(), r, deployer()), server.ErrIdempotencyMismatch)
	r.Key, r.Marketplace = "", "corner shop"
	if invalid := (*server.InvalidError)(nil); !errors.As(w.Backend.Calls.ReportCalls(t.Context(), r, deployer()), &invalid) {
		t.Error("a marketplace that is not known was taken")
	}
}

func queries(w world) {
	t := w.T
	ctx, b := t.Context(), w.Backend
	if r, err := b.Queries.Query(ctx, "1 + 1", w.Now(), server.QueryOptions{}); err != nil || r.Value.Type() != parser.ValueTypeScalar || r.Value.(promql.Scalar).V != 2 {
		t.Errorf("1 + 1 is %v, %v", r.Value, err)
	}
	var syntax parser.ParseErrors
	if _, err := b.Queries.Query(ctx, "sum(", w.Now(), server.QueryOptions{}); !errors.As(err, &syntax) {
		t.Errorf("an expression without an end: %v", err)
	}
	if _, err := b.Queries.QueryRange(ctx, "sum(", server.QueryRange{Start: w.Now().Add(-time.Hour), End: w.Now(), Step: time.Minute}, server.QueryOptions{}); !errors.As(err, &syntax) {
		t.Errorf("an expression without an end, over a time: %v", err)
	}
}

func journal(w world) {
	t := w.T
	id := w.announce(t, "v2").Watch.ID
	w.Advance(time.Minute)
	w.announce(t, "v3")
	w.Advance(time.Minute)
	if _, err := w.Backend.Silences.CreateSilence(t.Context(), w.silence(t, `service="x"`, time.Hour), person()); err != nil {
		t.Fatal(err)
	}
	var all []server.JournalEntry
	for before, pages := "", 0; ; pages++ {
		p, err := w.Backend.Journal.Entries(t.Context(), server.JournalFilter{Before: before, Limit: 1})
		if err != nil || len(p.Entries) > 1 || pages > 20 {
			t.Fatalf("page %d: %d entries, %v", pages, len(p.Entries), err)
		}
		all = append(all, p.Entries...)
		if before = p.Next; before == "" {
			break
		}
	}
	if len(all) < 3 || all[0].What != "silence" || all[0].Who != person().Name || all[0].Detail.IsZero() {
		t.Fatalf("the journal is %+v", all)
	}
	first := all[len(all)-1]
	if first.What != "deploy" || first.Who != deployer().Name || first.Path != "/watches/"+id {
		t.Errorf("it begins with %+v, want the deploy of v2", first)
	}
	for i := 1; i < len(all); i++ {
		if all[i].At.After(all[i-1].At) {
			t.Errorf("%s is listed after %s", all[i].At, all[i-1].At)
		}
	}
	p, err := w.Backend.Journal.Entries(t.Context(), server.JournalFilter{Service: w.Service, Limit: 10})
	if err != nil || len(p.Entries) < 2 || p.Entries[len(p.Entries)-1].What != "deploy" {
		t.Errorf("of the service: %+v, %v", p.Entries, err)
	}
	for _, e := range p.Entries {
		if e.What == "silence" {
			t.Errorf("of the service: %+v", e)
		}
	}
}
