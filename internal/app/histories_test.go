package app_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/model"
	"pgregory.net/rapid"

	"guardian/actions"
	"guardian/actions/kinds"
	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/internal/reason"
	"guardian/internal/replay"
	"guardian/internal/secret"
	"guardian/internal/series"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/notifiers/route"
	"guardian/probes"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/test/rig"
	"guardian/watch"
)

// How many random histories are played, and from which on.
var (
	histories    = flag.Int("histories", 20, "random histories that are played and replayed")
	firstHistory = flag.Int("first-history", 0, "number of the first one")
)

// The times of runbooks are no multiples of the looks', so that no two things happen at once.
const historyConfig = `
server: {listen: "127.0.0.1:0", timezone: UTC}
services:
  - {name: orders, watch: {for: 10m, mode: auto}, rollback: back, known_good: [v0]}
  - {name: prices, watch: {for: 10m, mode: approve}, rollback: back, known_good: [v0]}
  - {name: stock, watch: {for: 10m, mode: observe}, rollback: back, known_good: [v0]}
checks:
  - {name: push, service: orders, every: 15s, http: {url: "http://127.0.0.1:1/"}}
  - {name: price, service: prices, every: 15s, http: {url: "http://127.0.0.1:1/"}}
  - {name: count, service: stock, every: 15s, http: {url: "http://127.0.0.1:1/"}}
rules: [rules.yaml]
runbooks:
  - {name: back, steps: [{name: switch, pause: {for: 23s}}], verify: {for: 0s}, cooldown: 5m3s, max_runs_per_day: 4, approval: {timeout: 6m7s}}
  - {name: restart, steps: [{name: drain, pause: {for: 97s}}], verify: {for: 0s}, cooldown: 63s, max_runs_per_day: 9, approval: {timeout: 4m7s}}
  - {name: drain, steps: [{name: wait, pause: {for: 71s}}], verify: {for: 0s}, cooldown: 41s, max_runs_per_day: 9, approval: {timeout: 4m7s}}
  - {name: shift, steps: [{name: wait, pause: {for: 83s}}], verify: {for: 0s}, cooldown: 0s, max_runs_per_day: 99}
  - {name: widen, steps: [{name: wait, pause: {for: 131s}}], verify: {for: 0s}, cooldown: 0s, max_runs_per_day: 99}
  - {name: page, steps: [{name: ring, pause: {for: 5s, fails: true}}], verify: {for: 0s}, cooldown: 63s, max_runs_per_day: 9}
on_alert:
  - {match: {alertname: Down, service: orders}, runbook: restart, mode: auto}
  - {match: {alertname: Down, service: prices}, runbook: restart, mode: approve}
  - {match: {alertname: Down, service: stock}, runbook: page, mode: auto}
  - {match: {alertname: LongDown, service: orders}, runbook: drain, mode: auto}
  - {match: {alertname: LongDown, service: prices}, runbook: drain, mode: auto}
  - {match: {alertname: VeryLongDown, service: orders}, runbook: shift, mode: auto}
  - {match: {alertname: SomeDown}, runbook: shift, mode: auto}
  - {match: {alertname: ManyDown}, runbook: widen, mode: auto}
  - {match: {alertname: AllDown}, runbook: shift, mode: auto}
brake: {max_failing_services: 2, within: 601s}
receivers: [{name: oncall, webhook: {url: "http://127.0.0.1:1/"}}, {name: others, webhook: {url: "http://127.0.0.1:1/"}}]
routes: {receiver: oncall, repeat_interval: 7m, routes: [{receiver: others, matchers: ['service="prices"'], continue: true}, {receiver: oncall, matchers: ['service="prices"'], repeat_interval: 4m}]}
maintenance: [{name: stock-count, service: stock, from: 2000-01-01T00:25:00Z, to: 2000-01-01T00:40:00Z}]
`

