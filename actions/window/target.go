package window

import "cmp"

// Target is the address of what a window is about: a service, or with "" all of them.
func Target(service string) string { return "windows of " + service }

// Targets implements actions.Targeted: windows of one service are one target, of whichever kind they are.
func (s *Settings) Targets() []string {
	if s.All {
		return []string{Target("")}
	}
	return []string{Target(cmp.Or(s.Service, "{{.Service}}"))}
}
