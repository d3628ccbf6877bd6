package app_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"guardian/actions"
	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/internal/replay"
	"guardian/internal/secret"
	"guardian/internal/series"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/probes"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

const pastConfig = `
server: {listen: "127.0.0.1:0", timezone: UTC}
services:
  - {name: orders, watch: {for: 30m, mode: observe, min_samples: 5}, rollback: back, known_good: [v1]}
  - {name: prices, watch: {for: 30m, mode: observe}}
  - {name: stock, watch: {for: 30m, mode: observe, metrics: [{name: moves, failures: sum(moves_lost_total), total: sum(moves_total)}]}}
checks:
  - {name: push, service: orders, every: 15s, http: {url: "http://127.0.0.1:1/"}}
  - {name: read, service: orders, every: 5m, http: {url: "http://127.0.0.1:1/"}}
  - {name: price, service: prices, every: 15s, http: {url: "http://127.0.0.1:1/"}}
rules: [rules.yaml]
runbooks: [{name: back, steps: [{name: no, webhook: {url: "http://127.0.0.1:1/"}}]}]
receivers: [{name: oncall, webhook: {url: "http://127.0.0.1:1/"}}, {name: others, webhook: {url: "http://127.0.0.1:1/"}}]
routes: {receiver: oncall, repeat_interval: 20m, routes: [{receiver: others, matchers: ['service="prices"']}]}
maintenance: [{name: stock-count, service: prices, from: 2026-11-02T09:10:00Z, to: 2026-11-02T09:20:00Z}]
`

const pastRules = `
groups:
  - name: past
    interval: 1m
    rules:
      - {record: "service:success:avg5m", expr: 'avg by (service) (avg_over_time(probe_success[5m]))'}
      - {alert: Low, expr: 'service:success:avg5m < 0.6', for: 2m, labels: {tier: critical}}
      - {alert: Down, expr: 'probe_success == 0', for: 3m, keep_firing_for: 5m, labels: {tier: warning}, annotations: {summary: "{{ $labels.check }} is down"}}
`

// lived is two hours of a guardian, minute by minute: a good deploy, a bad one, one that loses what
// only its own counters tell, an outage within a maintenance, and a check that goes blind while
// its alert fires.
func lived(t *testing.T, dir string, r *secret.Redactor, last func(app.Stepped)) (start, end time.Time) {
	t.Helper()
	return livedWith(t, dir, r, life{last: last})
}

// life is what is different in a guardian's two hours.
type life struct {
	last  func(app.Stepped)
	drill bool // the good deploy is the fault of a drill that nobody noticed
}

