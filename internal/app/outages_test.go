package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

const cutConfig = `
server: {listen: "127.0.0.1:0", timezone: UTC}
services: [{name: orders}]
defaults: {blind_after: 1m}
receivers: [{name: oncall, webhook: {url: "http://127.0.0.1:1/"}}]
routes: {receiver: oncall}
checks:
  - {name: one, service: orders, every: 10s, blind_after: 1m, network_path: hk, http: {url: "http://127.0.0.1:1/"}}
  - {name: two, service: orders, every: 20s, blind_after: 1m, network_path: hk, http: {url: "http://127.0.0.1:1/"}}
  - {name: control, service: orders, every: 10s, blind_after: 1m, network_path: hk, control: true, http: {url: "http://127.0.0.1:1/"}}
  - {name: other, service: orders, every: 10s, blind_after: 1m, http: {url: "http://127.0.0.1:1/"}}
`

// TestACutPathIsToldOnce goes on second by second while the checks look at their times.
func TestACutPathIsToldOnce(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want string
	}{
		"one of two paths": {cutConfig, "Network path hk is down; Network path hk is up again"},
		"the only path": {
			strings.Replace(cutConfig, "  - {name: other, service: orders, every: 10s, blind_after: 1m, http: {url: \"http://127.0.0.1:1/\"}}\n", "", 1),
			"Network path hk is down; Network path hk is up again",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte("groups: []\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			k := newClock(time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC))
			s := stepped(t, dir, c.text, k)
			start := k.now()
			for n := range 600 {
				k.set(start.Add(time.Duration(n) * time.Second))
				behind := sample.Observation{Health: sample.Up}
				if n >= 100 && n < 400 {
					behind = sample.Observation{Health: sample.Unknown, Reason: reason.Text("no network")}
				}
				for i, check := range []string{"control", "one", "two", "other"} {
					o := behind
					if check == "other" {
						if c.text != cutConfig {
							continue
						}
						o = sample.Observation{Health: sample.Up}
					}
					if (check == "two" && n%20 == 7) || (check != "two" && n%10 == i) {
						s.Look(sample.Sample{Check: check, Kind: "http", Service: "orders", At: k.now(), Observation: o})
					}
				}
				s.Tick()
			}
			told, err := s.Deliveries(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(told, "; "); got != c.want {
				t.Errorf("told %q, want %q", got, c.want)
			}
		})
	}
}
