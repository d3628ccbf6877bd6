package app_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"guardian/actions"
	"guardian/actions/docker"
	"guardian/actions/kinds"
	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/internal/server"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

// container is a step whose container runs what the test says.
type container struct {
	actions.Step
	runs string
	away error
}

// Sees implements actions.Sighted.
func (*container) Sees() bool { return true }

// Sight implements actions.Sighted.
func (f *container) Sight(_ context.Context, c actions.Call) (actions.Sight, error) {
	p := actions.Part{Name: "shop", Runs: f.runs, Exact: f.runs, Should: "shop:" + c.Run.To, Fit: actions.Differs}
	if p.Runs == p.Should {
		p.Fit = actions.Fits
	}
	return actions.Sight{Target: "shop", Parts: []actions.Part{p}}, f.away
}

const driftingConfig = `
server: {listen: "127.0.0.1:0", timezone: UTC}
services: [{name: shop, rollback: back, watch: {for: 10m, mode: observe}}]
checks: [{name: front, service: shop, every: 1m, http: {url: "http://127.0.0.1:1/"}}]
default_rules: always
runbooks: [{name: back, steps: [{docker: {container: shop, image: "shop:{{.To}}"}}]}]
`

// drifting is a guardian whose service has a container, played minute by minute.
type drifting struct {
	app.Stepped
	t         *testing.T
	clock     *clock
	container *container
}

func (d *drifting) announce(version string) {
	d.t.Helper()
	if _, err := d.Backend().Deploys.Announce(d.t.Context(), server.DeployRequest{Service: "shop", Version: version}, server.Caller{Name: "ci", Role: server.Deployer}); err != nil {
		d.t.Fatal(err)
	}
}

// pass lets minutes pass, and gives what the check saw last.
func (d *drifting) pass(minutes int) (last sample.Sample) {
	d.t.Helper()
	for range minutes {
		d.clock.set(d.clock.now().Add(time.Minute))
		d.Look(sample.Sample{Check: "front", Kind: "http", Service: "shop", At: d.clock.now(), Observation: sample.Observation{Health: sample.Up}})
		d.TickWatches()
		last = d.LookAt(d.t.Context(), "shop-drift")
		if err := d.Minute(d.t.Context()); err != nil {
			d.t.Fatal(err)
		}
	}
	return last
}

// fires gives the alert about what runs, while it fires.
func (d *drifting) fires() (rules.Alert, bool) {
	for _, a := range d.OpenAlerts() {
		if a.Rule == "ConfigurationDrift" && a.State == rules.Firing {
			return a, true
		}
	}
	return rules.Alert{}, false
}

// What runs beside what should is an alert: not while a deploy is watched, not about what is not known, and until
// it is right again.
func TestWhatRunsAndShouldNotIsTold(t *testing.T) {
	d := &drifting{t: t, clock: newClock(time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)), container: &container{runs: "shop:v1"}}
	all := kinds.Builtin()
	all["docker"] = actions.Kind{Settings: docker.Kind().Settings, Build: func(any, actions.Env) (actions.Step, error) { return d.container, nil }}
	dir, r := t.TempDir(), &secret.Redactor{}
	a, err := app.New(t.Context(), app.Options{
		Load: func() (*config.Config, error) { return load(t, dir, driftingConfig, r) }, Redactor: r, Now: d.clock.now, Log: slog.New(slog.DiscardHandler), Actions: all,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Stop(context.WithoutCancel(t.Context())) })
	d.Stepped = app.Stepped{App: a}
	if err := d.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked := actions.Sighting{Service: "shop", Environment: watch.DefaultEnvironment, Target: "shop", Version: "v1"}
	d.announce("v1")
	if x := d.pass(5); x.Health != sample.Unknown || x.Reason.Code != "drift_watch" {
		t.Errorf("while the deploy is watched: %s (%s)", x.Health, x.Reason)
	}
	if _, ok, err := d.Sighted(t.Context(), asked); ok || err != nil {
		t.Errorf("recorded before its verdict: %v, %v", ok, err)
	}
	if x := d.pass(30); x.Health != sample.Up || !x.Reason.IsZero() {
		t.Errorf("v1 runs: %s (%s)", x.Health, x.Reason)
	}
	if s, ok, err := d.Sighted(t.Context(), asked); !ok || err != nil || s.Parts[0].Exact != "shop:v1" {
		t.Errorf("what v1 ran was not recorded: %+v, %v", s, err)
	}
	d.container.away = actions.Failure(reason.Text("no answer"))
	if x := d.pass(20); x.Health != sample.Unknown {
		t.Errorf("the engine is away: %s", x.Health)
	}
	if al, ok := d.fires(); ok {
		t.Errorf("what is not known is told: %+v", al)
	}
	d.container.away, d.container.runs = nil, "shop:v3"
	d.pass(8)
	if al, ok := d.fires(); ok {
		t.Errorf("told after eight minutes: %+v", al)
	}
	d.pass(4)
	al, ok := d.fires()
	if !ok || al.Labels["runs"] != "shop: shop:v3" || al.Labels["should"] != "shop: shop:v1" || !strings.Contains(al.Annotations["summary"], "shop:v3") || !strings.Contains(al.Annotations["summary_zh"], "应为") {
		t.Fatalf("after twelve minutes: %v, %+v", ok, al)
	}
	d.container.away = actions.Failure(reason.Text("no answer"))
	d.pass(20)
	if _, ok := d.fires(); !ok {
		t.Error("it is over because the engine is away")
	}
	d.container.away = nil
	d.announce("v3")
	d.pass(5)
	if _, ok := d.fires(); !ok {
		t.Error("it is over while the deploy is watched")
	}
	d.pass(30)
	if al, ok := d.fires(); ok {
		t.Errorf("v3 runs, was announced, and is still told: %+v", al)
	}
}
