package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"guardian/internal/drills"
)

// rehearsal is a world with a service that stands for another one: it is bad while its file says so. What
// is done to it is noted, a line for each act, and an act waits while there is a file of its name.
type rehearsal struct {
	*world
	t   *testing.T
	dir string
}

func newRehearsal(t *testing.T) *rehearsal {
	t.Helper()
	r := &rehearsal{world: newWorld(t), t: t, dir: t.TempDir()}
	r.write("act.sh", `#!/bin/sh
# act NAME STATE: what the service is from now on
echo "$1" >> DIR/acts
while [ -e "DIR/hold-$1" ]; do sleep 0.02; done
[ -e "DIR/fail-$1" ] && exit 3
echo "$2" > DIR/state
`)
	return r
}

func (r *rehearsal) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rehearsal) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(r.path(name), []byte(strings.ReplaceAll(text, "DIR", r.dir)), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rehearsal) remove(name string) {
	r.t.Helper()
	if err := os.Remove(r.path(name)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rehearsal) acts() []string {
	b, _ := os.ReadFile(r.path("acts"))
	return strings.Fields(string(b))
}

// config is the world's with the service that stands for order-sync, and a drill of it.
func (r *rehearsal) config(extra string) string {
	staging := newServer(r.t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		if b, _ := os.ReadFile(r.path("state")); strings.TrimSpace(string(b)) == "bad" {
			rw.WriteHeader(http.StatusInternalServerError)
		}
	}))
	service := `
  - name: order-sync-staging
    environment: staging
    production: false
    objective: {availability: 99.9%}
    watch: {for: 10m, mode: auto, min_samples: 5, max_blind: 0s}
    rollback: back-staging
    known_good: [v1]
checks:
  - {name: staging, service: order-sync-staging, every: 500ms, blind_after: 1m, http: {url: "` + staging + `"}}
  - name: service
`
	book := `
  - name: back-staging
    steps:
      - {name: stop, exec: {command: [DIR/act.sh, stop, bad], status_command: [/bin/sh, -c, "exit 1"]}}
      - {name: put back, exec: {command: [DIR/act.sh, back, good], status_command: [/bin/sh, -c, "exit 1"]}}
    verify: {for: 30s, every: 100ms, successes: 2}
drills:
  - name: weekly
    service: order-sync-staging
    inject: [{exec: {command: [DIR/act.sh, inject, bad], status_command: [grep, -q, bad, DIR/state]}}]
    restore: [{exec: {command: [DIR/act.sh, restore, good]}, idempotent: true}]
    within: 10m
` + extra
	text := strings.Replace(r.world.config(configOptions{extra: book}), "\nchecks:\n  - name: service\n", service, 1)
	return strings.ReplaceAll(text, "DIR", r.dir)
}

// drillView is a drill in the API.
type drillView struct {
	ID, Phase, Result, Reason string
	Version, Rollback         string
	LeftBroken                bool `json:"left_broken"`
	Stages                    []struct {
		Stage   string
		Seconds float64
	}
	Took     float64 `json:"took_seconds"`
	Reaction float64 `json:"reaction_seconds"`
	Cure     float64 `json:"cure_seconds"`
}

func startDrill(g *guardian) drillView {
	var d drillView
	g.Call(http.MethodPost, "/api/v1/drills", map[string]any{"drill": "weekly"}, &d)
	return d
}

func endOf(t *testing.T, g *guardian, id string) (d drillView) {
	t.Helper()
	eventually(t, "the end of the drill", func() bool {
		return g.Try(http.MethodGet, "/api/v1/drills/"+id, nil, &d) == nil && d.Phase == string(drills.Over)
	})
	return d
}

