package kubernetes

import "strings"

// Targets implements actions.Targeted: an object in a namespace of a cluster.
func (s *Settings) Targets() []string {
	var object string
	switch {
	case s.Undo != nil:
		object = s.Undo.Workload
	case s.Switch != nil:
		object = "service/" + s.Switch.Service
	case s.Scale != nil:
		object = s.Scale.Workload
	default:
		return nil
	}
	return []string{strings.Join([]string{"kubernetes", s.Kubeconfig, s.Context, s.Namespace, strings.ToLower(object)}, " ")}
}
