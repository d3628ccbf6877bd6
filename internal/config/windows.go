package config

import (
	"fmt"

	"guardian/actions/window"
)

// checkWindowSteps finds steps of a runbook that announce a window of a service that there is not.
func (d *decoder) checkWindowSteps(c *Config, runbook int, services []string) {
	for i, step := range c.Runbooks[runbook].Steps {
		if s, ok := step.Settings.(*window.Settings); ok {
			d.known(fmt.Sprintf("%s.steps[%d].%s.service", at("runbooks", runbook), i, step.Kind), "service", s.Service, services)
		}
	}
}
