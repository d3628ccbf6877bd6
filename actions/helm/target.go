package helm

import "strings"

// Targets implements actions.Targeted: a release in a namespace of a cluster.
func (s *Settings) Targets() []string {
	return []string{strings.Join([]string{"helm", s.Kubeconfig, s.Context, s.Namespace, s.Release}, " ")}
}
