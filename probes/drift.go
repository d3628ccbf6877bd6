package probes

import (
	"context"
	"errors"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// DriftSettings configure a check of kind drift: whether what runs is what should.
//
//	what happened                                       | health  | drift
//	each target that can tell runs the version          | Up      | 0
//	one runs something else                             | Up      | 1, with the labels runs and should
//	no version was announced                            | Up      | none
//	a watch, a run or a maintenance is under way        | Unknown | none
//	a target does not answer, or nobody can tell        | Unknown | none
type DriftSettings struct{}

// Comparison is what runs beside what should.
type Comparison struct {
	Version string        // that should run; "": none is known
	Why     reason.Reason // why nothing can be compared now; zero: it was
	Steps   []Compared
}

// Compared is the target of one step.
type Compared struct {
	Step           string
	Known, Differs bool
	Runs, Should   string        // what differs
	Why            reason.Reason // why the target could not be asked
}

func driftKind() Kind {
	return Kind{
		Settings: func() any { return &DriftSettings{} },
		Build: func(_ any, env Env) (Probe, error) {
			if env.Compare == nil {
				return nil, errors.New("drift: nothing here knows what should run")
			}
			return driftProbe{env: env.withDefaults(), masks: newMasks(env)}, nil
		},
		Active:   true, // what it sees is recorded
		Produces: func(any) []string { return []string{"drift"} },
	}
}

type driftProbe struct {
	env   Env
	masks masks
}

// Look asks the targets. When one cannot be asked nothing is known, so that what differed before does not
// seem to be over.
func (p driftProbe) Look(ctx context.Context) sample.Observation {
	c, err := p.env.Compare(ctx, p.env.Service)
	switch {
	case err != nil:
		return p.masks.observation(sample.Observation{Reason: reason.New("drift_unread", "error", err)})
	case !c.Why.IsZero():
		return p.masks.observation(sample.Observation{Reason: c.Why})
	case c.Version == "":
		return sample.Observation{Health: sample.Up}
	}
	o := sample.Observation{Health: sample.Up}
	var unknown, differ []reason.Reason
	for _, s := range c.Steps {
		switch {
		case !s.Why.IsZero():
			unknown = append(unknown, reason.New("drift_step", "step", s.Step, "why", s.Why))
		case s.Differs:
			differ = append(differ, reason.New("drift_differs", "step", s.Step, "runs", s.Runs, "should", s.Should, "version", c.Version))
			o.Values = append(o.Values, sample.Value{Name: "drift", Labels: map[string]string{"step": s.Step, "runs": s.Runs, "should": s.Should}, V: 1})
		case s.Known:
			o.Values = append(o.Values, sample.Value{Name: "drift", Labels: map[string]string{"step": s.Step}})
		}
	}
	switch {
	case len(unknown) > 0:
		o = sample.Observation{Reason: reason.Join(append(unknown, differ...)...)}
	case len(o.Values) == 0:
		o = sample.Observation{Reason: reason.New("drift_not_known", "version", c.Version)}
	default:
		o.Reason = reason.Join(differ...)
	}
	return p.masks.observation(o)
}
