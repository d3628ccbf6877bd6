package present

import (
	"context"
	"fmt"
	"time"

	"guardian/actions"
	"guardian/decide"
)

// Look implements actions.Verifier: it looks at a check now.
func (p Present) Look(ctx context.Context, check string) (actions.CheckResult, error) {
	s, err := p.o.Look(ctx, check)
	if err != nil {
		return actions.CheckResult{}, err
	}
	return actions.CheckResult{Check: check, Health: s.Health.String(), Reason: s.Reason, At: s.At, Took: s.Duration}, nil
}

// Breach tells how bad it is with the service of a run now.
func (p Present) Breach(ctx context.Context, run actions.Run) actions.Breach {
	excess := map[string]float64{}
	for _, s := range run.Symptoms {
		switch s.Kind {
		case actions.SymptomCounter, actions.SymptomTraffic, actions.SymptomNumber:
			if r, err := p.Ask(ctx, run, s, p.o.Now().Add(-decide.ExcessOver)); err == nil && r.Excess > 0 {
				excess[s.Name] = r.Excess
			}
		case actions.SymptomCheck, actions.SymptomSlow, actions.SymptomAlert, actions.SymptomQuery:
		}
	}
	return p.o.Settings().BreachOf(run, p.Of(run.Service), excess)
}

// Ask implements actions.Verifier: it asks whether an alert is resolved, a counter as is tolerated, or a
// query within its limit.
func (p Present) Ask(ctx context.Context, run actions.Run, s actions.Symptom, since time.Time) (actions.CheckResult, error) {
	if s.Kind == actions.SymptomAlert {
		open, known := p.o.Alerts()
		if !known {
			return actions.CheckResult{}, actions.ErrLostLease
		}
		return decide.AlertProof(run, s, open), nil
	}
	if s.Kind == actions.SymptomQuery {
		now, err := p.o.Counters.Reading(ctx, decide.QueryOf(s), p.o.Now())
		if err != nil {
			return actions.CheckResult{}, err
		}
		return decide.QueryProof(s, now), nil
	}
	m, ok := p.o.Settings().Counter(run.Service, s.Name)
	if !ok {
		return actions.CheckResult{}, fmt.Errorf("counter %s of %s is not configured any more", s.Name, run.Service)
	}
	before, err := p.o.Counters.Reading(ctx, m, since)
	if err != nil {
		return actions.CheckResult{}, err
	}
	now, err := p.o.Counters.Reading(ctx, m, p.o.Now())
	if err != nil {
		return actions.CheckResult{}, err
	}
	return decide.CountedProof(s, before, now), nil
}
