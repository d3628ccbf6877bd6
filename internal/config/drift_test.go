package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"guardian/decide"
	"guardian/internal/config"
)

const driftConfig = `
receivers: [{name: chat, webhook: {url: "https://chat.example.com"}}]
routes: {receiver: chat}
defaults: {labels: {marketplace: lazada}}
services: [{name: shop, rollback: back%s}]
checks:
  - {name: front, service: shop, http: {url: "https://shop.example.com"}}
%s
runbooks: [{name: back, steps: [{%s}]}]
`

const (
	byImage  = `docker: {container: shop, image: "shop:{{.To}}"}`
	byRecord = `compose: {project: shop}`
	byHand   = `exec: {command: [/bin/true]}`
)

func driftChecks(c *config.Config) (all []*config.Check) {
	for i := range c.Checks {
		if c.Checks[i].Kind == decide.DriftKind {
			all = append(all, &c.Checks[i])
		}
	}
	return all
}

func TestWhatRunsIsComparedWhereAStepCanTell(t *testing.T) {
	for name, c := range map[string]struct {
		service, checks, step string
		want                  string        // names
		every                 time.Duration // of the first
	}{
		"by its image":           {step: byImage, want: "shop-drift", every: 5 * time.Minute},
		"by what was recorded":   {step: byRecord, want: "shop-drift", every: 5 * time.Minute},
		"as often as one says":   {step: byImage, service: ", drift: 90s", want: "shop-drift", every: 90 * time.Second},
		"switched off":           {step: byImage, service: ", drift: 0s"},
		"no step can tell":       {step: byHand},
		"an image that is fixed": {step: `docker: {container: shop, image: "shop:v1"}`},
		"a check of one's own":   {step: byImage, checks: `  - {name: mine, service: shop, every: 1h, drift: {}}`, want: "mine", every: time.Hour},
		"its name is taken":      {step: byImage, checks: `  - {name: shop-drift, service: shop, http: {url: "https://shop.example.com"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			conf := mustLoad(t, fmt.Sprintf(driftConfig, c.service, c.checks, c.step))
			var names []string
			for _, k := range driftChecks(conf) {
				names = append(names, k.Name)
				if time.Duration(k.Every) != c.every || k.Watch || k.CountsForSLA || k.Timeout >= k.Every || k.Service != "shop" {
					t.Errorf("%+v", k)
				}
			}
			if strings.Join(names, " ") != c.want {
				t.Errorf("checks %v", names)
			}
			alert := false
			for _, g := range conf.Groups {
				alert = alert || g.Name == "drift-pack"
			}
			if alert != (c.want != "") {
				t.Errorf("the built-in rule applies: %v", alert)
			}
			s, err := conf.Decisions()
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range s.Checks {
				if k.Kind == decide.DriftKind && k.Judges {
					t.Error("deploys are judged by what runs")
				}
			}
		})
	}
}

func TestMistakesAboutDrift(t *testing.T) {
	for name, c := range map[string]struct{ service, checks, step, want string }{
		"too often":             {service: ", drift: 1s", step: byImage, want: "services[0].drift: must be at least 10s"},
		"nobody would record":   {service: ", drift: 0s", step: byRecord, want: "services[0].drift: is 0s, and step compose of runbook back needs the images that were recorded"},
		"nothing can be told":   {checks: `  - {name: mine, service: shop, every: 1h, drift: {}}`, step: byHand, want: "checks[1].drift: the rollback of shop has no step that can tell what runs"},
		"an operation has none": {service: ", undo: back", step: byRecord, want: "services[0].undo: runbook back uses the images that were recorded"},
	} {
		if _, err := load(t, fmt.Sprintf(driftConfig, c.service, c.checks, c.step)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
