package api_test

import (
	"strings"
	"testing"
	"time"

	"guardian/internal/config"
	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes/sample"
)

// What clients of Prometheus read of the setup holds no secret.
func TestTheSetupHoldsNoSecret(t *testing.T) {
	s := newStandby(t)
	c := s.running.Config
	c.Alertmanagers = []config.Alertmanager{{Name: "a", URL: secret.New("https://user:hunter22@am.example.com/base/?key=hunter22"), Token: secret.New("hunter22")}, {Name: "b", URL: secret.New("://hunter22")}}
	c.ExternalLabels, c.Storage.Postgres = map[string]string{"region": "sg"}, secret.New("postgres://user:hunter22@db/guardian")
	setup, err := s.Setup.PromSetup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(setup.Alertmanagers) != 2 || setup.Alertmanagers[0] != "https://am.example.com/base/api/v2/alerts" {
		t.Errorf("Alertmanagers %q", setup.Alertmanagers)
	}
	said := append([]string{setup.Config}, setup.Alertmanagers...)
	for name, value := range setup.Flags {
		said = append(said, name+"="+value)
	}
	text := strings.Join(said, " ")
	if strings.Contains(text, "hunter22") {
		t.Errorf("a secret is told: %s", text)
	}
	for _, says := range []string{"external_labels:\n        region: sg\n", "evaluation_interval: 15s", "max_exemplars: 100000"} {
		if !strings.Contains(setup.Config, says) {
			t.Errorf("the configuration does not say %q:\n%s", says, setup.Config)
		}
	}
	if !setup.Features["api"]["query_stats"] || setup.Features["api"]["admin"] || !setup.Features["promql_functions"]["rate"] || !setup.Features["templating_functions"]["humanize"] {
		t.Errorf("features %v", setup.Features)
	}
}

// Checks are targets: up, down and unknown are the same words.
func TestChecksAreTargets(t *testing.T) {
	s := newStandby(t)
	s.now = start().Add(time.Minute)
	s.look("push", "orders", sample.Observation{Health: sample.Down, Reason: reason.Text("status 500")})
	s.look("read", "orders", sample.Observation{Health: sample.Up})
	all, err := s.Targets.CheckTargets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, x := range all {
		seen[x.Check] = x.Health.String() + " " + x.Problem
		if x.Labels["check"] != x.Check || x.Labels["kind"] != x.Kind || x.Labels["service"] == "" || x.Every <= 0 || x.Timeout <= 0 {
			t.Errorf("%+v", x)
		}
		if strings.ContainsAny(x.URL, "?@") {
			t.Errorf("%s shows what may be secret: %s", x.Check, x.URL)
		}
	}
	if seen["push"] != "down status 500" || seen["read"] != "up " || len(seen) != len(s.running.Config.Checks) {
		t.Errorf("targets %v", seen)
	}
}
