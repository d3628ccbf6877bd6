package config_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"guardian/internal/config"
	"guardian/internal/drills"
)

// drilled is a configuration with a service of production, and one that stands for it; %s is changed.
func drilled(staging, drill string) string {
	return fmt.Sprintf(`
services:
  - {name: orders, rollback: back, watch: {mode: auto}}
  - {name: orders-staging, rollback: back-staging, watch: {mode: auto}%s}
checks:
  - {name: api, service: orders, http: {url: "http://127.0.0.1:1/"}}
  - {name: api-staging, service: orders-staging, http: {url: "http://127.0.0.1:2/"}}
flags:
  - {name: pause, owner: ops, service: orders, default: "off", variants: {"on": true, "off": false}}
  - {name: pause-staging, owner: ops, service: orders-staging, default: "off", variants: {"on": true, "off": false}}
runbooks:
  - name: back
    steps: [{exec: {command: [/opt/deploy, "{{.Service}}", "{{.To}}"]}}, {name: tell, webhook: {url: "http://127.0.0.1:3/orders"}}]
  - name: back-staging
    steps: [{exec: {command: [/opt/deploy, "{{.Service}}", "{{.To}}"]}}]
drills:
  - name: weekly
    service: orders-staging
    %s
`, staging, drill)
}

const (
	stagingMarks = `, environment: staging, production: false`
	plainSteps   = `inject: [{exec: {command: [/opt/break, staging]}}]
    restore: [{exec: {command: [/opt/mend, staging]}}]`
)

func TestADrillOfAServiceThatIsNotProduction(t *testing.T) {
	c := mustLoad(t, drilled(stagingMarks, plainSteps+"\n    cron: \"0 10 * * 1\"\n    version: broken-1"))
	p := c.Plans()
	if len(p) != 1 || p[0].Runbook != "back-staging" || p[0].Environment != "staging" || p[0].Version != "broken-1" ||
		p[0].Objective != 5*time.Minute || p[0].Within != 30*time.Minute || p[0].Overdue != 35*24*time.Hour {
		t.Fatalf("%+v", p)
	}
	// 2026-11-02 is a Monday.
	if next := p[0].Next(time.Date(2026, 11, 2, 11, 0, 0, 0, time.UTC)); !next.Equal(time.Date(2026, 11, 9, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("it starts next at %s", next)
	}
	books := map[string]string{}
	for _, b := range c.DrillRunbooks() {
		books[b.Name] = b.OnFailure
	}
	if books[p[0].Inject()] != "stop" || books[p[0].Restore()] != "continue" {
		t.Errorf("its runbooks are %v", books)
	}
	if !strings.Contains(strings.Join(c.Notes, "\n"), "DrillLeftBroken, DrillFailed, DrillSlow, DrillOverdue") {
		t.Errorf("its alerts do not apply: %v", c.Notes)
	}
	if got := drills.Series(); len(got) != 5 {
		t.Errorf("its series are %v", got)
	}
}

// A drill that could touch production is refused when it is loaded.
func TestADrillThatCouldTouchProductionIsAMistake(t *testing.T) {
	steps := func(inject string) string {
		return "inject: [" + inject + "]\n    restore: [{exec: {command: [/opt/mend, staging]}}]"
	}
	for name, c := range map[string]struct{ staging, drill, place, problem string }{
		"of production":                    {`, environment: staging`, plainSteps, "drills[0].service", "orders-staging is production"},
		"in the environment of production": {`, production: false`, plainSteps, "drills[0].service", "is in the environment production, as orders is"},
		"that runs what production's runbook runs": {
			stagingMarks, steps(`{exec: {command: [/opt/deploy, orders, "{{.To}}"]}}`), "drills[0].inject[0]", "step exec of runbook back does for orders",
		},
		"that calls what production's runbook calls": {
			stagingMarks, steps(`{webhook: {url: "http://127.0.0.1:3/orders"}}`), "drills[0].inject[0]", "step tell of runbook back does for orders",
		},
		"that sets production's kill switch": {
			stagingMarks, steps(`{flag: {name: pause, set: "on", for: 5m}}`), "drills[0].inject[0]", "the kill switch pause, which production uses",
		},
		"that freezes everything":        {stagingMarks, steps(`{freeze: {all: true, for: 5m}}`), "drills[0].inject[0]", "the windows of all services"},
		"that freezes production":        {stagingMarks, steps(`{freeze: {service: orders, for: 5m}}`), "drills[0].inject[0]", "the windows of orders"},
		"without a way back":             {stagingMarks, "inject: [{exec: {command: [/opt/break, staging]}}]", "drills[0]", "restore"},
		"with a step that cannot be":     {stagingMarks, steps(`{exec: {command: []}}`), "drills[0].inject[0].exec", "command"},
		"that takes longer than it may":  {stagingMarks, plainSteps + "\n    within: 1m", "drills[0].within", "is shorter than the objective of 5m"},
		"of a service that there is not": {stagingMarks, strings.Replace(plainSteps, "inject", "inject", 1) + "\n    version: \"a b\"", "drills[0].version", "is not a version"},
	} {
		t.Run(name, func(t *testing.T) {
			err := mistakesOf(t, drilled(c.staging, c.drill))
			for _, m := range err {
				if strings.HasPrefix(m.Path, c.place) && strings.Contains(m.Problem+m.Path, c.problem) && m.Line > 0 {
					return
				}
			}
			t.Errorf("%v\nwant one at %s with %q", err, c.place, c.problem)
		})
	}
}

// What belongs to the service that a drill breaks may be broken, also where production has the like.
func TestADrillMayUseWhatIsItsServicesOwn(t *testing.T) {
	mustLoad(t, drilled(stagingMarks, `inject: [{flag: {name: pause-staging, set: "on", for: 5m}}, {freeze: {for: 5m}}, {exec: {command: [/opt/deploy, "{{.Service}}", "{{.To}}"]}}]
    restore: [{flag: {name: pause-staging, reset: true}}]`))
}

// A rollback that acts on the same place as production's cannot be rehearsed.
func TestARollbackThatIsProductionsCannotBeRehearsed(t *testing.T) {
	text := strings.Replace(drilled(stagingMarks, plainSteps), "steps: [{exec: {command: [/opt/deploy, \"{{.Service}}\", \"{{.To}}\"]}}]\ndrills", "steps: [{exec: {command: [/opt/deploy, orders, \"{{.To}}\"]}}]\ndrills", 1)
	for _, m := range mistakesOf(t, text) {
		if m.Path == "drills[0].service" && strings.Contains(m.Problem, "step exec of its rollback back-staging cannot be rehearsed") && m.Hint != "" {
			return
		}
	}
	t.Errorf("%v", mistakesOf(t, text))
}

// mistakesOf gives what is wrong with a configuration.
func mistakesOf(t *testing.T, text string) config.Mistakes {
	t.Helper()
	_, err := load(t, text)
	var all config.Mistakes
	if !errors.As(err, &all) {
		t.Fatalf("it loads: %v", err)
	}
	return all
}

// The example of the guide loads as it stands.
func TestTheExampleOfTheGuideLoads(t *testing.T) {
	guide, err := os.ReadFile("../../docs/drills.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(guide), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("the guide has no example")
	}
	c := mustLoad(t, strings.ReplaceAll(example, "\n   ", "\n")[3:])
	if p := c.Plans(); len(p) != 1 || p[0].Service != "order-sync-staging" || p[0].Runbook != "order-sync-staging-back" || p[0].Version != "broken" || p[0].Next == nil {
		t.Errorf("%+v", p)
	}
}
