package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guardian/actions"
	"guardian/internal/server"
	"guardian/probes/sample"
)

// shops is a configuration of many services that roll back by themselves.
func shops(number int) (config string, names []string) {
	var services, checks strings.Builder
	for i := range number {
		name := fmt.Sprintf("s%02d", i+1)
		names = append(names, name)
		fmt.Fprintf(&services, "  - {name: %s, watch: {for: 30m, mode: auto}, rollback: back, known_good: [v0]}\n", name)
		fmt.Fprintf(&checks, "  - {name: c-%s, service: %s, every: 15s, http: {url: \"http://127.0.0.1:1/\"}}\n", name, name)
	}
	return `
server: {listen: "127.0.0.1:0", timezone: UTC}
services:
` + services.String() + `
checks:
` + checks.String() + `
runbooks:
  - {name: back, steps: [{name: switch, pause: {for: 1s}}], verify: {for: 0s}, approval: {timeout: 6h}}
receivers: [{name: oncall, webhook: {url: "http://127.0.0.1:1/"}}]
routes: {receiver: oncall}
`, names
}

// Twenty services are deployed and all fail within a minute: what they share is the cause. Nothing is rolled
// back, also not for the first of them whose verdict falls, people are asked about each, and one message tells
// them. Where only two fail, both are rolled back.
func TestTwentyServicesRedInAMinute(t *testing.T) {
	for red, want := range map[int]struct{ asks, cured, messages int }{20: {20, 0, 1}, 2: {0, 2, 2}} {
		t.Run(fmt.Sprint(red), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				config, names := shops(20)
				if err := os.WriteFile(filepath.Join(dir, "guardian.yaml"), []byte(config), 0o600); err != nil {
					t.Fatal(err)
				}
				p := &played{t: t, dir: dir, bad: map[string]bool{}}
				p.start()
				began := time.Now()
				for q := range 80 {
					quarter := began.Add(time.Duration(q) * 15 * time.Second)
					for i, name := range names {
						h := sample.Up
						// One after the other, within 57 seconds.
						if i < red && time.Since(began) >= 5*time.Minute+time.Duration(i)*3*time.Second {
							h = sample.Down
						}
						p.until(quarter.Add(time.Duration(i) * 100 * time.Millisecond))
						p.s.Look(sample.Sample{Check: "c-" + name, Kind: "http", Service: name, At: time.Now().UTC(), Observation: sample.Observation{Health: h}})
					}
					if q == 16 {
						for _, name := range names {
							if _, err := p.s.Backend().Deploys.Announce(t.Context(), server.DeployRequest{Service: name, Version: "v1", Reversible: true}, server.Caller{Name: "ci", Role: server.Admin}); err != nil {
								t.Fatal(err)
							}
						}
					}
					p.s.TickWatches()
					p.until(quarter.Add(14 * time.Second))
				}
				all, err := p.s.Backend().Runs.RunList(t.Context(), server.Filter{Limit: 100})
				if err != nil {
					t.Fatal(err)
				}
				states := map[actions.State]int{}
				for _, r := range all {
					states[r.State]++
					if r.State == actions.AwaitingApproval && r.Question.Why != actions.Brake {
						t.Errorf("%s asks because of %q", r.Service, r.Question.Why)
					}
				}
				if states[actions.AwaitingApproval] != want.asks || states[actions.Cured] != want.cured || len(all) != want.asks+want.cured {
					t.Errorf("the rollbacks are %v, want %d that ask and %d that are done", states, want.asks, want.cured)
				}
				titles, err := p.s.Deliveries(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				var failed, brake []string
				for _, title := range titles {
					switch {
					case strings.Contains(title, "个服务同时异常"), strings.Contains(title, "services fail at once"):
						brake = append(brake, title)
					case strings.Contains(title, "v1"):
						failed = append(failed, title)
					}
				}
				if red == 20 && (len(brake) != 1 || len(failed) > 0) || red == 2 && len(brake) > 0 {
					t.Errorf("people are told %q, and of single services %q", brake, failed)
				}
				if err := p.s.End(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}
