package decide

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guardian/actions"
)

// CurrentVersion is the version that is believed to run: the one announced last, or the one
// that a later rollback put back. "" when nothing was announced.
func (d Decider) CurrentVersion(ctx context.Context, service, environment string) (string, error) {
	dep, ok, err := d.Past.LastDeploy(ctx, service, environment)
	if err != nil {
		return "", fmt.Errorf("read the last deploy of %s: %w", service, err)
	}
	if !ok {
		return "", nil
	}
	runs, err := d.Past.Runs(ctx, service, environment, dep.Announced)
	if err != nil {
		return "", fmt.Errorf("read the last rollback of %s: %w", service, err)
	}
	for _, r := range runs { // newest first
		if r.Rollback && !r.Created.Before(dep.Announced) && r.Trigger.Kind != actions.ByDrill && putBack(r.State) {
			return r.To, nil
		}
	}
	return dep.Version, nil
}

// putBack tells whether a rollback in this state has put its version back.
func putBack(s actions.State) bool {
	switch s {
	case actions.Cured, actions.NotCured, actions.Worse, actions.Verifying:
		return true
	default:
		return false
	}
}

// KnownGoods gives the versions that may be put back, newest first, each once.
func (d Decider) KnownGoods(ctx context.Context, service, environment string, now time.Time) ([]string, error) {
	f := actions.Facts{Service: service, Environment: environment}
	if err := d.goods(ctx, &f, now); err != nil {
		return nil, err
	}
	goods := f.Goods()
	slices.SortStableFunc(goods, func(x, y actions.KnownGood) int { return y.At.Compare(x.At) })
	var versions []string
	for _, k := range goods {
		if !slices.Contains(versions, k.Version) {
			versions = append(versions, k.Version)
		}
	}
	return versions, nil
}

// goods adds the versions that are known to be good, and those that a rollback took out since.
func (d Decider) goods(ctx context.Context, f *actions.Facts, now time.Time) error {
	goods, err := d.Past.KnownGoods(ctx, f.Service, f.Environment)
	if err != nil {
		return fmt.Errorf("read the known good versions of %s: %w", f.Service, err)
	}
	f.KnownGood = slices.Clone(goods)
	since := now
	for _, g := range goods {
		if g.At.Before(since) {
			since = g.At
		}
	}
	runs, err := d.Past.Runs(ctx, f.Service, f.Environment, since)
	if err != nil {
		return fmt.Errorf("read the successful rollbacks of %s: %w", f.Service, err)
	}
	for _, r := range runs {
		if r.Rollback && r.State == actions.Cured && r.Trigger.Kind != actions.ByDrill {
			f.RolledBack = append(f.RolledBack, actions.RolledBack{Version: r.From, At: r.Ended})
		}
	}
	if svc, ok := d.Settings.Service(f.Service); ok && svc.Environment == f.Environment {
		for _, v := range svc.KnownGood {
			f.KnownGood = append(f.KnownGood, actions.KnownGood{Version: v})
		}
	}
	return nil
}

// runMemory is how far back the guards read runs; longer for a longer cool-down.
const runMemory = 48 * time.Hour

// facts reads what the guards ask about a service.
func (d Decider) facts(ctx context.Context, runbook string, trigger actions.TriggerKind, service, environment string, now time.Time) (actions.Facts, error) {
	book := d.Settings.Runbooks[runbook]
	f := actions.Facts{
		Service: service, Environment: environment, Runbook: runbook, Trigger: trigger, Brake: d.Settings.Brake,
		Cooldown: book.Cooldown, MaxRunsPerDay: book.MaxRunsPerDay,
	}
	if svc, ok := d.Settings.Service(service); ok {
		f.Configured = svc.Environment
	}
	if err := d.goods(ctx, &f, now); err != nil {
		return f, err
	}
	var err error
	if f.Runs, err = d.Past.Runs(ctx, service, environment, now.Add(-max(runMemory, f.Cooldown))); err != nil {
		return f, fmt.Errorf("read the runs of %s: %w", service, err)
	}
	if err := d.verdicts(ctx, &f, now); err != nil {
		return f, err
	}
	f.Current, err = d.CurrentVersion(ctx, service, environment)
	return f, err
}

// verdicts adds the Failed ones within the brake's time. The one that asks is not in the
// journal yet, and counts.
func (d Decider) verdicts(ctx context.Context, f *actions.Facts, now time.Time) error {
	if f.Brake.MaxFailingServices <= 0 {
		return nil
	}
	failed, err := d.Past.FailedWatches(ctx, "", f.Environment, now.Add(-f.Brake.Within))
	if err != nil {
		return fmt.Errorf("read the failed watches: %w", err)
	}
	for _, w := range failed {
		f.Verdicts = append(f.Verdicts, actions.FailedVerdict{Service: w.Service, At: w.Ended})
	}
	if f.Trigger == actions.ByVerdict {
		f.Verdicts = append(f.Verdicts, actions.FailedVerdict{Service: f.Service, At: now})
	}
	return nil
}