func TestADrillIsFoundRolledBackAndMeasured(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t)
	g := newGuardian(t, r.config(""), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("staging")
	g.Up("service")
	out, said, code := shell(t, g, "drill", "back-staging", "--wait")
	if code != 0 {
		t.Fatalf("it ended with %d: %s%s", code, out, said)
	}
	for _, want := range []string{"passed, cured after", "first_step", "verdict to first step: ", "verdict to cured: "} {
		if !strings.Contains(out, want) {
			t.Errorf("the command does not say %q:\n%s", want, out)
		}
	}
	var all struct {
		Drills     []drillView
		Configured []struct{ Overdue bool }
	}
	g.Call(http.MethodGet, "/api/v1/drills", nil, &all)
	if len(all.Drills) != 1 || len(all.Configured) != 1 || all.Configured[0].Overdue {
		t.Fatalf("listed: %+v", all)
	}
	d := all.Drills[0]
	var stages []string
	for _, s := range d.Stages {
		stages = append(stages, s.Stage)
	}
	if want := []string{"injected", "failing", "verdict", "first_step", "last_step", "cured"}; !slices.Equal(stages, want) {
		t.Errorf("its stages are %v, want %v", stages, want)
	}
	if d.Reaction <= 0 || d.Cure <= d.Reaction || d.Took < d.Cure || d.LeftBroken {
		t.Errorf("reaction %v, cure %v, took %v", d.Reaction, d.Cure, d.Took)
	}
	t.Logf("verdict to first step %.3f s, verdict to cured %.3f s, fault to cured %.3f s", d.Reaction, d.Cure, d.Took)
	if want := []string{"inject", "stop", "back", "restore"}; !slices.Equal(r.acts(), want) {
		t.Errorf("done: %v, want %v", r.acts(), want)
	}
	eventually(t, "the word of it", func() bool { return r.heard("Drill weekly passed: order-sync-staging (staging) was cured in ") == 1 })
	wantCountsForNothing(t, g, d)
	again := endOf(t, g, startDrill(g).ID) // no cool-down keeps the next one
	if again.Result != "passed" || again.Version == d.Version {
		t.Errorf("a second drill: %+v", again)
	}
}

// wantCountsForNothing looks at what a drill must not touch.
func wantCountsForNothing(t *testing.T, g *guardian, d drillView) {
	t.Helper()
	var report struct {
		Services []struct {
			Name  string
			Times struct {
				Down float64 `json:"down_seconds"`
			}
			Changes struct {
				Deploys, Failed int
			}
			Rollbacks struct{ Total, Drills int }
		}
	}
	g.Call(http.MethodGet, "/sla.json?month="+time.Now().UTC().Format("2006-01"), nil, &report)
	for _, s := range report.Services {
		if s.Name == "order-sync-staging" && (s.Times.Down > 0 || s.Changes.Deploys > 0 || s.Rollbacks.Total > 0 || s.Rollbacks.Drills != 1) {
			t.Errorf("the report counts a drill: %+v", s)
		}
	}
	for _, service := range []string{"order-sync", "order-sync-staging"} {
		var gate struct{ Open bool }
		g.Call(http.MethodGet, "/api/v1/gate?service="+service, nil, &gate)
		if !gate.Open {
			t.Errorf("a drill closes the gate of %s", service)
		}
	}
	var services struct {
		Services []struct {
			Name      string
			KnownGood []string `json:"known_good"`
			Version   string
		}
	}
	g.Call(http.MethodGet, "/api/v1/services", nil, &services)
	for _, s := range services.Services {
		if slices.Contains(s.KnownGood, d.Version) || s.Version == d.Version {
			t.Errorf("the fault of a drill is taken for a version: %+v", s)
		}
	}
}

// A drill whose rollback fails takes its fault back all the same, and is an alert.
func TestADrillThatFailsTakesItsFaultBackAndIsAnAlert(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t)
	r.write("fail-back", "")
	g := newGuardian(t, r.config(""), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("staging")
	d := endOf(t, g, startDrill(g).ID)
	if d.Result != "failed" || d.LeftBroken || !strings.Contains(d.Reason, "exit status 3") {
		t.Errorf("%+v", d)
	}
	if want := []string{"inject", "stop", "back", "restore"}; !slices.Equal(r.acts(), want) {
		t.Errorf("done: %v, want %v", r.acts(), want)
	}
	eventually(t, "the alert", func() bool {
		return r.heard("the drill weekly failed: order-sync-staging would not have been rolled back") >= 1
	})
	// Its version does not run, and is no version: the next rollback goes from what ran before.
	var ds struct {
		Deploys []struct {
			Version string
			Void    time.Time
		}
	}
	g.Call(http.MethodGet, "/api/v1/deploys?service=order-sync-staging", nil, &ds)
	if len(ds.Deploys) != 1 || ds.Deploys[0].Void.IsZero() {
		t.Errorf("its deploy is %+v", ds.Deploys)
	}
}

