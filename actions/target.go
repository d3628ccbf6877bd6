package actions

import (
	"errors"
	"fmt"
	"slices"

	"guardian/internal/reason"
)

// Targeted is implemented by the settings of a kind that can say what a step acts on: addresses, each a
// template that names one target as exactly as the settings do, such as "docker unix:///run/docker.sock
// container shop". Two steps with an address in common act on the same thing. Addresses may hold
// secrets: they are compared, and never shown.
type Targeted interface{ Targets() []string }

// ErrUntold says that a kind of step cannot say what it acts on.
var ErrUntold = errors.New("steps of this kind cannot say what they act on")

// TargetsOf gives the addresses of what a step acts on when it is called so: by its run, and for its shop.
// The error ErrUntold says that its kind cannot tell.
func TargetsOf(kind string, settings any, c Call) ([]string, error) {
	t, ok := settings.(Targeted)
	if !ok {
		return nil, fmt.Errorf("%s: %w", kind, ErrUntold)
	}
	c.Intent, c.Run.ID = PreviewRun, PreviewRun // so that the steps of two runs can be compared
	data, err := c.Data()
	if err != nil {
		return nil, err
	}
	var all []string
	for _, source := range t.Targets() {
		address := source
		if parsed, err := ParseTemplate("target", source); err == nil && !parsed.UsesAnswer() {
			if filled, err := parsed.Render(data); err == nil {
				address = filled
			}
		}
		all = append(all, address)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: %w", kind, ErrUntold)
	}
	return all, nil
}

// Claim is a step that acts on production, or may: with the run that would call it.
type Claim struct {
	Runbook, Step, Kind string
	Settings            any
	Run                 Run    // its service and environment
	Shop                string // that it is for; "": none
}

// Production is everything that no drill may touch.
type Production struct {
	Claims []Claim
	// Owned are addresses of what production uses without a step of a runbook, such as kill switches,
	// by what they are in words.
	Owned map[string]string
}

// Forbids says why a step of a drill's run must not be done: it acts on what a step of production acts
// on, or cannot say what it acts on. Zero: it may be done.
func (p Production) Forbids(kind string, settings any, call Call) reason.Reason {
	run := call.Run
	own, err := TargetsOf(kind, settings, call)
	if err != nil {
		return reason.New("drill_target_untold", "kind", kind, "error", ReasonOf(err))
	}
	for _, address := range own {
		if what, ok := p.Owned[address]; ok {
			return reason.New("drill_target_owned", "what", what)
		}
	}
	for _, c := range p.Claims {
		as := c.Run
		as.From, as.To, as.Kind, as.Trigger = run.From, run.To, run.Kind, run.Trigger
		theirs, err := TargetsOf(c.Kind, c.Settings, Call{Run: as, Step: StepRun{Shop: c.Shop}})
		if err != nil {
			continue // nothing of a drill is of a kind that cannot tell
		}
		if slices.ContainsFunc(own, func(a string) bool { return slices.Contains(theirs, a) }) {
			return reason.New("drill_target_production", "runbook", c.Runbook, "step", c.Step, "service", c.Run.Service)
		}
	}
	return reason.Reason{}
}