const historyRules = `
groups:
  - name: outages
    interval: 1m
    rules:
      - {alert: Down, expr: 'min by (service) (probe_success) == 0', for: 1m, labels: {tier: critical, alertname: Down}}
      - {alert: LongDown, expr: 'min by (service) (probe_success) == 0', for: 2m, labels: {tier: critical, alertname: LongDown}}
      - {alert: VeryLongDown, expr: 'min by (service) (probe_success) == 0', for: 3m, labels: {tier: critical, alertname: VeryLongDown}}
      - {alert: SomeDown, expr: 'sum(probe_success) < 3', for: 1m, labels: {tier: warning}}
      - {alert: ManyDown, expr: 'sum(probe_success) < 2', for: 1m, labels: {tier: warning}}
      - {alert: AllDown, expr: 'sum(probe_success) < 1', for: 1m, labels: {tier: warning}}
`

// pauseSettings is a step that takes a time and does nothing.
type pauseSettings struct {
	For   model.Duration `yaml:"for" doc:"How long it takes."`
	Fails bool           `yaml:"fails" doc:"Whether it fails in the end."`
}

func (*pauseSettings) Validate() error { return nil }

type pause struct{ pauseSettings }

func (p pause) Do(ctx context.Context, _ actions.Call) (string, error) {
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-time.After(time.Duration(p.For)):
	}
	if p.Fails {
		return "", errors.New("nobody picks up")
	}
	return "done", nil
}

// Status implements actions.Step: a pause that was interrupted did not happen.
func (pause) Status(context.Context, actions.Call) (actions.Outcome, reason.Reason, error) {
	return actions.NotHappened, reason.Reason{}, nil
}

func withPause() map[string]actions.Kind {
	all := kinds.Builtin()
	all["pause"] = actions.Kind{
		Settings: func() any { return &pauseSettings{For: model.Duration(time.Second)} },
		Build: func(s any, _ actions.Env) (actions.Step, error) {
			return pause{*s.(*pauseSettings)}, nil //nolint:forcetypeassert // Settings made it
		},
	}
	return all
}

// event is something that happens to a guardian at a moment: a quarter of a minute, and for
// what people do some seconds later.
type event struct {
	Quarter int
	What    string // deploy, begin, end, withdraw, fail, heal, approve, reject, abort, restart, silence, unsilence, ack, cancel, rollback
	Service string
	Version string
}

// String is one line of a counterexample.
func (e event) String() string {
	return fmt.Sprintf("%s %s %s %s", time.Duration(e.Quarter)*15*time.Second, e.What, e.Service, e.Version)
}

// order puts deploys before what people do in the same quarter.
func (e event) order() int {
	if e.What == "deploy" || e.What == "begin" {
		return 0
	}
	return 1
}

const quarters = 4 * 60

// services are those of the configuration, in the order in which their checks look.
func services() []string { return []string{"orders", "prices", "stock"} }

func drawHistory(t *rapid.T) []event {
	what := rapid.SampledFrom([]string{
		"deploy", "deploy", "deploy", "fail", "fail", "fail", "heal", "heal", "approve", "approve", "reject", "abort",
		"restart", "silence", "unsilence", "ack", "cancel", "rollback",
	})
	var all []event
	for at := rapid.IntRange(4, 20).Draw(t, "from"); at < quarters-8; at += rapid.IntRange(0, 14).Draw(t, "later") {
		e := event{Quarter: at, What: what.Draw(t, "what"), Service: rapid.SampledFrom(services()).Draw(t, "service")}
		switch e.What {
		case "deploy":
			e.Version = rapid.SampledFrom([]string{"v0", "v1", "v2", "v3", "v4"}).Draw(t, "version")
			// Most bad deploys are bad from their first look.
			if rapid.IntRange(0, 2).Draw(t, "bad") == 0 {
				all = append(all, e, event{Quarter: at, What: "fail", Service: e.Service})
				continue
			}
		case "restart":
			e.Service = ""
		}
		all = append(all, e)
	}
	return all
}

