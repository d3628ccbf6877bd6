package decide

import (
	"context"
	"fmt"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/versions"
	"guardian/probes/sample"
	"guardian/watch"
)

// Acceptance is how an announced deploy is taken.
type Acceptance struct {
	watch.Acceptance
	// Closed is why the gate of the service was closed when the deploy was announced; empty: it was
	// open, or the announcement says nothing new.
	Closed []watch.GateReason
	// Warnings are what cannot work about this deploy: who announces it is told.
	Warnings []reason.Reason
}

// Accept decides how an announced deploy is taken, given the open watches of its service. A deploy
// that has happened is never refused: one through a closed gate is watched like any other, and
// people are told. The version that a rollback has just put back always passes the gate: it is
// the rollback's own announcement.
func (d Decider) Accept(ctx context.Context, dep watch.Deploy, open []*watch.Watch, p Present, now time.Time) (Acceptance, error) {
	rollbacks, err := d.rollbacks(ctx, dep.Service, dep.Environment, now)
	if err != nil {
		return Acceptance{}, err
	}
	a := Acceptance{Acceptance: watch.Accept(dep, open, rollbacks, now), Warnings: d.warnings(dep)}
	differs, err := d.previousDiffers(ctx, dep)
	if err != nil {
		return Acceptance{}, err
	}
	a.Warnings = append(a.Warnings, differs...)
	if a.Decision != watch.Repeats && a.RollbackRun == "" && dep.Drill == "" {
		a.Closed = watch.Gate(d.gateFacts(dep.Service, dep.Environment, rollbacks, p), now)
	}
	return a, nil
}

// previousDiffers warns that an announcement names another version as the one before than the one
// that is known to have run. A version that runs already is announced again, with what was before it.
func (d Decider) previousDiffers(ctx context.Context, dep watch.Deploy) ([]reason.Reason, error) {
	if dep.PreviousVersion == "" || !dep.PutsVersion() {
		return nil, nil
	}
	current, err := d.current(ctx, line{dep.Service, dep.Environment, dep.Kind})
	if err != nil || current == "" || versions.Same(current, dep.PreviousVersion) || versions.Same(current, dep.Version) {
		return nil, err
	}
	return []reason.Reason{reason.New("previous_differs", "previous", dep.PreviousVersion, "current", current)}, nil
}

// warnings says what cannot work about a deploy.
func (d Decider) warnings(dep watch.Deploy) (all []reason.Reason) {
	svc, _ := d.Settings.Service(dep.Service)
	switch {
	case dep.ClockOff > 0:
		all = append(all, reason.New("clock_ahead", "by", dep.ClockOff))
	case dep.ClockOff < 0:
		all = append(all, reason.New("clock_behind", "by", -dep.ClockOff))
	}
	if dep.AtAhead > 0 {
		all = append(all, reason.New("at_ahead", "by", dep.AtAhead))
	}
	if dep.KnownGood && !dep.DeclaresGood() {
		all = append(all, reason.New("operation_known_good"))
	}
	misfit := d.Settings.Runbooks[svc.runbook(dep.Kind)].Misfit
	if misfit == nil || !dep.PutsVersion() {
		return all
	}
	for _, v := range []string{dep.Version, dep.PreviousVersion} {
		if v == "" {
			continue
		}
		if why := misfit(v); !why.IsZero() {
			all = append(all, why)
		}
	}
	return all
}

// Gate says why a service may not be deployed now; nothing: it may.
func (d Decider) Gate(ctx context.Context, service, environment string, p Present, now time.Time) ([]watch.GateReason, error) {
	rollbacks, err := d.rollbacks(ctx, service, environment, now)
	if err != nil {
		return nil, err
	}
	return watch.Gate(d.gateFacts(service, environment, rollbacks, p), now), nil
}

