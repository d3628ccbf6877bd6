package docker

import (
	"maps"
	"slices"
)

// Targets implements actions.Targeted.
func (s *Settings) Targets() []string {
	if c := s.Compose; c != nil {
		return []string{"docker " + s.Host + " service " + c.Project + " " + c.Service}
	}
	return []string{"docker " + s.Host + " container " + s.Container}
}

// Targets implements actions.Targeted: each service that is listed.
func (s *ProjectSettings) Targets() (all []string) {
	for _, service := range slices.Sorted(maps.Keys(s.Images)) {
		all = append(all, "docker "+s.Host+" service "+s.Project+" "+service)
	}
	return all
}
