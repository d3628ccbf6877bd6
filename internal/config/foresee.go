package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/exec"
	"guardian/actions/helm"
	"guardian/actions/snapshot"
	"guardian/notifiers"
	"guardian/probes"
)

// foresee warns of what is no mistake and cannot work all the same: watches that can neither pass nor
// find an outage, restarts that count against every deploy, and routes that are not what they seem,
// times in which nobody is on call, controls that hide outages, and messages whose links nobody can follow.
func (d *decoder) foresee(c *Config) {
	for i := range c.Services {
		d.foreseeLooks(c, &c.Services[i])
		d.foreseeRestart(c, &c.Services[i], at("services", i))
		d.foreseeTarget(c, &c.Services[i], at("services", i))
	}
	if len(c.Receivers) > 0 && len(c.Checks) > 0 && len(c.Groups) == 0 {
		d.warn("receivers", "there are no rules: nobody is told that a check fails, unless a deploy is watched", "remove default_rules: never, or name rule files in rules")
	}
	d.foreseeOrders(c)
	d.foreseeRoutes(c)
	d.foreseeUnmet(c)
	d.foreseeSent(c)
	d.foreseeGaps(c)
	d.foreseeControls(c)
	d.foreseeLinks(c)
	d.foreseePrograms(c)
}

// foreseePrograms warns of runbooks whose programs cannot be run here: a rollback would be the first to notice.
func (d *decoder) foreseePrograms(c *Config) {
	if !d.options.LookPrograms {
		return
	}
	for i := range c.Runbooks {
		b := &c.Runbooks[i]
		for at, step := range b.All() {
			for _, p := range programsOf(step) {
				known := p.command // up to what a template fills in
				if first := slices.IndexFunc(known, func(arg string) bool { return strings.Contains(arg, "{{") }); first >= 0 {
					known = known[:first]
				}
				if len(known) == 0 {
					continue
				}
				if why := exec.Unfit(p.dir, known); !why.IsZero() {
					d.warn(fmt.Sprintf("runbooks[%d].%s.%s", i, at, p.key), fmt.Sprintf("runbook %s cannot run %s on this machine: %s", b.Name, p.command[0], why), p.hint)
				}
			}
		}
	}
}

// programOf is a program that a step runs on the guardian's own machine.
type programOf struct {
	key, dir string
	command  []string
	hint     string
}

// programsOf gives the programs of a step.
func programsOf(step *actions.StepSettings) []programOf {
	const mend = "mend it where the guardian runs; guardian rollback --dry-run shows what it sees there"
	commands := func(key string, s *exec.Settings) []programOf {
		if s == nil {
			return nil
		}
		return []programOf{{key + ".command", s.Dir, s.Command, mend}, {key + ".status_command", s.Dir, s.StatusCommand, mend}}
	}
	switch s := step.Settings.(type) {
	case *exec.Settings:
		return commands(step.Kind, s)
	case *snapshot.Settings:
		return append(commands(step.Kind+".take", s.Take), commands(step.Kind+".restore", s.Restore)...)
	case *helm.Settings:
		return []programOf{{step.Kind + ".program", "", []string{s.Program}, "install Helm 3 or 4 where the guardian runs, or set program to its path"}}
	}
	return nil
}

// foreseeTarget keeps what is to be said of a service that declares no version good: whether one has
// passed meanwhile is in the journal.
func (d *decoder) foreseeTarget(c *Config, s *Service, path string) {
	if s.Rollback != "" && len(s.KnownGood) == 0 {
		c.Undeclared = append(c.Undeclared, Undeclared{Service: s.Name, Warning: d.placed(path+".rollback",
			"no version of "+s.Name+" is known to be good yet: until a deploy has passed its watch there is nothing to go back to",
			"list the version that runs well under known_good")})
	}
}

// foreseeLinks warns of messages without links by which readers act, because nobody said where the
// guardian is.
func (d *decoder) foreseeLinks(c *Config) {
	if c.Server.ExternalURLSet || c.Server.ActionLinks.ValidFor == 0 {
		return
	}
	for _, r := range c.Receivers {
		if s, ok := r.Settings.(*notifiers.SlackSettings); ok && s.HasButtons() {
			continue // its messages have buttons
		}
		if d.options.Notifiers[r.Kind].Links {
			d.warn("server", "external_url is not set: messages, such as those to "+r.Name+", have no links to acknowledge or silence an alert, and their other links work on this machine only",
				"set server.external_url to the address that people reach, or server.action_links.valid_for: 0s")
			return
		}
	}
}

