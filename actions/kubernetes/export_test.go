package kubernetes

import (
	"time"

	"guardian/actions"
)

// SetPace sets the time between two looks at what the cluster has done.
func SetPace(s actions.Step, every time.Duration) {
	if k, ok := s.(*step); ok {
		k.every = every
	}
}