// played is a guardian that lives through a history.
type played struct {
	t       *testing.T
	dir     string
	s       app.Stepped
	bad     map[string]bool // by service
	last    string          // silence
	rolling string          // the deploy that began last
}

func (p *played) start() {
	p.t.Helper()
	r := &secret.Redactor{}
	a, err := app.New(p.t.Context(), app.Options{
		Load: func() (*config.Config, error) {
			path := filepath.Join(p.dir, "guardian.yaml")
			return config.Load(path, config.Options{Redactor: r, Actions: withPause()})
		},
		Actions: withPause(), Redactor: r, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.s = app.Stepped{App: a}
	if err := p.s.Begin(context.WithoutCancel(p.t.Context())); err != nil {
		p.t.Fatal(err)
	}
	p.s.Drive()
}

// play lives through a history, quarter by quarter.
func (p *played) play(history []event) {
	p.t.Helper()
	check := map[string]string{"orders": "push", "prices": "price", "stock": "count"}
	began := time.Now()
	for q := range quarters {
		quarter := began.Add(time.Duration(q) * 15 * time.Second)
		p.s.TickWatches()
		for _, service := range services() {
			h := sample.Up
			if p.bad[service] {
				h = sample.Down
			}
			p.s.Look(sample.Sample{Check: check[service], Kind: "http", Service: service, At: time.Now().UTC(), Observation: sample.Observation{Health: h}})
		}
		p.until(quarter.Add(2 * time.Second))
		p.s.Tick()
		p.until(quarter.Add(5 * time.Second))
		p.s.TickWatches()
		// Deploys first; what people do comes at moments at which nothing else happens.
		var now []event
		for len(history) > 0 && history[0].Quarter == q {
			now, history = append(now, history[0]), history[1:]
		}
		slices.SortStableFunc(now, func(x, y event) int { return cmp.Compare(x.order(), y.order()) })
		for _, e := range now {
			if e.order() > 0 {
				time.Sleep(time.Second / 8)
			}
			p.happens(e)
			synctest.Wait()
		}
		p.until(quarter.Add(7 * time.Second))
		p.s.Tick()
		p.until(quarter.Add(12 * time.Second))
		p.s.Tick()
		p.until(quarter.Add(15 * time.Second))
	}
}

// until lets everything else go on until a moment.
func (p *played) until(at time.Time) {
	synctest.Wait()
	time.Sleep(time.Until(at))
}

func (p *played) happens(e event) {
	p.t.Helper()
	ctx, b, by := p.t.Context(), p.s.Backend(), server.Caller{Name: "ada", Role: server.Admin}
	switch e.What {
	case "fail":
		p.bad[e.Service] = true
	case "heal":
		p.bad[e.Service] = false
	case "deploy":
		_, err := b.Deploys.Announce(ctx, server.DeployRequest{Service: e.Service, Version: e.Version, Reversible: true}, by)
		if err != nil {
			p.t.Fatalf("%v: %v", e, err)
		}
	case "begin":
		a, err := b.Deploys.Announce(ctx, server.DeployRequest{Service: e.Service, Version: e.Version, Reversible: true, Begins: true}, by)
		if err != nil {
			p.t.Fatalf("%v: %v", e, err)
		}
		p.rolling = a.Deploy.ID
	case "end", "withdraw":
		if _, err := b.Deploys.EndDeploy(ctx, p.rolling, server.DeployEnd{Withdrawn: e.What == "withdraw"}, by); err != nil {
			p.t.Fatalf("%v: %v", e, err)
		}
	case "approve", "reject", "abort":
		runs, err := b.Runs.RunList(ctx, server.Filter{Service: e.Service, Open: true, Limit: 10})
		if err != nil {
			p.t.Fatal(err)
		}
		for _, r := range runs {
			if r.State == actions.AwaitingApproval || e.What == "abort" {
				_, _ = b.RunControl.AnswerRun(ctx, r.ID, server.RunAnswer{Decision: server.Decision(e.What)}, by)
			}
		}
	case "rollback":
		_, _ = b.RunControl.StartRun(ctx, server.RunRequest{Service: e.Service, To: "v0", Reason: "it looks wrong"}, by)
	case "cancel":
		ws, err := b.Watches.WatchList(ctx, server.Filter{Service: e.Service, Open: true, Limit: 10})
		if err != nil {
			p.t.Fatal(err)
		}
		for _, w := range ws {
			_, _ = b.Watches.CancelWatch(ctx, w.ID, by)
		}
	case "silence":
		m, err := route.ParseMatchers(`service="` + e.Service + `"`)
		if err != nil {
			p.t.Fatal(err)
		}
		s, err := b.Silences.CreateSilence(ctx, route.Silence{Matchers: m, Until: time.Now().Add(8*time.Minute + 3*time.Second), Comment: "known"}, by)
		if err != nil {
			p.t.Fatal(err)
		}
		p.last = s.ID
	case "unsilence":
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(1400 * time.Millisecond))) // as no silence begins
		_ = b.Silences.ExpireSilence(ctx, p.last, by)
	case "ack":
		for _, al := range p.s.OpenAlerts() {
			if al.State == rules.Firing && al.Service() == e.Service {
				_, _ = b.Acks.AckAlert(ctx, al.ID, "", by)
			}
		}
	case "restart":
		if err := p.s.End(); err != nil {
			p.t.Fatal(err)
		}
		p.start()
	}
}