func (d Decider) gateFacts(service, environment string, rollbacks []watch.Rollback, p Present) watch.GateFacts {
	f := watch.GateFacts{
		Service: service, Environment: environment, Act: watch.ActDeploy, Freezes: d.Settings.Freezes,
		Rollbacks: rollbacks, Alerts: p.Alerts,
	}
	if svc, ok := d.Settings.Service(service); ok {
		f.CoolDown = d.Settings.Runbooks[svc.Rollback].Cooldown
		f.Backup = watch.Backup{Check: svc.Backup, Health: p.Health[svc.Backup]}
	}
	return f
}

// rollbackMemory is how far back rollbacks are read for gates and announcements: longer than
// any cool-down.
const rollbackMemory = 7 * 24 * time.Hour

// rollbacks gives the runs that put a version back, as gates and announcements see them.
func (d Decider) rollbacks(ctx context.Context, service, environment string, now time.Time) ([]watch.Rollback, error) {
	runs, err := d.Past.Runs(ctx, service, environment, now.Add(-rollbackMemory))
	if err != nil {
		return nil, fmt.Errorf("read the rollbacks of %s: %w", service, err)
	}
	var all []watch.Rollback
	for _, r := range runs {
		if !r.Rollback || r.Trigger.Rehearses() {
			continue
		}
		all = append(all, watch.Rollback{
			Run: r.ID, Service: r.Service, Environment: r.Environment, From: r.From, To: r.To, Created: r.Created, Ended: r.Ended,
			Acted: !r.Started.IsZero() && r.State != actions.Refused, PutBack: PutBack(r), Queued: r.State == actions.Queued, Asks: AwaitsApproval(r),
		})
	}
	return all, nil
}

// Policy is how the watch of a deploy is held: the service's settings with what the
// announcement asked for in their place.
func (s Service) Policy(asked *watch.Asked) watch.Policy {
	p := s.Watch.Policy()
	if asked == nil {
		return p
	}
	if asked.For > 0 {
		p.For = asked.For
	}
	if asked.Mode != "" {
		p.Mode = asked.Mode
	}
	return p
}

// Open begins the watch of an accepted deploy. The caller gives it its ID. Problems say what
// part of the history could not be read: the deploy is judged without it.
func (d Decider) Open(ctx context.Context, dep watch.Deploy, p Present, now time.Time) (w *watch.Watch, problems []error, err error) {
	svc, ok := d.Settings.Service(dep.Service)
	if !ok {
		return nil, nil, fmt.Errorf("open a watch: there is no service %s", dep.Service)
	}
	snap, problems, err := d.snapshot(ctx, svc, dep, p, now)
	if err != nil {
		return nil, nil, err
	}
	var judged []watch.CheckPolicy
	for _, c := range d.Settings.ChecksOf(dep.Service) {
		if c.Judges {
			judged = append(judged, c.CheckPolicy)
		}
	}
	w = watch.Open(dep, svc.Policy(dep.Asked), judged, snap, now)
	w.Beside(watch.UndecidedBefore(dep, p.Open))
	return w, problems, nil
}

// Extension is what is known of a service at the moment in which more shops join the watch of a
// deploy; dep names those shops.
func (d Decider) Extension(ctx context.Context, dep watch.Deploy, p Present, now time.Time) (watch.Snapshot, []error, error) {
	svc, ok := d.Settings.Service(dep.Service)
	if !ok {
		return watch.Snapshot{}, nil, fmt.Errorf("extend a watch: there is no service %s", dep.Service)
	}
	dep.At = time.Time{}
	return d.snapshot(ctx, svc, dep, p, now)
}

// Controls gives the controls of all network paths.
func (s *Settings) Controls() []Check { return s.controls }

// policies gives what a watch needs to know of checks.
func policies(checks []Check) []watch.CheckPolicy {
	var all []watch.CheckPolicy
	for _, c := range checks {
		all = append(all, c.CheckPolicy)
	}
	return all
}

// healthOf gives the health of the checks that a snapshot of a service holds.
func (s *Settings) healthOf(service string, p Present) map[string]sample.Health {
	found := map[string]sample.Health{}
	for _, c := range s.ChecksOf(service) {
		found[c.Check] = p.Health[c.Check]
	}
	for _, c := range s.controls {
		found[c.Check] = p.Health[c.Check]
	}
	return found
}
