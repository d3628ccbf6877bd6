package selfcheck

import (
	"context"
	"errors"
	"time"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/notify"
	"guardian/internal/store"
	"guardian/notifiers"
)

// Outbox queues notices in the name of the leadership; notify.Notifier does.
type Outbox interface {
	Send(in notify.Committer, render notify.Render) (notified bool, err error)
}

// Direct delivers notices past the outbox; notify.Direct does.
type Direct interface {
	Send(ctx context.Context, id string, render notify.Render) error
}

// TellerOptions is what a Teller is made of. All fields are needed.
type TellerOptions struct {
	Outbox     Outbox
	Direct     Direct
	Deliveries notify.Deliveries
	Leader     func() (notify.Committer, bool) // false: this guardian does not lead
	Now        func() time.Time
}

// Teller notifies people of what is wrong with the guardian itself.
type Teller struct{ o TellerOptions }

// NewTeller makes a Teller.
func NewTeller(o TellerOptions) Teller { return Teller{o} }

var errStandby = errors.New("another guardian leads")

// Fault tells of a fault: past the outbox where that cannot be relied on, or is another guardian's.
func (t Teller) Fault(ctx context.Context, f decide.FaultNews) error {
	render := func(w announce.Renderer) notifiers.Notice { return w.Fault(f, t.o.Now()) }
	leader, leads := t.o.Leader()
	switch {
	case f.Direct(), !leads && f.Local():
		return t.o.Direct.Send(ctx, store.NewID("n_"), render)
	case !leads:
		return errStandby
	}
	_, err := t.o.Outbox.Send(leader, render)
	return err
}

// Gap tells, once, that nobody is on call.
func (t Teller) Gap(ctx context.Context, g decide.GapNews) error {
	leader, leads := t.o.Leader()
	if !leads {
		return errStandby
	}
	if before, err := notify.Told(ctx, t.o.Deliveries, g); err != nil || before {
		return err
	}
	_, err := t.o.Outbox.Send(leader, func(w announce.Renderer) notifiers.Notice { return w.OnCallGap(g, t.o.Now()) })
	return err
}
