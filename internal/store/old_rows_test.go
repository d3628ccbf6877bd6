package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"guardian/internal/store"
)

// TestOpen_ReadsReasonsThatAreTexts opens a journal as guardians wrote it that kept reasons as
// English sentences: each of them still reads as it was written.
func TestOpen_ReadsReasonsThatAreTexts(t *testing.T) {
	t.Parallel()
	rows, err := os.ReadFile(filepath.Join("testdata", "rows_with_texts.sql"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "journal.db")
	open(t, store.Options{Path: path})
	db := raw(t, path)
	if _, err := db.ExecContext(t.Context(), string(rows)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, store.Options{Path: path})
	for name, read := range map[string]texts{
		"watch":     watchTexts(t, s),
		"run":       runTexts(t, s),
		"looks":     lookTexts(t, s),
		"the rest":  otherTexts(t, s),
		"no reason": countOld(t, s),
	} {
		t.Run(name, func(t *testing.T) {
			for i, want := range read.want {
				if fmt.Sprint(read.got[i]) != fmt.Sprint(want) {
					t.Errorf("%d: got %q, want %q", i, fmt.Sprint(read.got[i]), want)
				}
			}
		})
	}
}

type texts = struct{ got, want []any }

const oldVerdict = "push failed 6 of 15 looks; before the deploy 0 of 240"

func watchTexts(t *testing.T, s *store.Store) texts {
	t.Helper()
	w, err := s.Watch(t.Context(), "w_1")
	if err != nil {
		t.Fatal(err)
	}
	c := w.Checks[0]
	return texts{
		[]any{w.ModeReason, w.Reason, w.Verdict.Reason, c.Excused, c.LastReason, c.BlindReason, w.Targets[0].Reason},
		[]any{
			"the service has no known good version", oldVerdict, oldVerdict, "red before the deploy",
			"status 503, want 200", "no route to host", "connection refused",
		},
	}
}

func runTexts(t *testing.T, s *store.Store) texts {
	t.Helper()
	r, err := s.Run(t.Context(), "r_1")
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := s.Entries(t.Context(), "r_1")
	if err != nil || len(ledger) != 3 {
		t.Fatalf("got %+v, %v", ledger, err)
	}
	step := r.Steps[0]
	return texts{
		[]any{
			r.Reason, r.Trigger.Reason, step.Error, step.Resolved, r.Question.Text, r.Verification[0].Reason,
			ledger[0].Detail, ledger[2].Detail,
		},
		[]any{
			"three services failed within 10m", "push failed 6 of 15 looks", "no such image",
			"the target says that it was not done", "Put order-sync back to v1?", "status 503, want 200",
			"push failed 6 of 15 looks", "failed: no such image",
		},
	}
}

func lookTexts(t *testing.T, s *store.Store) texts {
	t.Helper()
	states, err := s.CheckStates(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	failures, err := s.Failures(t.Context())
	if err != nil || len(failures["push"]) != 1 {
		t.Fatalf("got %+v, %v", failures, err)
	}
	looks, err := s.Looks(t.Context())
	if err != nil || len(looks) != 1 {
		t.Fatalf("got %+v, %v", looks, err)
	}
	intervals, err := s.Intervals(t.Context(), time.Time{}, time.Time{})
	if err != nil || len(intervals) != 1 {
		t.Fatalf("got %+v, %v", intervals, err)
	}
	const why = "status 503, want 200"
	return texts{
		[]any{states["push"].Last.Reason, failures["push"][0].Reason, failures["push"][0].Detail, looks[0].Reason, intervals[0].Reason},
		[]any{why, why, "HTTP/1.1 503", why, why},
	}
}

func otherTexts(t *testing.T, s *store.Store) texts {
	t.Helper()
	page, err := s.Audit(t.Context(), store.AuditFilter{})
	if err != nil || len(page.Lines) != 1 {
		t.Fatalf("got %+v, %v", page, err)
	}
	plans, err := s.Plans(t.Context(), "w_1", "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	orders, err := s.OpenOrders(t.Context(), "push")
	if err != nil || len(orders) != 1 {
		t.Fatalf("got %+v, %v", orders, err)
	}
	deliveries, err := s.Deliveries(t.Context(), store.DeliveryFilter{})
	if err != nil || len(deliveries) != 1 {
		t.Fatalf("got %+v, %v", deliveries, err)
	}
	beat, _, err := s.Heartbeat(t.Context(), "nightly")
	if err != nil {
		t.Fatal(err)
	}
	return texts{
		[]any{page.Lines[0].Detail, plans["w_1"].Refused[0], orders[0].Reason, deliveries[0].Error, beat.Reason},
		[]any{
			"failed: push failed 6 of 15 looks", "cooldown: run r_0 ended at 2026-11-02T03:00:00Z",
			"cleanup: status 500", "slack says invalid_token", "exit 3",
		},
	}
}

// countOld reads the facts that have no reason.
func countOld(t *testing.T, s *store.Store) texts {
	t.Helper()
	alerts, err := s.Alerts(t.Context(), store.AlertFilter{Open: true})
	if err != nil {
		t.Fatal(err)
	}
	episodes, err := s.AlertEpisodes(t.Context(), store.AlertFilter{})
	if err != nil {
		t.Fatal(err)
	}
	deploys, err := s.Deploys(t.Context(), store.DeployFilter{})
	if err != nil {
		t.Fatal(err)
	}
	silences, err := s.Silences(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	acks, err := s.Acks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	marks, err := s.Marks(t.Context(), "", "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	rollups, err := s.Rollups(t.Context(), time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return texts{
		[]any{len(alerts), len(episodes), len(deploys), len(silences), len(acks), len(marks), len(rollups)},
		[]any{1, 1, 1, 1, 1, 1, 1},
	}
}
