package ssh

import (
	"fmt"
	"strings"
)

// Targets implements actions.Targeted: the command on the machine, whichever account runs it.
func (s *Settings) Targets() []string {
	return []string{strings.Join([]string{"ssh", fmt.Sprint(s.Host, ":", s.Port), strings.Join(s.Command, "\x00"), s.Stdin.Reveal()}, "\x00")}
}
