package api

import (
	"errors"

	"guardian/internal/server"
	"guardian/internal/store"
)

// apiError gives the API's error for what kept something from being written down or read.
func apiError(err error) error {
	switch {
	case errors.Is(err, store.ErrFenced):
		return server.ErrStandby
	case errors.Is(err, store.ErrUnreachable):
		return server.Refuse(server.ErrBusy, "the journal's database does not answer; try again in a few seconds")
	case errors.Is(err, store.ErrDiskFull), errors.Is(err, store.ErrLocked):
		return server.Refuse(server.ErrBusy, "this could not be written down: %s; try again", err)
	default:
		return err
	}
}

// invalid is a mistake in one field of a request.
func invalid(pointer string, err error) error {
	return &server.InvalidError{Fields: []server.FieldError{{Pointer: pointer, Detail: err.Error()}}}
}
