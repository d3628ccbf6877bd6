package exec

import (
	"maps"
	"slices"
	"strings"
)

// Targets implements actions.Targeted: what a program acts on is known by its arguments and environment
// alone, so that two steps act on the same thing when those are the same.
func (s *Settings) Targets() []string {
	parts := []string{"exec", s.Dir, strings.Join(s.Command, "\x00")}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		parts = append(parts, name+"="+s.Env[name])
	}
	for _, name := range slices.Sorted(maps.Keys(s.Secrets)) {
		parts = append(parts, name+"="+s.Secrets[name].Reveal())
	}
	return []string{strings.Join(append(parts, s.Stdin.Reveal()), "\x00")}
}
