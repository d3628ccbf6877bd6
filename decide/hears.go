package decide

import (
	"time"

	"guardian/rules"
)

// Muted gives whether a silence, a maintenance or another alert keeps everybody from hearing of an
// alert at a time.
func (b *Board) Muted(s *Settings, h Said, now time.Time) func(rules.Alert) bool {
	b.arrange(s)
	m := b.muting(h, now)
	return func(a rules.Alert) bool {
		why, _ := m.mutes(a)
		return !why.IsZero()
	}
}
