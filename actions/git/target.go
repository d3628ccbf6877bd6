package git

// Targets implements actions.Targeted: a path of a branch.
func (s *Settings) Targets() []string {
	return []string{"git " + s.URL + " " + s.Branch + " " + s.Path}
}
