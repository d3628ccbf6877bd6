package config

import (
	"fmt"
	"slices"
	"strings"

	"guardian/configs"
	"guardian/internal/drills"
	"guardian/rules"
)

// builtIn is a file of rules that a configuration need not name.
type builtIn struct {
	path    string // in package configs
	applies func(c *Config, made []string) bool
	beside  bool // in auto, too, where a configuration names rules of its own
}

// builtIns lists them. The metrics that checks make tell which of them have something to read.
func builtIns() []builtIn {
	makes := func(metric string) func(*Config, []string) bool {
		return func(_ *Config, made []string) bool { return slices.Contains(made, metric) }
	}
	return []builtIn{
		{path: "rules/default.yaml", applies: func(*Config, []string) bool { return true }},
		{path: "packs/certificates.yaml", applies: makes("probe_ssl_earliest_cert_expiry")},
		{path: "packs/heartbeats.yaml", applies: func(c *Config, _ []string) bool {
			return slices.ContainsFunc(c.Checks, func(k Check) bool { return k.Kind == "heartbeat" })
		}},
		{path: "packs/drift.yaml", beside: true, applies: func(c *Config, made []string) bool {
			return slices.Contains(made, "drift") && (len(c.Receivers) > 0 || c.DefaultRules == "always")
		}},
		{path: "packs/quota.yaml", applies: makes("marketplace_quota_remaining")},
		{path: "rules/drills.yaml", applies: makes(drills.SeriesOverdue), beside: true},
	}
}

// defaultRules gives the built-in rules that apply beside a configuration's own.
func (d *decoder) defaultRules(c *Config, own []*rules.Group, made []string) (all []*rules.Group) {
	if len(c.Checks) == 0 || c.DefaultRules != "always" && c.DefaultRules != "auto" {
		return nil
	}
	onlyBeside := c.DefaultRules == "auto" && (len(c.Rules)+len(c.RuleSources) > 0 || len(c.Receivers) == 0)
	known := map[string]bool{}
	for _, g := range own {
		for _, r := range g.Rules {
			known[r.Name()] = true
		}
	}
	var alerts []string
	for _, b := range builtIns() {
		if !b.applies(c, made) || onlyBeside && !b.beside {
			continue
		}
		content, err := configs.FS.ReadFile(b.path)
		if err != nil {
			d.blame("default_rules", err.Error(), "")
			continue
		}
		f := RuleFile{Name: "built-in " + b.path, ID: "built-in/" + b.path, Content: content}
		groups := d.ruleFiles([]RuleFile{f}, c, nil)
		names, replaced := alertsOf(groups), func(name string) bool { return known[name] }
		if slices.ContainsFunc(names, replaced) {
			continue
		}
		c.RuleFiles, all, alerts = append(c.RuleFiles, f), append(all, groups...), append(alerts, names...)
	}
	if len(alerts) > 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("built-in rules apply: %s (default_rules: never switches them off)", strings.Join(alerts, ", ")))
	}
	return all
}

func alertsOf(groups []*rules.Group) (names []string) {
	for _, g := range groups {
		for _, r := range g.Rules {
			if r.Record == "" {
				names = append(names, r.Name())
			}
		}
	}
	return names
}