// live plays a history and gives what a replay of it says.
func live(t *testing.T, history []event) (report replay.Report) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		for name, text := range map[string]string{"guardian.yaml": historyConfig, "rules.yaml": historyRules} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		p := &played{t: t, dir: dir, bad: map[string]bool{}}
		time.Sleep(57 * time.Second)
		p.start() // its rules are evaluated at other moments than those of looks
		time.Sleep(3 * time.Second)
		from := time.Now()
		p.play(history)
		if err := p.s.End(); err != nil {
			t.Fatal(err)
		}
		conf, err := config.Load(filepath.Join(dir, "guardian.yaml"), config.Options{Actions: withPause()})
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
		report, err = replay.Run(t.Context(), replay.Options{
			Config: conf, Kinds: probes.Builtin(), Samples: samples, Journal: journal, From: from, To: from.Add(quarters * 15 * time.Second), Step: 15 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		if !report.Same {
			report.Notes = append(report.Notes, noticesThen(t, journal)...)
		}
	})
	return report
}

// noticesThen lists the notices that were sent, for the reader of a difference.
func noticesThen(t *testing.T, journal *store.Store) (lines []string) {
	t.Helper()
	sent, err := journal.Deliveries(t.Context(), store.DeliveryFilter{Limit: store.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range slices.Backward(sent) {
		if k := d.Notice.Labels["kind"]; k == "alert" || k == "watch" || k == "blind" {
			lines = append(lines, fmt.Sprintf("then %s %s %s", d.Notice.Created.Format(time.TimeOnly), d.Receiver, d.Notice.Title))
		}
	}
	return lines
}

// What a guardian decided, its replay with the same configuration decides again: over random
// histories of deploys, outages, alerts that start runbooks, approvals, silences, maintenance
// and restarts there is no difference at all.
func TestRandomHistoriesReplayWithoutADifference(t *testing.T) {
	happened, number := map[string]int{}, *histories
	if rig.RaceEnabled { // a few: the rest is played without the race detector, in a fifth of the time
		number = min(number, 4)
	}
	for i := *firstHistory; i < *firstHistory+number; i++ {
		history := rapid.Custom(drawHistory).Example(i)
		report := live(t, history)
		for _, w := range report.Watches {
			if w.Then != nil {
				happened["watch "+string(w.Then.State)]++
				if w.Then.Rollback != nil {
					happened["rollback "+string(w.Then.Rollback.Outcome)]++
				}
			}
		}
		for _, a := range report.Acts {
			happened["act "+string(a.Then)]++
		}
		happened["alerts"] += len(report.Alerts)
		happened["notices"] += len(report.Notices)
		if report.Same {
			continue
		}
		for _, e := range history {
			t.Log(e)
		}
		text, _ := json.MarshalIndent(differences(report), "", " ")
		t.Fatalf("history %d: the replay differs from what happened: %s", i, text)
	}
	t.Log(happened)
	if number < *histories {
		return
	}
	for _, what := range []string{
		"watch passed", "watch failed", "watch superseded", "rollback rolled_back", "rollback asked", "rollback only_told", "act rolled_back", "act refused", "alerts", "notices",
	} {
		if happened[what] == 0 {
			t.Errorf("%s: this never happened; the histories say too little", what)
		}
	}
}

// A deploy that was withdrawn is no version for a replay, neither: the next one is compared with, and
// put back to, what ran before it.
func TestAWithdrawnDeployIsReplayedAsOne(t *testing.T) {
	for end, want := range map[string]string{
		"withdraw": "v1 passed, v2 cancelled, v3 failed, back to v1",
		"end":      "v1 passed, v2 passed, v3 failed, back to v2",
	} {
		t.Run(end, func(t *testing.T) {
			report := live(t, []event{
				{4, "deploy", "orders", "v1"},
				{60, "begin", "orders", "v2"},
				{64, end, "orders", ""},
				{120, "deploy", "orders", "v3"},
				{120, "fail", "orders", ""},
			})
			if !report.Same {
				text, _ := json.MarshalIndent(differences(report), "", " ")
				t.Errorf("the replay differs from what happened: %s", text)
			}
			var states []string
			for _, w := range report.Watches {
				states = append(states, w.Version+" "+string(w.Then.State))
				if w.Version == "v3" && w.Then.Rollback != nil {
					states = append(states, "back to "+w.Then.Rollback.To)
				}
			}
			if got := strings.Join(states, ", "); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}

// differences is the part of a report that differs.
func differences(r replay.Report) map[string]any {
	notes := r.Notes
	for _, n := range r.Notices {
		notes = append(notes, fmt.Sprintf("now  %s %s %s", n.At.Format(time.TimeOnly), n.Receiver, n.Title))
	}
	out := map[string]any{"counts": r.Counts, "notes": notes}
	var alerts []replay.Alert
	for _, a := range r.Alerts {
		if a.Match != replay.Same {
			alerts = append(alerts, a)
		}
	}
	var watches []replay.Watch
	for _, w := range r.Watches {
		if w.Match != replay.Same {
			watches = append(watches, w)
		}
	}
	var acts []replay.Act
	for _, a := range r.Acts {
		if a.Match != replay.Same {
			acts = append(acts, a)
		}
	}
	out["alerts"], out["watches"], out["acts"] = alerts, watches, acts
	return out
}

// The verdict of a deploy whose outage has begun an alert's runbook already: its rollback waits
// for the end of that run, live and in the replay.
func TestAVerdictBehindTheRunOfAnAlertIsQueuedInTheReplayToo(t *testing.T) {
	report := live(t, []event{
		{Quarter: 20, What: "deploy", Service: "orders", Version: "v1"},
		{Quarter: 20, What: "fail", Service: "orders"},
		{Quarter: 40, What: "heal", Service: "orders"},
	})
	if !report.Same {
		text, _ := json.MarshalIndent(differences(report), "", " ")
		t.Fatalf("the replay differs from what happened: %s", text)
	}
	if len(report.Watches) != 1 || report.Watches[0].Then.State != watch.Failed || len(report.Acts) == 0 || report.Acts[0].Runbook != "restart" {
		t.Fatalf("watches %+v, acts %+v; want one failed watch and the run of an alert", report.Watches, report.Acts)
	}
}
