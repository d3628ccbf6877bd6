package leadership

import (
	"errors"

	"guardian/internal/store"
)

// noteWrite remembers whether the journal takes writes.
func (e *Elector) noteWrite(err error) {
	switch {
	case errors.Is(err, store.ErrFenced):
		// It was refused before anything was written: that shows nothing.
	case err == nil, errors.Is(err, store.ErrAlreadyRun), errors.Is(err, store.ErrIdempotent):
		e.refused.Store(nil)
	default:
		e.refused.Store(&err)
	}
}

// WriteError is why the journal did not take what this guardian wrote last, the request for the lease
// included; nil: it took it.
func (e *Elector) WriteError() error {
	if err := e.refused.Load(); err != nil {
		return *err
	}
	return nil
}
