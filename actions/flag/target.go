package flag

// Target is the address of a kill switch.
func Target(name string) string { return "flag " + name }

// Targets implements actions.Targeted.
func (s *Settings) Targets() []string { return []string{Target(s.Name)} }
