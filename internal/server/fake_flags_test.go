package server_test

import (
	"context"

	"guardian/internal/flags"
	"guardian/internal/reason"
	"guardian/internal/server"
)

// FlagList implements server.Flags.
func (m *memory) FlagList(context.Context) (_ []flags.State, err error) {
	defer m.lock(&err)()
	all := make([]flags.State, len(m.switches))
	for i, s := range m.switches {
		all[i] = flags.Evaluate(s.Flag, s.Change, m.now)
	}
	return all, err
}

// Flag implements server.Flags.
func (m *memory) Flag(_ context.Context, name string) (_ flags.State, err error) {
	defer m.lock(&err)()
	i, known := m.flag(name)
	if known != nil {
		return flags.State{}, known
	}
	return flags.Evaluate(m.switches[i].Flag, m.switches[i].Change, m.now), err
}

func (m *memory) flag(name string) (int, error) {
	missing := &server.NotFoundError{What: "flag", Name: name}
	for i, s := range m.switches {
		if s.Name == name {
			return i, nil
		}
		missing.Known = append(missing.Known, s.Name)
	}
	return 0, missing
}

// ChangeFlag implements server.Flags.
func (m *memory) ChangeFlag(_ context.Context, q server.FlagRequest, by server.Caller) (_ flags.State, err error) {
	defer m.acts(&err)()
	if err != nil {
		return flags.State{}, err
	}
	i, err := m.flag(q.Flag)
	if err != nil {
		return flags.State{}, err
	}
	c := flags.Change{Flag: q.Flag, Variant: q.Variant, By: by.Name, Reason: reason.Text(q.Reason), At: m.now}
	if q.Variant != "" {
		c.Until = q.Until
		if q.For > 0 {
			c.Until = m.now.Add(q.For)
		}
	}
	f := &m.switches[i]
	if wrong, ok := f.Check(c).(*flags.InvalidError); ok { //nolint:errorlint // it is never wrapped
		return flags.State{}, &server.InvalidError{Fields: []server.FieldError{{Pointer: "/" + wrong.Field, Detail: wrong.Detail}}}
	}
	f.Change = c
	m.note(by, f.Service, "flag", f.Name, reason.Reason{})
	return flags.Evaluate(f.Flag, c, m.now), nil
}
