package app

import (
	"guardian/internal/netpath"
	"guardian/watch"
)

// pathChecks gives the checks as netpath needs them.
func pathChecks(checks []builtCheck) []netpath.Check {
	all := make([]netpath.Check, len(checks))
	for i, c := range checks {
		all[i] = netpath.Check{Name: c.Name, Path: c.path, Control: c.control, Fresh: watch.BlindAfter(c.Every)}
	}
	return all
}
