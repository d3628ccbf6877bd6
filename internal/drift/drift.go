package drift

import (
	"context"
	"errors"
	"fmt"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/notify"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/probes"
)

// Options is what a Comparer is made of. All fields are needed.
type Options struct {
	Decider func() decide.Decider                      // by the running configuration
	Runbook func(name string) (*actions.Runbook, bool) // of the same
	Known   actions.Sightings                          // what was recorded
	Leader  func() (notify.Committer, bool)            // false: this guardian does not lead
	Now     func() time.Time
}

// Comparer compares. It keeps nothing.
type Comparer struct{ o Options }

// New makes a Comparer.
func New(o Options) Comparer { return Comparer{o} }

// errStandby says that another guardian leads.
var errStandby = errors.New("this guardian does not lead")

// Compare implements probes.Env.Compare.
func (c Comparer) Compare(ctx context.Context, service string) (probes.Comparison, error) {
	decider, now := c.o.Decider(), c.o.Now()
	svc, ok := decider.Settings.Service(service)
	if !ok {
		return probes.Comparison{}, fmt.Errorf("there is no service %s", service)
	}
	book, ok := c.o.Runbook(svc.Rollback)
	if !ok {
		return probes.Comparison{}, fmt.Errorf("there is no runbook %q", svc.Rollback)
	}
	placed, why, err := decider.InPlace(ctx, service, svc.Environment, now)
	if err != nil {
		return probes.Comparison{}, err
	}
	out := probes.Comparison{Version: placed.Version, Why: why}
	if !why.IsZero() || placed.Version == "" {
		return out, nil
	}
	seen := book.Sight(ctx, actions.Run{
		ID: actions.PreviewRun, Service: service, Environment: svc.Environment, Runbook: svc.Rollback,
		Kind: string(placed.Kind), To: placed.Version, From: placed.Version,
	})
	// Something may have begun while the targets were asked.
	again, why, err := decider.InPlace(ctx, service, svc.Environment, c.o.Now())
	if err != nil {
		return probes.Comparison{}, err
	}
	if out.Why = why; !why.IsZero() || again.By != placed.By {
		out.Why = reason.Join(why, reason.New("drift_changed"))
		return out, nil
	}
	if err := c.record(ctx, svc, placed, seen); err != nil {
		return probes.Comparison{}, err
	}
	for _, d := range decide.Drifts(seen) {
		out.Steps = append(out.Steps, probes.Compared{
			Step: d.Step, Known: d.Fit != actions.NotKnown, Differs: d.Fit == actions.Differs, Runs: d.Runs, Should: d.Should, Why: d.Why,
		})
	}
	return out, nil
}

// record writes what is seen for the first time since the version was put in place.
func (c Comparer) record(ctx context.Context, svc decide.Service, placed decide.Placed, seen []actions.StepSight) error {
	var b store.Batch
	for _, s := range seen {
		sighting, ok := decide.Remembers(placed, s, c.o.Now())
		if !ok {
			continue
		}
		sighting.Service, sighting.Environment = svc.Name, svc.Environment
		asked := sighting
		asked.At = time.Time{}
		if _, known, err := c.o.Known.Sighted(ctx, asked); err != nil {
			return err
		} else if !known {
			b.Sightings = append(b.Sightings, sighting)
		}
	}
	if len(b.Sightings) == 0 {
		return nil
	}
	leader, ok := c.o.Leader()
	if !ok {
		return errStandby
	}
	return leader.Commit(b)
}
