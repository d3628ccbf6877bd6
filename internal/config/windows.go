package config

import "guardian/actions/window"

// checkWindowSteps finds steps of a runbook that announce a window of a service that there is not.
func (d *decoder) checkWindowSteps(c *Config, runbook int, services []string) {
	for key, step := range c.Runbooks[runbook].All() {
		if s, ok := step.Settings.(*window.Settings); ok {
			d.known(at("runbooks", runbook)+"."+key+"."+step.Kind+".service", "service", s.Service, services)
		}
	}
}
