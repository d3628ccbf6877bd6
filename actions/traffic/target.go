package traffic

// Targets implements actions.Targeted: a file of nginx on this machine, or a backend of HAProxy.
func (s *Settings) Targets() []string {
	switch {
	case s.NGINX != nil:
		return []string{"nginx " + s.NGINX.File}
	case s.HAProxy != nil:
		return []string{"haproxy " + s.HAProxy.Address + " " + s.HAProxy.Backend}
	default:
		return nil
	}
}
