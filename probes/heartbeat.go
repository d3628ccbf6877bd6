package probes

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// HeartbeatSettings configure a check of kind heartbeat: a job reports that it ran.
type HeartbeatSettings struct {
	Period model.Duration `yaml:"period" doc:"How often the job reports; default: the check's interval."`
	Grace  model.Duration `yaml:"grace" doc:"How late a report may be."`
}

// Validate joins every mistake.
func (s *HeartbeatSettings) Validate() error {
	var errs []error
	if s.Period < 0 {
		errs = append(errs, errors.New("period is negative: give the job's period, such as 1h"))
	}
	if s.Grace < 0 {
		errs = append(errs, errors.New("grace is negative"))
	}
	return errors.Join(errs...)
}

func heartbeatKind() Kind {
	return Kind{
		Settings: func() any { return &HeartbeatSettings{} },
		Build: func(settings any, env Env) (Probe, error) {
			s := settings.(*HeartbeatSettings)
			period := time.Duration(s.Period)
			if period == 0 {
				period = env.Every
			}
			if period <= 0 {
				return nil, errors.New("heartbeat: period is missing: give the job's period, such as 1h")
			}
			if env.Heartbeats == nil {
				return nil, errors.New("heartbeat: nothing here receives reports")
			}
			env = env.withDefaults()
			return &heartbeatProbe{
				env: env, masks: newMasks(env), period: period, grace: time.Duration(s.Grace), since: env.Now(),
			}, nil
		},
		Passive:  true,
		Produces: func(any) []string { return []string{"heartbeat_age_seconds"} },
	}
}

type heartbeatProbe struct {
	env           Env
	masks         masks
	period, grace time.Duration
	since         time.Time // when the probe was built
}

// Look reads the last report from the journal. If there is none, it is Unknown until a period and
// the grace have passed since the probe was built, and Down after that.
func (p *heartbeatProbe) Look(ctx context.Context) sample.Observation {
	allowed := p.period + p.grace
	now := p.env.Now()
	last, ok, err := p.env.Heartbeats(ctx, p.env.Check)
	if err != nil {
		return p.masks.observation(sample.Observation{Reason: reason.New("heartbeat_unread", "error", err)})
	}
	if !ok {
		if now.Sub(p.since) <= allowed {
			return sample.Observation{Reason: reason.New("heartbeat_none_yet", "within", allowed)}
		}
		return sample.Observation{
			Health: sample.Down,
			Reason: reason.New("heartbeat_never", "since", now.Sub(p.since), "period", p.period),
		}
	}
	// The age must not be negative when this machine's clock was set back.
	age := max(now.Sub(last.At), 0)
	o := sample.Observation{Health: sample.Up, Values: []sample.Value{{Name: "heartbeat_age_seconds", V: age.Seconds()}}}
	switch {
	case age > allowed:
		o.Health = sample.Down
		o.Reason = reason.New("heartbeat_late", "age", age, "period", p.period)
	case !last.OK:
		o.Health = sample.Down
		o.Reason = reason.New("heartbeat_failed", "said", last.Reason)
	}
	return p.masks.observation(o)
}
