package app

import (
	"cmp"
	"context"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/notify"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/internal/windows"
	"guardian/notifiers"
	"guardian/sla"
)

func (a *App) newWindows() *windows.Board {
	return windows.NewBoard(windows.Options{
		Journal: a.store, Services: func() []string { return a.setup.Load().services() }, Commit: a.commitWindow,
		NewID: func() string { return store.NewID("win_") }, Now: a.now, Log: a.log,
	})
}

// decisions are those of the running configuration, with what was announced since.
func (a *App) decisions() *decide.Settings { return a.setup.Load().decisions.With(a.windows.All()) }

// notices is what the running configuration says about notices, with what was announced since.
func (a *App) notices() notify.Settings {
	n := a.setup.Load().notices()
	n.Decisions = a.decisions()
	return n
}

// commitWindow writes a window in the name of the leadership, and tells people of it. The report
// gets a maintenance for each service.
func (a *App) commitWindow(_ context.Context, w windows.Window) error {
	t := a.held.Load()
	if t == nil {
		return actions.ErrLostLease
	}
	at, by, what := w.Announced, w.By, "_begun"
	if !w.Ended.IsZero() {
		at, by, what = w.Ended, w.EndedBy, "_ended"
	}
	b := store.Batch{Windows: []windows.Window{w}, Audit: []store.Audit{{
		At: at, Who: by, What: string(w.Kind), Service: w.Service, Subject: w.ID, Path: "/windows",
		Detail: reason.New(string(w.Kind)+what, "service", w.Service, "from", w.From, "until", w.To, "run", w.Run, "why", w.Reason),
	}}}
	if w.Kind == windows.Maintenance {
		services := []string{w.Service}
		if w.Service == "" {
			services = a.setup.Load().services()
		}
		for _, service := range services {
			b.Maintenance = append(b.Maintenance, store.Maintenance{ID: w.ID + "_" + service, Maintenance: sla.Maintenance{
				Name: cmp.Or(w.Reason.String(), w.ID), Service: service, From: w.From, To: w.To, Announced: w.Announced,
			}})
		}
	}
	wake := a.notifier.Add(&b, a.now(), func(r announce.Renderer) notifiers.Notice { return r.WindowChanged(w, a.now()) })
	if err := t.Commit(b); err != nil {
		return err
	}
	a.notifier.Wake(wake)
	return nil
}
