package replay

import (
	"time"

	"guardian/decide"
)

// follow notes since when the service of a watch fails, or that it does not any more.
func (e *watched) follow(at time.Time) {
	was := decide.Failing{Service: e.w.Service, Environment: e.w.Environment}
	if n := len(e.fails); n > 0 {
		was = e.fails[n-1]
	}
	next, changed := was.Follow(e.w.FailsSince(), at)
	switch {
	case !changed:
	case next.Until.IsZero():
		if n := len(e.fails); n > 0 && e.fails[n-1].Until.IsZero() {
			e.fails[n-1].Until = at
		}
		e.fails = append(e.fails, next)
	default:
		e.fails[len(e.fails)-1] = next
	}
}

// failingAt gives when the services failed whose watches were open at a time.
func (j *judging) failingAt(now time.Time) (all []decide.Failing) {
	for _, e := range j.watches {
		if !e.w.State.Final() || !e.w.Ended.Before(now) {
			for _, f := range e.fails {
				if f.At(now) {
					all = append(all, f)
				}
			}
		}
	}
	return all
}
