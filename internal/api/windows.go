package api

import (
	"context"
	"errors"

	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/internal/windows"
)

// announced implements server.Windows.
type announced struct {
	board interface {
		All() []windows.Window
		Announce(ctx context.Context, w windows.Window) (windows.Window, error)
		End(ctx context.Context, id, by string) (windows.Window, error)
	}
	leader leader
}

// WindowList implements server.Windows.
func (a announced) WindowList(context.Context) ([]windows.Window, error) { return a.board.All(), nil }

// AnnounceWindow implements server.Windows.
func (a announced) AnnounceWindow(ctx context.Context, q server.WindowRequest, by server.Caller) (windows.Window, error) {
	if _, err := a.leader.required(); err != nil {
		return windows.Window{}, err
	}
	w, err := a.board.Announce(ctx, windows.Window{
		Kind: q.Kind, Service: q.Service, From: q.From, To: q.To, Reason: reason.Text(q.Reason), By: by.Name,
	})
	return w, explainWindow(err, "")
}

// EndWindow implements server.Windows.
func (a announced) EndWindow(ctx context.Context, id string, by server.Caller) (windows.Window, error) {
	if _, err := a.leader.required(); err != nil {
		return windows.Window{}, err
	}
	w, err := a.board.End(ctx, id, by.Name)
	return w, explainWindow(err, id)
}

func explainWindow(err error, id string) error {
	var wrong *windows.InvalidError
	switch {
	case errors.Is(err, windows.ErrUnknown):
		return &server.NotFoundError{What: "window", Name: id}
	case errors.Is(err, windows.ErrOver):
		return server.Refuse(server.ErrConflict, "%s", err)
	case errors.As(err, &wrong):
		return invalid("/"+wrong.Field, errors.New(wrong.Detail))
	default:
		return apiError(err)
	}
}
