package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/flag"
	"guardian/actions/window"
	"guardian/internal/drills"
	"guardian/internal/reason"
	"guardian/watch"
)

// Drill is a rehearsal of a service's rollback, at a service that is marked as not production.
type Drill struct {
	Name      string                 `yaml:"name" required:"true" doc:"The drill's name."`
	Service   string                 `yaml:"service" required:"true" doc:"The service that is broken on purpose: one with production: false, a rollback and an environment of its own."`
	Inject    []actions.StepSettings `yaml:"inject" required:"true" doc:"Steps that inject the fault, in order, after a deploy was announced for it. {{.To}} is the version that is announced, {{.From}} the one that ran before."`
	Restore   []actions.StepSettings `yaml:"restore" required:"true" doc:"Steps that take the fault back. They always run, after the rollback or in its place, and go on after one that failed. {{.To}} is the version that ran before."`
	Version   string                 `yaml:"version" doc:"The version that is announced; default: drill- and the time."`
	Cron      Cron                   `yaml:"cron" doc:"When it starts by itself, as a cron schedule in the server's time zone; default: never."`
	Objective model.Duration         `yaml:"objective" doc:"Maximum time from the fault until the service is cured; a slower drill is an alert."`
	Within    model.Duration         `yaml:"within" doc:"After this time a drill has failed, and its fault is taken back."`
	Overdue   model.Duration         `yaml:"overdue" doc:"It is an alert when no drill succeeded for so long."`
}

// defaultDrill gives the defaults of a drill.
func defaultDrill() Drill {
	return Drill{Objective: 5 * minute, Within: 30 * minute, Overdue: 35 * day}
}

// Plans gives the drills as they are carried out.
func (c *Config) Plans() []drills.Plan {
	all := make([]drills.Plan, 0, len(c.Drills))
	for _, x := range c.Drills {
		svc, ok := c.Service(x.Service)
		if !ok {
			continue
		}
		p := drills.Plan{
			Name: x.Name, Service: x.Service, Environment: svc.Environment, Runbook: svc.Rollback, Version: x.Version,
			Objective: time.Duration(x.Objective), Within: time.Duration(x.Within), Overdue: time.Duration(x.Overdue),
		}
		if x.Cron.IsSet() {
			p.Next = x.Cron.In(c.Location()).Next
		}
		all = append(all, p)
	}
	return all
}

// DrillRunbooks gives the steps of the drills as runbooks. Nothing is verified after them: how the
// service does is what the drill measures.
func (c *Config) DrillRunbooks() (all []actions.RunbookSettings) {
	for _, x := range c.Drills {
		p := drills.Plan{Name: x.Name}
		for name, steps := range map[string][]actions.StepSettings{p.Inject(): x.Inject, p.Restore(): x.Restore} {
			b := actions.NewRunbookSettings()
			b.Name, b.Steps, b.Verify.For = name, steps, 0
			if name == p.Restore() {
				b.OnFailure = actions.OnFailureContinue
			}
			all = append(all, b)
		}
	}
	return all
}

// Production gives what no drill may touch: what the runbooks of production act on, its kill switches
// and its windows.
func (c *Config) Production() actions.Production {
	p := actions.Production{Owned: map[string]string{window.Target(""): "the windows of all services"}}
	claim := func(runbook, service, environment string) {
		b, ok := c.Runbook(runbook)
		if !ok {
			return
		}
		for _, step := range b.All() {
			for _, shop := range step.EachShop() {
				p.Claims = append(p.Claims, actions.Claim{
					Runbook: b.Name, Step: step.Title(), Kind: step.Kind, Settings: step.Settings, Shop: shop,
					Run: actions.Run{Service: service, Environment: environment, Runbook: b.Name},
				})
			}
		}
	}
	rehearses := map[string]bool{"": false}
	for _, svc := range c.Services {
		if rehearses[svc.Name] = !svc.Production; rehearses[svc.Name] {
			continue
		}
		p.Owned[window.Target(svc.Name)] = "the windows of " + svc.Name
		claim(svc.Rollback, svc.Name, svc.Environment)
		claim(svc.Undo, svc.Name, svc.Environment)
		for _, o := range c.OnAlert {
			if of := o.Match["service"]; of == "" || of == svc.Name {
				claim(o.Runbook, svc.Name, svc.Environment)
			}
		}
	}
	for _, f := range c.Flags {
		if !rehearses[f.Service] {
			p.Owned[flag.Target(f.Name)] = "the kill switch " + f.Name
		}
	}
	return p
}