// A guardian that is killed in the middle injects nothing a second time, and takes the fault back.
func TestADrillThatIsInterruptedIsResolvedAndNeverRepeated(t *testing.T) {
	t.Parallel()
	for _, during := range []string{"inject", "back", "restore"} {
		t.Run(during, func(t *testing.T) {
			t.Parallel()
			r := newRehearsal(t)
			r.write("hold-"+during, "")
			g := newGuardian(t, r.config(""), map[string]string{"rules.yaml": noRules})
			g.Start()
			g.Up("staging")
			id := startDrill(g).ID
			eventually(t, "what it is killed in", func() bool { return slices.Contains(r.acts(), during) })
			g.Kill()
			r.remove("hold-" + during)
			if during == "inject" { // the program was not killed: it comes to its end
				eventually(t, "the fault", func() bool { b, _ := os.ReadFile(r.path("state")); return strings.HasPrefix(string(b), "bad") })
			}
			g.Start()
			d := endOf(t, g, id)
			if n := count(r.acts(), "inject"); n != 1 {
				t.Errorf("the fault was injected %d times: %v", n, r.acts())
			}
			if b, _ := os.ReadFile(r.path("state")); strings.TrimSpace(string(b)) != "good" || count(r.acts(), "restore") == 0 || d.LeftBroken {
				t.Errorf("the fault was not taken back: %v, %+v", r.acts(), d)
			}
			if d.Result != "passed" {
				t.Errorf("it is %s: %s", d.Result, d.Reason)
			}
			var all struct{ Drills []drillView }
			g.Call(http.MethodGet, "/api/v1/drills", nil, &all)
			if len(all.Drills) != 1 {
				t.Errorf("there are %d drills", len(all.Drills))
			}
		})
	}
}

func count(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}

// A service that becomes production while it is broken is not touched any more: the next step is refused,
// and people hear that the fault is still there.
func TestAServiceThatBecomesProductionDuringADrillIsNotTouchedAnyMore(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t)
	r.write("hold-stop", "")
	g := newGuardian(t, r.config(""), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("staging")
	id := startDrill(g).ID
	eventually(t, "the first step of the rollback", func() bool { return slices.Contains(r.acts(), "stop") })
	text, err := os.ReadFile(g.File)
	if err != nil {
		t.Fatal(err)
	}
	production, _, _ := strings.Cut(strings.Replace(string(text), "production: false", "production: true", 1), "\ndrills:")
	g.Write("guardian.yaml", production+"\n")
	g.Signal(syscall.SIGHUP)
	eventually(t, "the configuration", func() bool {
		var all struct{ Configured []struct{ Drill string } }
		return g.Try(http.MethodGet, "/api/v1/drills", nil, &all) == nil && len(all.Configured) == 0
	})
	r.remove("hold-stop")
	d := endOf(t, g, id)
	if !d.LeftBroken || d.Result != "failed" {
		t.Errorf("%+v", d)
	}
	if want := []string{"inject", "stop"}; !slices.Equal(r.acts(), want) {
		t.Errorf("done: %v, want %v", r.acts(), want)
	}
	run := g.RunState(d.Rollback, "failed")
	if !strings.Contains(run.Reason, "was refused") || !strings.Contains(run.Reason, "production: false") {
		t.Errorf("the rollback says %q", run.Reason)
	}
	eventually(t, "the word of it", func() bool { return r.heard("Drill weekly left order-sync-staging (staging) broken") == 1 })
}

// A drill does not begin where it would tell nothing, or is not wanted.
func TestWhenADrillDoesNotBegin(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t)
	r.write("state", "bad")
	g := newGuardian(t, r.config(""), map[string]string{"rules.yaml": noRules})
	g.Start()
	refused := func(why string) {
		t.Helper()
		eventually(t, why, func() bool {
			err := g.Try(http.MethodPost, "/api/v1/drills", map[string]any{"drill": "weekly"}, nil)
			return err != nil && strings.Contains(err.Error(), "409") && strings.Contains(err.Error(), why)
		})
	}
	refused("the service is not well")
	r.write("state", "good")
	g.Up("staging")
	id := g.Deploy("v1", map[string]any{"service": "order-sync-staging"})
	refused("is being watched")
	g.Call(http.MethodPost, "/api/v1/watches/"+id+"/cancel", map[string]any{}, nil)
	g.Call(http.MethodPost, "/api/v1/windows", map[string]any{"kind": "hold", "for": "1h", "reason": "stocktaking"}, nil)
	refused("stocktaking")
	if acts := r.acts(); len(acts) != 0 {
		t.Errorf("it did %v", acts)
	}
}
