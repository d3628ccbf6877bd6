package changing

import (
	"cmp"
	"context"
	"time"

	"guardian/actions"
	"guardian/internal/announce"
	"guardian/internal/flags"
	"guardian/internal/notify"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/internal/windows"
	"guardian/notifiers"
	"guardian/sla"
)

// Notifier commits facts with the notice about them; notify.Notifier does.
type Notifier interface {
	Record(in notify.Committer, facts store.Batch, render notify.Render) error
}

// Options is what Changes are made of. All fields are needed.
type Options struct {
	Leader   func() (notify.Committer, bool) // false: this guardian does not lead
	Notifier Notifier
	Services func() []string // of the running configuration
	Now      func() time.Time
}

// Changes writes changes in the name of the leadership of now; without one, they give ErrLostLease of
// package actions.
type Changes struct{ o Options }

// New makes Changes.
func New(o Options) Changes { return Changes{o} }

func (cs Changes) record(facts store.Batch, render notify.Render) error {
	leader, leads := cs.o.Leader()
	if !leads {
		return actions.ErrLostLease
	}
	return cs.o.Notifier.Record(leader, facts, render)
}

// Flag writes a change of a kill switch.
func (cs Changes) Flag(_ context.Context, f flags.Flag, c flags.Change) error {
	return cs.record(store.Batch{
		Flags: []flags.Change{c},
		Audit: []store.Audit{{At: c.At, Who: c.By, What: "flag", Service: f.Service, Subject: f.Name, Path: "/flags", Detail: c.Said(f)}},
	}, func(t announce.Renderer) notifiers.Notice { return t.FlagChanged(f, c, cs.o.Now()) })
}

// Window writes a window that is new or has just been ended. The report gets a maintenance for each service.
func (cs Changes) Window(_ context.Context, w windows.Window) error {
	at, by, what := w.Announced, w.By, "_begun"
	if !w.Ended.IsZero() {
		at, by, what = w.Ended, w.EndedBy, "_ended"
	}
	return cs.record(store.Batch{
		Windows: []windows.Window{w}, Maintenance: cs.reported(w),
		Audit: []store.Audit{{
			At: at, Who: by, What: string(w.Kind), Service: w.Service, Subject: w.ID, Path: "/windows",
			Detail: reason.New(string(w.Kind)+what, "service", w.Service, "from", w.From, "until", w.To, "run", w.Run, "why", w.Reason),
		}},
	}, func(t announce.Renderer) notifiers.Notice { return t.WindowChanged(w, cs.o.Now()) })
}

// reported is a window as the report lists it.
func (cs Changes) reported(w windows.Window) []store.Maintenance {
	if w.Kind != windows.Maintenance {
		return nil
	}
	services := []string{w.Service}
	if w.Service == "" {
		services = cs.o.Services()
	}
	all := make([]store.Maintenance, len(services))
	for i, service := range services {
		all[i] = store.Maintenance{ID: w.ID + "_" + service, Maintenance: sla.Maintenance{
			Name: cmp.Or(w.Reason.String(), w.ID), Service: service, From: w.From, To: w.To, Announced: w.Announced,
		}}
	}
	return all
}
