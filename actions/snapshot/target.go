package snapshot

// Targets implements actions.Targeted: the file, and what the commands act on.
func (s *Settings) Targets() []string {
	all := []string{"snapshot " + s.File}
	if s.Take != nil {
		all = append(all, s.Take.Targets()...)
	}
	if s.Restore != nil {
		all = append(all, s.Restore.Targets()...)
	}
	return all
}
