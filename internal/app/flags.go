package app

import (
	"context"

	"guardian/actions"
	"guardian/internal/announce"
	"guardian/internal/flags"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/notifiers"
)

func (a *App) newFlags() *flags.Board {
	return flags.NewBoard(flags.Options{
		Journal: a.store, Flags: func() []flags.Flag { return a.setup.Load().config.Switches },
		Commit: a.commitFlag, Now: a.now, Log: a.log, Registerer: a.registry,
	})
}

// commitFlag writes a change of a flag in the name of the leadership, and tells people of it.
func (a *App) commitFlag(_ context.Context, f flags.Flag, c flags.Change) error {
	t := a.held.Load()
	if t == nil {
		return actions.ErrLostLease
	}
	what := reason.New("flag_set", "flag", f.Name, "variant", c.Variant, "until", c.Until, "run", c.Run, "why", c.Reason)
	switch {
	case c.Dropped():
		what = c.Reason
	case c.Variant == "":
		what = reason.New("flag_default", "flag", f.Name, "variant", f.Default, "run", c.Run, "why", c.Reason)
	}
	b := store.Batch{Flags: []flags.Change{c}, Audit: []store.Audit{{
		At: c.At, Who: c.By, What: "flag", Service: f.Service, Subject: f.Name, Path: "/flags",
		Detail: what,
	}}}
	wake := a.notifier.Add(&b, a.now(), func(w announce.Renderer) notifiers.Notice { return w.FlagChanged(f, c, a.now()) })
	if err := t.Commit(b); err != nil {
		return err
	}
	a.notifier.Wake(wake)
	return nil
}