// foreseeOrders warns of synthetic orders for which another order may be taken.
func (d *decoder) foreseeOrders(c *Config) {
	for i := range c.Checks {
		if s, ok := c.Checks[i].Settings.(*probes.OrderPushSettings); ok && s.Mistakable() {
			d.warn(at("checks", i)+".order_push.lookup", "neither lookup nor verify reads {{.ID}}: an older order may be taken for the one that was pushed",
				"look it up by {{.ID}}, or compare a field with it: verify: [{json: note, equals: \"{{.ID}}\"}]")
		}
	}
}

// foreseeLooks warns of checks that look too seldom for the watches of their service.
func (d *decoder) foreseeLooks(c *Config, s *Service) {
	p, weights := s.Watch.Policy(), 0.0
	for _, m := range s.Watch.Metrics {
		weights += m.Weight
	}
	for i := range c.Checks {
		if k := &c.Checks[i]; k.Service == s.Name && k.Watch {
			weights += k.Weight
		}
	}
	for i := range c.Checks {
		k := &c.Checks[i]
		if k.Service != s.Name || !k.Watch {
			continue
		}
		path := at("checks", i) + ".every"
		if k.Cron.IsSet() {
			path = at("checks", i) + ".cron"
		}
		has, outage := p.Looks(k.Policy(), k.Weight/weights)
		switch {
		case has < p.MinSamples:
			d.warn(path, fmt.Sprintf("a watch of %s has %s of it, and min_samples is %d: no deploy of %s can pass", s.Watch.For, lookCount(has), p.MinSamples, s.Name),
				remedyOf(s, k, p.MinSamples, p.Pace(p.MinSamples)))
		case outage == 0:
			needs := mostLooks(func(looks int) bool {
				longer := p
				longer.For = p.Grace + time.Duration(looks)*time.Duration(k.Every)
				_, found := longer.Looks(k.Policy(), k.Weight/weights)
				return found > 0
			})
			d.warn(path, fmt.Sprintf("a watch of %s has %s of it, too few to find an outage that it shows alone: that takes %d", s.Watch.For, lookCount(has), needs),
				remedyOf(s, k, needs, p.Pace(needs)))
		}
	}
}

// mostLooks is the least number of looks that are enough.
func mostLooks(enough func(int) bool) int {
	n := 1
	for ; n < 1000 && !enough(n); n++ {
	}
	return n
}

func remedyOf(s *Service, k *Check, looks int, every time.Duration) string {
	longer := time.Duration(looks)*time.Duration(k.Every) + time.Duration(s.Watch.Grace)
	if longer > time.Minute {
		longer = (longer + time.Minute - 1).Truncate(time.Minute)
	}
	return fmt.Sprintf("look every %s or more often, watch for %s or longer, or leave the check out of verdicts with watch: false",
		model.Duration(every), model.Duration(longer))
}

func lookCount(n int) string {
	if n == 1 {
		return "1 look"
	}
	return fmt.Sprintf("%d looks", n)
}

// foreseeRestart warns of services whose restart is seen and not allowed for.
func (d *decoder) foreseeRestart(c *Config, s *Service, path string) {
	if _, written := d.find(path + ".watch.grace"); written || s.Watch.Grace > 0 {
		return
	}
	hint := "set watch.grace to how long a restart takes, such as 30s; 0s where old and new overlap"
	if b, ok := c.Runbook(s.Rollback); ok {
		for _, step := range b.All() {
			if step.Kind == "docker" || step.Kind == "compose" {
				d.warn(path+".watch", fmt.Sprintf("runbook %s replaces the container, which answers nothing meanwhile, and there is no grace: failures during a restart count against the deploy", b.Name), hint)
				return
			}
		}
	}
	visible := slices.IndexFunc(c.Checks, func(k Check) bool {
		set, ok := k.Settings.(*probes.HTTPSettings)
		return ok && k.Service == s.Name && k.Watch && (set.VersionFrom.Header != "" || set.VersionFrom.JSON != "")
	})
	if visible >= 0 {
		d.warn(path+".watch", fmt.Sprintf("check %s sees the version change, and there is no grace: failures between the last answer of the old version and the first of the new one count against the deploy",
			c.Checks[visible].Name), hint)
	}
}
