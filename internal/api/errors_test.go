package api_test

import (
	"errors"
	"fmt"
	"testing"

	"guardian/actions"
	"guardian/internal/api"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/internal/watching"
)

func TestErrorsOfTheJournalAreThoseThatACallerMaySee(t *testing.T) {
	other := errors.New("something else")
	for _, c := range []struct{ err, want error }{
		{fmt.Errorf("commit: %w", store.ErrFenced), server.ErrStandby},
		{fmt.Errorf("read: %w", store.ErrUnreachable), server.ErrBusy},
		{fmt.Errorf("commit: %w", store.ErrDiskFull), server.ErrBusy},
		{fmt.Errorf("commit: %w", store.ErrLocked), server.ErrBusy},
		{other, other},
	} {
		if got := api.APIError(c.err); !errors.Is(got, c.want) {
			t.Errorf("%v: got %v, want %v", c.err, got, c.want)
		}
	}
}

func TestErrorsOfAnAnnouncement(t *testing.T) {
	for _, c := range []struct{ err, want error }{
		{watching.ErrKeyReused, server.ErrIdempotencyMismatch},
		{fmt.Errorf("commit: %w", store.ErrFenced), server.ErrStandby},
	} {
		if got := api.AnnounceError(c.err); !errors.Is(got, c.want) {
			t.Errorf("%v: got %v, want %v", c.err, got, c.want)
		}
	}
	var invalid *server.InvalidError
	if got := api.AnnounceError(&watching.PolicyError{Err: errors.New("too short")}); !errors.As(got, &invalid) || invalid.Fields[0] != (server.FieldError{Pointer: "/watch", Detail: "too short"}) {
		t.Errorf("a watch that cannot be held: %v, want a mistake in /watch", got)
	}
}

func TestErrorsOfAnAnswerToARun(t *testing.T) {
	for _, c := range []struct{ err, want error }{
		{actions.ErrNotAsked, server.ErrConflict},
		{actions.ErrNotAChoice, server.ErrConflict},
		{actions.ErrAnswered, server.ErrConflict},
		{actions.ErrTooLate, server.ErrConflict},
		{actions.ErrRunIsOver, server.ErrConflict},
		{actions.ErrRunIsActing, server.ErrConflict},
		{actions.ErrNotAllowed, server.ErrForbidden},
		{store.ErrFenced, server.ErrStandby},
	} {
		if got := api.AnswerError("r_1", fmt.Errorf("run r_1: %w", c.err)); !errors.Is(got, c.want) {
			t.Errorf("%v: got %v, want %v", c.err, got, c.want)
		}
	}
}
