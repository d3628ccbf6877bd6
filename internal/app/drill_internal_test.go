package app

import (
	"os"
	"path/filepath"
	"testing"

	"guardian/actions"
	"guardian/internal/config"
)

// The marks of a drill are asked at each step: a service that became production since is not touched, and
// neither is what production's runbooks act on. Runs that are no drill's are asked nothing.
func TestNoRunOfADrillTouchesProduction(t *testing.T) {
	file := filepath.Join(t.TempDir(), "guardian.yaml")
	if err := os.WriteFile(file, []byte(`
services:
  - {name: orders, rollback: back}
  - {name: orders-staging, environment: staging, production: false, rollback: back-staging}
runbooks:
  - {name: back, steps: [{exec: {command: [/opt/deploy, orders, "{{.To}}"]}}]}
  - {name: back-staging, steps: [{exec: {command: [/opt/deploy, "{{.Service}}", "{{.To}}"]}}]}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &setup{config: c, production: c.Production()}
	step := func(book string) actions.RunbookStep {
		b, _ := c.Runbook(book)
		return actions.RunbookStep{Kind: b.Steps[0].Kind, Settings: b.Steps[0].Settings}
	}
	run := func(service, drill string) actions.Run {
		return actions.Run{Service: service, To: "v1", From: "v2", Trigger: actions.Trigger{Kind: actions.ByVerdict, Drill: drill}}
	}
	for name, c := range map[string]struct {
		run  actions.Run
		step actions.RunbookStep
		code string
	}{
		"a drill at its own place":          {run("orders-staging", "dr_1"), step("back-staging"), ""},
		"a drill at production's place":     {run("orders-staging", "dr_1"), step("back"), "drill_target_production"},
		"a drill of a production service":   {run("orders", "dr_1"), step("back-staging"), "drill_in_production"},
		"a drill of a service that is gone": {run("stock", "dr_1"), step("back-staging"), "drill_in_production"},
		"a rollback of production":          {run("orders", ""), step("back"), ""},
	} {
		if why := s.forbids(c.run, c.step); why.Code != c.code {
			t.Errorf("%s: %q (%s), want %q", name, why.Code, why, c.code)
		}
	}
}
