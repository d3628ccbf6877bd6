package app_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"guardian/actions"
	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/internal/secret"
	"guardian/internal/server"
	"guardian/internal/server/servertest"
	"guardian/probes/sample"
	"guardian/rules"
)

const contractConfig = `
server: {listen: "127.0.0.1:0", timezone: UTC}
tokens: [{name: ci, role: deployer, token: "a-token-of-the-contract"}]
services: [{name: orders, watch: {for: 30m, mode: observe}, rollback: back, known_good: [v1]}]
checks:
  - {name: push, service: orders, every: 15s, http: {url: "http://127.0.0.1:1/"}}
  - {name: nightly, service: orders, every: 1m, heartbeat: {period: 24h}}
rules: [rules.yaml]
runbooks:
  - {name: back, steps: [{name: no, webhook: {url: "http://127.0.0.1:1/"}}]}
  - {name: pause, steps: [{name: no, webhook: {url: "http://127.0.0.1:1/"}}]}
flags: [{name: pause-writes, owner: price-team}]
ingest: [lost]
on_alert: [{match: {alertname: Lost}, runbook: pause, mode: approve}]
`

const contractRules = `
groups:
  - name: contract
    interval: 1m
    rules:
      - {alert: Down, expr: 'probe_success{check="push"} == 0', labels: {tier: critical}}
      - {alert: Lost, expr: 'lost{service="orders"} > 0', labels: {tier: critical}}
`

func TestTheBackEndKeepsTheServersContract(t *testing.T) {
	servertest.Run(t, func(t *testing.T) servertest.World {
		t.Helper()
		dir, r, c := t.TempDir(), &secret.Redactor{}, newClock(time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC))
		if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(contractRules), 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := app.New(t.Context(), app.Options{
			Load: func() (*config.Config, error) { return load(t, dir, contractConfig, r) }, Redactor: r, Now: c.now, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		s := app.Stepped{App: a}
		if err := s.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = a.Stop(context.Background()) })
		look := func(h sample.Health) {
			s.Look(sample.Sample{Check: "push", Kind: "http", Service: "orders", At: c.now(), Observation: sample.Observation{Health: h}})
		}
		look(sample.Up)
		fire := func(t *testing.T, rule string) string {
			t.Helper()
			if err := s.Minute(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, al := range s.OpenAlerts() {
				if al.Rule == rule && al.State == rules.Firing {
					return al.ID
				}
			}
			t.Fatalf("%s does not fire: %+v", rule, s.OpenAlerts())
			return ""
		}
		return servertest.World{
			Backend: a.Backend(), Service: "orders", Check: "push", Heartbeat: "nightly",
			Token: "a-token-of-the-contract", Owner: server.Caller{Name: "ci", Role: server.Deployer},
			Flag:    "pause-writes",
			Calls:   server.CallReport{Marketplace: "amazon", Shop: "us-1", Operation: "getOrder", Calls: 12, At: c.now()},
			Now:     c.now,
			Advance: func(d time.Duration) { c.set(c.now().Add(d)) },
			Fire: func(t *testing.T) string {
				t.Helper()
				c.set(c.now().Add(15 * time.Second))
				look(sample.Down)
				return fire(t, "Down")
			},
			Tell: func(t *testing.T, alert string) string {
				t.Helper()
				id, err := s.Tell(alert)
				if err != nil {
					t.Fatal(err)
				}
				return id
			},
			Ask: func(t *testing.T) string {
				t.Helper()
				if err := a.Write(t.Context(), map[string]string{"__name__": "lost", "service": "orders"}, 1); err != nil {
					t.Fatal(err)
				}
				fire(t, "Lost")
				for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
					runs, err := a.Backend().Runs.RunList(t.Context(), server.Filter{Open: true, Limit: 1})
					if err != nil {
						t.Fatal(err)
					}
					if len(runs) == 1 && runs[0].State == actions.AwaitingApproval {
						return runs[0].ID
					}
				}
				t.Fatal("no run was begun for the alert")
				return ""
			},
			StandBy: s.StandBy,
		}
	})
}
