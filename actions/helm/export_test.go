package helm

import (
	"time"

	"guardian/actions"
)

// SetBegins sets how long a helm may take until the history shows what it began.
func SetBegins(s actions.Step, d time.Duration) {
	if h, ok := s.(*step); ok {
		h.begins = d
	}
}
