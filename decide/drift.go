package decide

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/watch"
)

// DriftKind is the kind of check that compares what runs with what should. It sees neither a
// marketplace nor a network, and tells nothing about whether others do.
const DriftKind = "drift"

// Placed is the version that should run, as far as the journal tells.
type Placed struct {
	Version string // "": nothing was announced
	Kind    watch.Kind
	By      string // ID of the deploy or the run that put it in place
	At      time.Time
}

// InPlace tells which version should run in the place of a service now, and why what runs cannot be
// held against it: something is under way, or was left half done. Zero: it can.
func (d Decider) InPlace(ctx context.Context, service, environment string, now time.Time) (Placed, reason.Reason, error) {
	none := reason.Reason{}
	p, why, err := d.placed(ctx, service, environment)
	if err != nil || !why.IsZero() || p.Version == "" {
		return p, why, err
	}
	if why, _ := d.Settings.Suppressed("alert", map[string]string{"service": service}, nil, now); !why.IsZero() {
		return p, reason.New("drift_maintenance", "why", why), nil
	}
	watches, err := d.Past.Watches(ctx, service, now)
	if err != nil {
		return p, none, fmt.Errorf("read the watches of %s: %w", service, err)
	}
	for _, w := range watches {
		if w.Ended.IsZero() && w.Environment == environment {
			return p, reason.New("drift_watch", "version", w.Version), nil
		}
	}
	runs, err := d.Past.Runs(ctx, service, environment, p.At)
	if err != nil {
		return p, none, fmt.Errorf("read the runs of %s: %w", service, err)
	}
	for _, r := range runs {
		switch {
		case !r.State.Final():
			return p, reason.New("drift_run", "run", r.ID), nil
		case r.ID != p.By && r.Created.After(p.At) && acted(r):
			return p, reason.New("drift_changed_by_run", "run", r.ID), nil
		}
	}
	return p, none, nil
}

// placed gives the version of the code or, where none was announced, of the configuration, and why it is
// not known what runs.
func (d Decider) placed(ctx context.Context, service, environment string) (Placed, reason.Reason, error) {
	none := reason.Reason{}
	for _, kind := range []watch.Kind{watch.Code, watch.Config} {
		dep, ok, err := d.Past.LastDeploy(ctx, service, environment, kind)
		if err != nil {
			return Placed{}, none, fmt.Errorf("read the last deploy of %s: %w", service, err)
		}
		if !ok {
			continue
		}
		p := Placed{Version: dep.Version, Kind: kind, By: dep.ID, At: dep.Announced}
		if r := dep.Rollout; r != nil && r.End.After(p.At) {
			p.At = r.End
		}
		back, ok, err := d.takenBackBy(ctx, line{service, environment, kind}, dep)
		switch {
		case err != nil:
			return p, none, err
		case ok && back.To != "":
			return Placed{Version: back.To, Kind: kind, By: back.ID, At: putAt(back)}, none, nil
		case dep.Unsure:
			return p, reason.New("drift_unsure", "version", dep.Version), nil
		case dep.RollingOut():
			return p, reason.New("drift_watch", "version", dep.Version), nil
		case len(dep.Shops) > 0:
			return p, reason.New("drift_shops", "version", dep.Version, "shops", dep.Shops), nil
		}
		return p, none, nil
	}
	return Placed{}, none, nil
}

// acted tells whether a run may have changed something.
func acted(r actions.Run) bool {
	return slices.ContainsFunc(r.Steps, func(s actions.StepRun) bool {
		return s.State != actions.StepPending && s.State != actions.StepSkipped
	})
}

// Drift is what one step's target says of what should run.
type Drift struct {
	Step string
	Fit  actions.Fit
	// Runs and Should are what differs, for people, alike in every language.
	Runs, Should string
	Why          reason.Reason // why it cannot be told
}

// mostDrift bounds the text of what differs, which becomes a label, in bytes.
const mostDrift = 160

// Drifts tells of each step's target whether it runs what it should. A part that differs is enough; what
// is not known of others changes nothing about that.
func Drifts(seen []actions.StepSight) []Drift {
	all := make([]Drift, len(seen))
	for i, s := range seen {
		all[i] = Drift{Step: s.Step, Why: s.Why}
		var runs, should []string
		for _, p := range s.Parts {
			switch p.Fit {
			case actions.Differs:
				runs, should = append(runs, partly(p.Name, p.Runs)), append(should, partly(p.Name, p.Should))
			case actions.Fits:
				all[i].Fit = actions.Fits
			case actions.NotKnown:
			}
		}
		if len(runs) > 0 {
			all[i].Fit, all[i].Runs, all[i].Should = actions.Differs, listed(runs), listed(should)
		}
	}
	return all
}

func partly(name, what string) string { return name + ": " + cmp.Or(what, "-") }

func listed(parts []string) string {
	text := strings.Join(parts, ", ")
	if len(text) > mostDrift {
		text = strings.ToValidUTF8(text[:mostDrift], "") + "…"
	}
	return text
}

// Remembers gives what is to be recorded of a sight: what a version runs, once for each time that it was
// put in place, unless it is known to be something else.
func Remembers(p Placed, s actions.StepSight, now time.Time) (actions.Sighting, bool) {
	if p.Version == "" || !s.Why.IsZero() || !s.Recordable() {
		return actions.Sighting{}, false
	}
	return actions.Sighting{Target: s.Target, Version: p.Version, Kind: string(p.Kind), Placed: p.By, At: now, Parts: s.Parts}, true
}