// checkDrills finds drills that cannot be carried out, or could touch production.
func (d *decoder) checkDrills(c *Config, services []string) {
	d.unique("drills", names(c.Drills, func(x Drill) string { return x.Name }))
	production := c.Production()
	for i := range c.Drills {
		x, path := &c.Drills[i], at("drills", i)
		d.known(path+".service", "service", x.Service, services)
		d.above(path+".objective", x.Objective)
		d.above(path+".overdue", x.Overdue)
		if x.Within < x.Objective {
			d.blame(path+".within", fmt.Sprintf("%s is shorter than the objective of %s", x.Within, x.Objective), "")
		}
		if x.Version != "" && !actions.ValidVersion(x.Version) {
			d.blame(path+".version", "is not a version: expected "+actions.VersionRule, "")
		}
		svc, ok := c.Service(x.Service)
		if !ok {
			continue
		}
		d.checkDrilled(c, svc, path+".service")
		d.checkDrillSteps(x.Inject, path+".inject")
		d.checkDrillSteps(x.Restore, path+".restore")
		for key, steps := range map[string][]actions.StepSettings{"inject": x.Inject, "restore": x.Restore} {
			for j := range steps {
				if why := drillMay(production, svc, &steps[j]); !why.IsZero() {
					d.blame(at(path+"."+key, j), why.String(), "let it act on what belongs to "+svc.Name+" alone")
				}
			}
		}
		if b, ok := c.Runbook(svc.Rollback); ok {
			for _, step := range b.All() {
				if why := drillMay(production, svc, step); !why.IsZero() {
					d.blame(path+".service", fmt.Sprintf("step %s of its rollback %s cannot be rehearsed: %s", step.Title(), b.Name, why),
						"give "+svc.Name+" a runbook of its own, or name the target by a template such as {{.Service}}")
				}
			}
		}
	}
}

// drillMay says why a drill of a service must not do a step, for any of its shops; zero: it may.
func drillMay(production actions.Production, svc *Service, step *actions.StepSettings) reason.Reason {
	if step.Settings == nil {
		return reason.Reason{} // its mistake is told
	}
	for _, shop := range step.EachShop() {
		if why := production.Forbids(step.Kind, step.Settings, actions.Call{Run: drillRun(svc), Step: actions.StepRun{Shop: shop}}); !why.IsZero() {
			return why
		}
	}
	return reason.Reason{}
}

// drillRun is a run of a drill as its targets are compared: with versions that no step names.
func drillRun(svc *Service) actions.Run {
	return actions.Run{Service: svc.Name, Environment: svc.Environment, Kind: string(watch.Code), From: "drill", To: "good", Trigger: actions.Trigger{Kind: actions.ByDrill}}
}

// checkDrilled finds services that no drill may break, or whose rollback cannot be rehearsed.
func (d *decoder) checkDrilled(c *Config, svc *Service, path string) {
	shared := slices.IndexFunc(c.Services, func(s Service) bool { return s.Production && s.Environment == svc.Environment })
	switch {
	case svc.Production:
		d.blame(path, svc.Name+" is production, and a drill breaks its service on purpose", "name the service that stands for it, and mark that with production: false")
	case shared >= 0:
		d.blame(path, fmt.Sprintf("%s is in the environment %s, as %s is, which is production", svc.Name, svc.Environment, c.Services[shared].Name), "give it an environment of its own, such as environment: staging")
	case svc.Rollback == "":
		d.blame(path, svc.Name+" has no rollback that could be rehearsed", "set rollback at the service")
	case svc.Watch.Mode == watch.Observe:
		d.blame(path, svc.Name+" is watched in mode observe, in which nothing is rolled back", "set watch.mode at the service to auto")
	}
}

func (d *decoder) checkDrillSteps(steps []actions.StepSettings, path string) {
	if len(steps) == 0 {
		d.blame(path, "a drill needs at least one step here", "")
	}
	seen := map[string]bool{}
	for i := range steps {
		title := steps[i].Title()
		if seen[title] {
			d.blame(at(path, i), fmt.Sprintf("the name %q is taken by an earlier step", title), "give each step a name of its own")
		}
		seen[title] = true
		if steps[i].IsGroup() {
			d.blame(at(path, i)+".parallel", "a drill has no groups: its steps are done one after the other", "list its steps themselves")
		}
		d.validate(&steps[i], at(path, i))
	}
}
