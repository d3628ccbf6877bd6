package webhook

// Targets implements actions.Targeted: the request, since one address often serves several targets that
// its body names.
func (s *Settings) Targets() []string {
	return []string{"webhook " + s.URL + "\x00" + s.Body}
}
