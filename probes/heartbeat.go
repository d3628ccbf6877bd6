package probes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// HeartbeatSettings configure a check of kind heartbeat: a job reports that it ran.
type HeartbeatSettings struct {
	Within model.Duration `yaml:"period" doc:"The job's period: how often it reports; the check's own interval when left out."`
	Grace  model.Duration `yaml:"grace" doc:"How much later than its period a report may come."`
}

// Validate joins every mistake.
func (s *HeartbeatSettings) Validate() error {
	var errs []error
	if s.Within < 0 {
		errs = append(errs, errors.New("period is negative: give the job's period, such as 1h"))
	}
	if s.Grace < 0 {
		errs = append(errs, errors.New("grace is negative"))
	}
	return errors.Join(errs...)
}

// heartbeatReason is how much of a job's own words is kept, in bytes.
const heartbeatReason = 1 << 10

func heartbeatKind() Kind {
	return Kind{
		Settings: func() any { return &HeartbeatSettings{} },
		Build: func(settings any, env Env) (Probe, error) {
			s := settings.(*HeartbeatSettings)
			period := time.Duration(s.Within)
			if period == 0 {
				period = env.Every
			}
			if period <= 0 {
				return nil, errors.New("heartbeat: within is missing: give the job's period, such as 1h")
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
	since         time.Time // from when on reports could come
}

// Look asks the journal for the last report. Without any report the answer is Unknown until
// a whole period and its grace have passed since the probe was built: a job that is not due
// yet has not failed.
func (p *heartbeatProbe) Look(ctx context.Context) sample.Observation {
	allowed := p.period + p.grace
	now := p.env.Now()
	last, ok, err := p.env.Heartbeats(ctx, p.env.Check)
	if err != nil {
		return p.masks.observation(sample.Observation{Reason: reason.Text(fmt.Sprintf("read the last heartbeat: %v", err))})
	}
	if !ok {
		if now.Sub(p.since) <= allowed {
			return sample.Observation{Reason: reason.Text(fmt.Sprintf("no heartbeat yet; the first is due within %s", model.Duration(allowed)))}
		}
		return sample.Observation{
			Health: sample.Down,
			Reason: reason.Text(fmt.Sprintf("no heartbeat in the %s since the watching began, due every %s", round(now.Sub(p.since)), model.Duration(p.period))),
		}
	}
	// A job's clock is not ours, but At is stamped here; a jump back must not give a negative age.
	age := max(now.Sub(last.At), 0)
	o := sample.Observation{Health: sample.Up, Values: []sample.Value{{Name: "heartbeat_age_seconds", V: age.Seconds()}}}
	switch {
	case age > allowed:
		o.Health = sample.Down
		o.Reason = reason.Text(fmt.Sprintf("the last heartbeat came %s ago, due every %s", round(age), model.Duration(p.period)))
	case !last.OK:
		o.Health = sample.Down
		o.Reason = reason.Text("the job reported a failure")
		if last.Reason != "" {
			o.Reason = reason.Text("the job reported a failure: " + oneLine(last.Reason, heartbeatReason))
		}
	}
	return p.masks.observation(o)
}
