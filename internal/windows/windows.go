package windows

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"guardian/internal/reason"
	"guardian/internal/spelling"
)

// Kind is what a window is for.
type Kind string

// The kinds.
const (
	Maintenance Kind = "maintenance"
	Freeze      Kind = "freeze"
	Hold        Kind = "hold" // nothing is started by itself
)

// Window is an announced time of a service.
type Window struct {
	ID        string        `json:"id"`
	Kind      Kind          `json:"kind"`
	Service   string        `json:"service,omitempty"` // "": all
	From      time.Time     `json:"from"`
	To        time.Time     `json:"to"` // exclusive; earlier than announced when somebody ended it
	Reason    reason.Reason `json:"reason,omitzero"`
	By        string        `json:"by,omitempty"`     // the person; "": a run
	Run       string        `json:"run,omitempty"`    // ID of the run that announced it
	Intent    string        `json:"intent,omitempty"` // of the run's step
	Announced time.Time     `json:"announced"`
	// Ended is when somebody ended it; zero: it ends, or ended, at the time that was announced.
	Ended   time.Time `json:"ended,omitzero"`
	EndedBy string    `json:"ended_by,omitempty"` // the person, or the ID of the run
}

// Over tells whether it has ended.
func (w Window) Over(now time.Time) bool { return !now.Before(w.To) }

// Current tells whether it lasts now.
func (w Window) Current(now time.Time) bool { return !now.Before(w.From) && now.Before(w.To) }

// InvalidError says what is wrong with a window that somebody asks for.
type InvalidError struct{ Field, Detail string }

func (e *InvalidError) Error() string { return e.Field + ": " + e.Detail }

// Longest is how long a window may be: what lasts longer is configuration.
const Longest = 31 * 24 * time.Hour

const (
	// farthest is how far ahead one may be announced.
	farthest = 366 * 24 * time.Hour
	// late is how late an announcement may arrive: clocks differ and requests take time.
	late = time.Minute
)

// check gives what is wrong with a window that is announced now; nil: nothing.
func (w Window) check(services []string, now time.Time) error {
	wrong := func(field, detail string) error { return &InvalidError{field, detail} }
	switch {
	case w.Kind != Maintenance && w.Kind != Freeze && w.Kind != Hold:
		return wrong("kind", "must be maintenance, freeze or hold")
	case w.Service != "" && !slices.Contains(services, w.Service):
		return wrong("service", fmt.Sprintf("there is no service %q; %s; leave it out for all services", w.Service, spelling.Hint(w.Service, services)))
	case w.From.Before(now.Add(-late)):
		return wrong("from", "is in the past: a window is announced before it begins, or from now on")
	case w.From.After(now.Add(farthest)):
		return wrong("from", "is more than a year ahead; write it into the configuration")
	case !w.To.After(w.From):
		return wrong("to", "must be after from")
	case w.To.Sub(w.From) > Longest:
		return wrong("to", "makes the window longer than 31d; write it into the configuration")
	}
	return nil
}

// inOrder sorts windows by their beginnings.
func inOrder(all []Window) {
	slices.SortFunc(all, func(x, y Window) int { return cmp.Or(x.From.Compare(y.From), cmp.Compare(x.ID, y.ID)) })
}
