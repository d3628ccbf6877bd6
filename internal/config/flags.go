package config

import (
	"fmt"
	"time"

	"guardian/actions/flag"
	"guardian/internal/flags"
)

// checkFlags builds the flags.
func (d *decoder) checkFlags(c *Config, services []string) {
	d.unique("flags", names(c.Flags, func(f flags.Settings) string { return f.Name }))
	for i := range c.Flags {
		d.validate(&c.Flags[i], at("flags", i))
		d.known(at("flags", i)+".service", "service", c.Flags[i].Service, services)
		if f, err := flags.New(c.Flags[i]); err == nil {
			c.Switches = append(c.Switches, f)
		}
	}
}

// checkFlagSteps finds steps of a runbook that set a flag, or a variant, that there is not.
func (d *decoder) checkFlagSteps(c *Config, runbook int) {
	known := names(c.Flags, func(f flags.Settings) string { return f.Name })
	for key, step := range c.Runbooks[runbook].All() {
		s, ok := step.Settings.(*flag.Settings)
		if !ok {
			continue
		}
		path := at("runbooks", runbook) + "." + key + ".flag"
		d.known(path+".name", "flag", s.Name, known)
		for _, f := range c.Switches {
			if f.Name != s.Name || s.Reset {
				continue
			}
			d.known(path+".set", "variant", s.Set, f.Variants())
			if time.Duration(s.For) > f.MaxFor {
				d.blame(path+".for", fmt.Sprintf("is longer than the max_for of the flag %s", f.Name), "")
			}
		}
	}
}
