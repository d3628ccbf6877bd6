package decide

import (
	"context"
	"slices"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/watch"
)

// Rehearsal is what a drill asks before it begins.
type Rehearsal struct {
	Service     string
	Environment string
	Runbook     string // that injects the fault
	Trigger     actions.Trigger
	Version     string // that will be announced
}

// MayRehearse decides whether a drill may begin: the service is well and marked as not production,
// nobody holds what is automatic, and neither a deploy is watched nor a run under way. Zero: it may.
func (d Decider) MayRehearse(ctx context.Context, r Rehearsal, p Present, now time.Time) (reason.Reason, error) {
	svc, ok := d.Settings.Service(r.Service)
	switch {
	case !ok:
		return reason.Reason{}, ErrNoService
	case !svc.Rehearses:
		return reason.New("drill_in_production", "service", r.Service), nil
	}
	if hold := d.Settings.hold(r.Service, now); hold != nil {
		return hold.Detail, nil
	}
	if down := d.Settings.inHealth(r.Service, sample.Down, p); len(down) > 0 {
		return reason.New("drill_service_down", "checks", down), nil
	}
	if !slices.ContainsFunc(d.Settings.ChecksOf(r.Service), func(c Check) bool { return c.Judges && p.Health[c.Check] == sample.Up }) {
		return reason.New("drill_service_blind", "service", r.Service), nil
	}
	past, err := d.watches(ctx, r.Service, now)
	if err != nil {
		return reason.Reason{}, err
	}
	for _, w := range past {
		if w.State == watch.Watching {
			return reason.New("drill_deploy_watched", "version", w.Version), nil
		}
	}
	f, err := d.facts(ctx, r.Runbook, actions.ByDrill, line{r.Service, r.Environment, watch.Code}, now)
	if err != nil {
		return reason.Reason{}, err
	}
	for _, no := range actions.Guard(f, now) {
		return no.Detail, nil
	}
	return reason.Reason{}, nil
}

// RehearsalRun is a run of a drill's own steps. It waits for no other run and asks no guard: what a drill
// broke is taken back whatever else is under way. back: it takes the fault back.
func (d Decider) RehearsalRun(r Rehearsal, previous string, back bool) actions.Request {
	req := actions.Request{Service: r.Service, Environment: r.Environment, Runbook: r.Runbook, Trigger: r.Trigger, Kind: string(watch.Code), From: previous, To: r.Version}
	if back {
		req.From, req.To = req.To, req.From
	}
	return req
}
