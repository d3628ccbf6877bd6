package server_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/internal/windows"
)

// windowJournal is where the fake keeps windows.
type windowJournal struct{ all []windows.Window }

// Windows implements windows.Journal.
func (j *windowJournal) Windows(context.Context, time.Time) ([]windows.Window, error) {
	return j.all, nil
}

// board keeps windows by the rules of the real one.
func (m *memory) board() *windows.Board {
	return windows.NewBoard(windows.Options{
		Journal: &m.windows, Services: m.names,
		Commit: func(_ context.Context, w windows.Window) error {
			for i, before := range m.windows.all {
				if before.ID == w.ID {
					m.windows.all[i] = w
					return nil
				}
			}
			m.windows.all = append(m.windows.all, w)
			return nil
		},
		NewID: func() string { return fmt.Sprintf("win_%d", len(m.windows.all)+1) }, Now: func() time.Time { return m.now }, Log: slog.New(slog.DiscardHandler),
	})
}

// WindowList implements server.Windows.
func (m *memory) WindowList(ctx context.Context) (_ []windows.Window, err error) {
	defer m.lock(&err)()
	b := m.board()
	_ = b.Refresh(ctx) // it never fails
	return b.All(), err
}

// AnnounceWindow implements server.Windows.
func (m *memory) AnnounceWindow(ctx context.Context, q server.WindowRequest, by server.Caller) (_ windows.Window, err error) {
	defer m.acts(&err)()
	if err != nil {
		return windows.Window{}, err
	}
	w, err := m.board().Announce(ctx, windows.Window{Kind: q.Kind, Service: q.Service, From: q.From, To: q.To, Reason: reason.Text(q.Reason), By: by.Name})
	var wrong *windows.InvalidError
	if errors.As(err, &wrong) {
		return windows.Window{}, &server.InvalidError{Fields: []server.FieldError{{Pointer: "/" + wrong.Field, Detail: wrong.Detail}}}
	}
	m.note(by, w.Service, string(w.Kind), w.ID, reason.Reason{})
	return w, err
}

// EndWindow implements server.Windows.
func (m *memory) EndWindow(ctx context.Context, id string, by server.Caller) (_ windows.Window, err error) {
	defer m.acts(&err)()
	if err != nil {
		return windows.Window{}, err
	}
	w, err := m.board().End(ctx, id, by.Name)
	switch {
	case errors.Is(err, windows.ErrUnknown):
		return windows.Window{}, &server.NotFoundError{What: "window", Name: id}
	case errors.Is(err, windows.ErrOver):
		return windows.Window{}, server.Refuse(server.ErrConflict, "%s", err)
	}
	m.note(by, w.Service, string(w.Kind), w.ID, reason.Reason{})
	return w, err
}

func (m *memory) names() (all []string) {
	for _, s := range m.services {
		all = append(all, s.Name)
	}
	return all
}
