package sql

// Targets implements actions.Targeted: the database, whatever is done to it.
func (s *Settings) Targets() []string { return []string{"sql " + s.Driver + " " + s.DSN.Reveal()} }