func livedWith(t *testing.T, dir string, r *secret.Redactor, of life) (start, end time.Time) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(pastRules), 0o600); err != nil {
		t.Fatal(err)
	}
	start = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	c := newClock(start)
	a, err := app.New(t.Context(), app.Options{
		Load: func() (*config.Config, error) { return load(t, dir, pastConfig, r) }, Redactor: r, Now: c.now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := app.Stepped{App: a}
	if err := s.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	within := func(m, from, to int) bool { return m >= from && m < to }
	moves, lost := 0.0, 0.0
	wrote := func(name string, v float64) {
		if err := a.Write(t.Context(), map[string]string{"__name__": name, "instance": "a"}, v); err != nil {
			t.Fatal(err)
		}
	}
	for m := range 120 {
		for quarter := range 4 {
			c.set(start.Add(time.Duration(m)*time.Minute + time.Duration(quarter)*15*time.Second))
			push, price := sample.Up, sample.Up
			if within(m, 62, 75) {
				push = sample.Down
			}
			if within(m, 72, 85) || within(m, 100, 106) {
				price = sample.Down
			}
			if within(m, 106, 112) {
				price = sample.Unknown
			}
			for _, l := range []struct {
				check, service string
				h              sample.Health
			}{{"push", "orders", push}, {"price", "prices", price}, {"read", "orders", sample.Up}} {
				if l.check == "read" && (m%5 != 0 || quarter != 0) {
					continue
				}
				s.Look(sample.Sample{Check: l.check, Kind: "http", Service: l.service, At: c.now(), Observation: sample.Observation{Health: l.h}})
			}
			if m == 82 && quarter == 0 {
				moves, lost = 0, 0 // the deploy starts it again
			}
			moves += 20
			if m >= 85 {
				lost += 5
			}
			wrote("moves_total", moves)
			wrote("moves_lost_total", lost)
			s.TickWatches()
		}
		if err := s.Minute(t.Context()); err != nil {
			t.Fatal(err)
		}
		if m >= 30 && m <= 40 { // another program sends an alert again and again, and then that it is over
			theirs := rules.Sent{Labels: map[string]string{"alertname": "Theirs", "tier": "critical"}, StartsAt: start.Add(30 * time.Minute), EndsAt: c.now().Add(4 * time.Minute)}
			if m == 40 {
				theirs.EndsAt = c.now()
			}
			if err := s.Backend().Intake.TakeAlerts(t.Context(), []rules.Sent{theirs}); err != nil {
				t.Fatal(err)
			}
		}
		s.Repeats()
		d, ok := map[int]server.DeployRequest{
			10: {Service: "orders", Version: "v2"}, 60: {Service: "orders", Version: "v3"}, 81: {Service: "stock", Version: "v7"},
		}[m]
		if !ok {
			continue
		}
		if of.drill && d.Version == "v2" {
			if err := s.AnnounceDrill(t.Context(), d.Service, d.Version, 40*time.Minute); err != nil {
				t.Fatal(err)
			}
			continue
		}
		d.Reversible, d.WatchFor = true, 40*time.Minute
		_, err := s.Backend().Deploys.Announce(t.Context(), d, server.Caller{Name: "ci", Role: server.Deployer})
		if err != nil {
			t.Fatal(err)
		}
	}
	if of.last != nil {
		of.last(s)
	}
	if err := a.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	return start, start.Add(2 * time.Hour)
}

func replayed(t *testing.T, dir, text string, r *secret.Redactor, from, to time.Time) replay.Report {
	t.Helper()
	conf, err := load(t, dir, text, r)
	if err != nil {
		t.Fatal(err)
	}
	samples, err := series.OpenReader(t.Context(), filepath.Join(dir, "data", "series"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer samples.Close()
	journal, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "data", "journal.db"), ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	report, err := replay.Run(t.Context(), replay.Options{
		Config: conf, Kinds: probes.Builtin(), Samples: samples, Journal: journal, From: from, To: to, Step: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestAReplayOfTheRunningConfigurationIsWhatHappened(t *testing.T) {
	dir, r := t.TempDir(), &secret.Redactor{}
	start, end := lived(t, dir, r, nil)
	same := replayed(t, dir, pastConfig, r, start, end)
	if !same.Same {
		text, _ := json.MarshalIndent(same, "", " ")
		t.Fatalf("the replay differs from what happened: %s", text)
	}
	if len(same.Alerts) < 4 || len(same.Watches) != 3 || len(same.Notices) < 8 || same.Quiet == 0 {
		t.Fatalf("%d alerts, %d watches, %d notices, %d quiet: too little happened for this test to say anything", len(same.Alerts), len(same.Watches), len(same.Notices), same.Quiet)
	}
	if !slices.ContainsFunc(same.Alerts, func(a replay.Alert) bool { return a.Rule == "Theirs" && a.Match == replay.Same }) {
		t.Errorf("an alert that another program sent is not in the replay: %+v", same.Alerts)
	}
	bad := same.Watches[1]
	if bad.Now.State != watch.Failed || bad.Now.Rollback.Outcome != replay.OnlyTold {
		t.Errorf("the bad deploy: %+v", bad.Now)
	}

	if counted := same.Watches[2]; counted.Now.State != watch.Failed {
		t.Errorf("the deploy whose counters tell: %+v", counted.Now)
	}

	// Another configuration: it rolls back by itself, waits longer, and tells others.
	next := strings.Replace(pastConfig, "mode: observe", "mode: auto", 1)
	next = strings.Replace(next, "matchers: ['service=\"prices\"']", "matchers: ['tier=\"critical\"']", 1)
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(strings.Replace(pastRules, "for: 3m", "for: 30m", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	other := replayed(t, dir, next, r, start, end)
	if other.Same {
		t.Error("another configuration is said to do the same")
	}
	gone := 0
	for _, a := range other.Alerts {
		if a.Rule == "Down" && a.Match == replay.OnlyThen {
			gone++
		}
	}
	if gone == 0 {
		t.Error("an alert that waits for 30 minutes is not said to be gone")
	}
	back := other.Watches[1].Now.Rollback
	if back == nil || back.Outcome != replay.RolledBack || back.To != "v2" {
		t.Errorf("in mode auto it would have been %+v, want a rollback to v2, which passed its watch", back)
	}
}

// What passed its watch as the fault of a drill is no good version, for the guardian and for a replay: it
// puts back what ran before.
func TestAReplayKnowsWhatWasADrill(t *testing.T) {
	dir, r := t.TempDir(), &secret.Redactor{}
	start, end := livedWith(t, dir, r, life{drill: true})
	same := replayed(t, dir, pastConfig, r, start, end)
	if !same.Same || same.Watches[0].Now.State != watch.Passed {
		text, _ := json.MarshalIndent(same, "", " ")
		t.Fatalf("the replay differs from what happened: %s", text)
	}
	for _, from := range []time.Duration{0, time.Hour - time.Minute} { // the drill in the replay, and before it
		report := replayed(t, dir, strings.Replace(pastConfig, "mode: observe", "mode: auto", 1), r, start.Add(from), end)
		bad := report.Watches[len(report.Watches)-2].Now
		if back := bad.Rollback; back == nil || back.Outcome != replay.RolledBack || back.To != "v1" {
			t.Errorf("from %s on it would have been %+v, want a rollback to v1", from, back)
		}
	}
}

// TestAReplayEndsTheWatchOfAVersionThatWasTakenBack when the steps of the rollback were done.
func TestAReplayEndsTheWatchOfAVersionThatWasTakenBack(t *testing.T) {
	dir, r := t.TempDir(), &secret.Redactor{}
	start, end := lived(t, dir, r, nil)
	journal, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "data", "journal.db")})
	if err != nil {
		t.Fatal(err)
	}
	lease, ok, err := journal.Acquire(t.Context(), "test", "", time.Hour)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	at := func(m int) time.Time { return start.Add(time.Duration(m) * time.Minute) }
	err = journal.Commit(t.Context(), lease.Token, store.Batch{Runs: []actions.Run{{
		ID: "r_person", Service: "orders", Environment: watch.DefaultEnvironment, Runbook: "back", Rollback: true, Rev: 1, From: "v0", To: "v1",
		State: actions.Cured, Trigger: actions.Trigger{Kind: actions.ByPerson, Person: "ada"}, Created: at(5), Started: at(5), Ended: at(30),
		Steps: []actions.StepRun{{Name: "switch", State: actions.StepDone, Started: at(5), Ended: at(20)}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := journal.Close(); err != nil {
		t.Fatal(err)
	}
	now := replayed(t, dir, pastConfig, r, start, end).Watches[0].Now
	if now == nil || now.State != watch.Superseded || !now.At.Equal(at(20)) {
		t.Errorf("the watch of v2: %+v", now)
	}
}

func TestTheScoreIsMadeOfWhatPeopleSaidAboutVerdicts(t *testing.T) {
	lived(t, t.TempDir(), &secret.Redactor{}, func(s app.Stepped) {
		b, by := s.Backend(), server.Caller{Name: "ada", Role: server.Deployer}
		score := func() watch.Score {
			t.Helper()
			all, err := b.Scores.Score(t.Context(), "orders", time.Time{}, time.Time{})
			if err != nil || len(all) != 1 {
				t.Fatalf("scores %+v, %v; want one", all, err)
			}
			return all[0]
		}
		before := score()
		if before.Judged != 2 || before.Failed != 1 || before.RolledBack != 1 || before.Unmarked != 1 || before.FalseRate.Estimate != 0 {
			t.Errorf("before anybody said anything: %+v", before)
		}
		ws, err := b.Watches.WatchList(t.Context(), server.Filter{Service: "orders", Limit: 10})
		if err != nil || len(ws) != 2 || ws[0].State != watch.Failed {
			t.Fatalf("watches %+v, %v", ws, err)
		}
		if p := ws[0].Plan; p == nil || p.To != "v2" || p.Runbook != "back" {
			t.Errorf("what would have been done: %+v, want back to v2", p)
		}
		marked, err := b.Marks.MarkWatch(t.Context(), ws[0].ID, watch.Mark{Kind: watch.MarkWrong, Note: "it was the network"}, by)
		if err != nil || marked.Mark == nil || marked.Mark.By != "ada" {
			t.Fatalf("marked %+v, %v", marked.Mark, err)
		}
		wrong := score()
		if wrong.Wrong != 1 || wrong.Unmarked != 0 || wrong.FalseRate.Estimate != 0.5 {
			t.Errorf("one wrong and one passed: %+v, want half", wrong)
		}
		// Clopper and Pearson's interval of one in two.
		if e := wrong.FalseRate; e.Low < 0.0125 || e.Low > 0.0127 || e.High < 0.9873 || e.High > 0.9875 {
			t.Errorf("interval %v to %v, want 0.0126 to 0.9874", e.Low, e.High)
		}
		if _, err := b.Marks.MarkWatch(t.Context(), ws[0].ID, watch.Mark{Kind: watch.MarkLate}, by); err != nil {
			t.Fatal(err)
		}
		if late := score(); late.Agreed != 1 || late.Late != 1 || late.Wrong != 0 {
			t.Errorf("the last word counts: %+v", late)
		} else if len(late.Causes) != 1 || late.Causes[0].Cause != ws[0].Verdict.Cause || late.Causes[0].Late != 1 || late.Causes[0].RolledBack != 1 {
			t.Errorf("by cause %+v, want one late verdict by %s", late.Causes, ws[0].Verdict.Cause)
		}
	})
}
