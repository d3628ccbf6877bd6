package api

import (
	"context"
	"errors"
	"time"

	"guardian/internal/flags"
	"guardian/internal/reason"
	"guardian/internal/server"
)

// switches implements server.Flags.
type switches struct {
	board interface {
		All() ([]flags.State, error)
		One(name string) (flags.State, error)
		Change(ctx context.Context, c flags.Change) (flags.State, error)
	}
	leader leader
	now    func() time.Time
}

// FlagList implements server.Flags.
func (s switches) FlagList(context.Context) ([]flags.State, error) {
	all, err := s.board.All()
	return all, s.explain(err, "")
}

// Flag implements server.Flags.
func (s switches) Flag(_ context.Context, name string) (flags.State, error) {
	one, err := s.board.One(name)
	return one, s.explain(err, name)
}

// ChangeFlag implements server.Flags.
func (s switches) ChangeFlag(ctx context.Context, q server.FlagRequest, by server.Caller) (flags.State, error) {
	if _, err := s.leader.required(); err != nil {
		return flags.State{}, err
	}
	c := flags.Change{Flag: q.Flag, Variant: q.Variant, By: by.Name, Reason: reason.Text(q.Reason), At: s.now().UTC()}
	if c.Variant != "" {
		c.Until = q.Until
		if q.For > 0 {
			c.Until = c.At.Add(q.For)
		}
	}
	changed, err := s.board.Change(ctx, c)
	return changed, s.explain(err, q.Flag)
}

func (s switches) explain(err error, name string) error {
	var wrong *flags.InvalidError
	switch {
	case errors.Is(err, flags.ErrUnknown):
		known := []string{}
		all, _ := s.board.All() // an error has no flags
		for _, f := range all {
			known = append(known, f.Name)
		}
		return &server.NotFoundError{What: "flag", Name: name, Known: known}
	case errors.Is(err, flags.ErrNotRead):
		return server.Refuse(server.ErrBusy, "%s; try again", err)
	case errors.As(err, &wrong):
		return invalid("/"+wrong.Field, errors.New(wrong.Detail))
	default:
		return apiError(err)
	}
}
