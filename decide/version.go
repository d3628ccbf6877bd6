package decide

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guardian/actions"
	"guardian/internal/versions"
	"guardian/watch"
)

// line is what versions of a service follow each other in: those of one kind. Code never goes back
// to the version of a configuration, and neither to an operation.
type line struct {
	service, environment string
	kind                 watch.Kind
}

// takes tells whether a rollback put a version of this line back. Runs of before do not say what
// their versions are of: then it is code.
func (l line) takes(r actions.Run) bool {
	return r.Rollback && r.Trigger.Kind != actions.ByDrill && watch.SameKind(watch.Kind(r.Kind), l.kind)
}

// CurrentVersion is the version that is believed to run: that of the code or, where only
// configurations are announced, of the configuration. "" when nothing was announced.
func (d Decider) CurrentVersion(ctx context.Context, service, environment string) (string, error) {
	for _, kind := range []watch.Kind{watch.Code, watch.Config} {
		if v, err := d.current(ctx, line{service, environment, kind}); v != "" || err != nil {
			return v, err
		}
	}
	return "", nil
}

// current is the version of a line that was announced last, or the one that a rollback put in its
// place.
func (d Decider) current(ctx context.Context, l line) (string, error) {
	dep, ok, err := d.Past.LastDeploy(ctx, l.service, l.environment, l.kind)
	if err != nil {
		return "", fmt.Errorf("read the last deploy of %s: %w", l.service, err)
	}
	if !ok {
		return "", nil
	}
	r, ok, err := d.takenBackBy(ctx, l, dep)
	if err == nil && ok && r.To != "" {
		return r.To, nil
	}
	return dep.Version, err
}

// takenBackBy is the last rollback whose steps were done after a deploy of the line: also one that
// began before the deploy, and was meant for another version.
func (d Decider) takenBackBy(ctx context.Context, l line, dep watch.Deploy) (last actions.Run, ok bool, err error) {
	placed := dep.Announced
	if r := dep.Rollout; r != nil && r.End.After(placed) && !dep.Unsure {
		placed = r.End
	}
	runs, err := d.Past.Runs(ctx, l.service, l.environment, placed.Add(-runMemory))
	if err != nil {
		return last, false, fmt.Errorf("read the last rollback of %s: %w", l.service, err)
	}
	for _, r := range runs {
		if !l.takes(r) || !PutBack(r) || putAt(r).Before(placed) || ok && !putAt(r).After(putAt(last)) {
			continue
		}
		if dep.PutsVersion() || versions.Same(r.From, dep.Version) { // each operation is undone alone
			last, ok = r, true
		}
	}
	return last, ok, nil
}

// TakenBack ends a watch when a rollback has put another version in the place of its version: what
// was seen since says nothing about it, so that a verdict of Passed or Inconclusive that is not
// recorded yet does not stand. Nil: the watch goes on, or its verdict stands. So it does for the
// version that was put back, and while the deploy still goes on.
func (d Decider) TakenBack(ctx context.Context, w *watch.Watch, dep watch.Deploy, now time.Time) (*watch.Verdict, error) {
	if dep.RollingOut() {
		return nil, nil
	}
	r, ok, err := d.takenBackBy(ctx, line{dep.Service, dep.Environment, dep.Kind}, dep)
	if err != nil || !ok || dep.PutsVersion() && versions.Same(r.To, dep.Version) {
		return nil, err
	}
	return w.TakeBack(r.ID, r.To, now), nil
}

// PutBack tells whether a rollback has put its version back: its steps are done, whatever comes of
// its verification. A fallback puts it back when it does more than to set kill switches and to announce
// windows: it is another way to the same end.
func PutBack(r actions.Run) bool {
	fell := !r.FellBack.IsZero()
	if fell && !r.FallbackActs() {
		return false
	}
	switch r.State {
	case actions.Cured, actions.NotCured, actions.Worse, actions.Verifying:
		return true
	case actions.Running, actions.FailedRun: // before its verification, or aborted in it
		done := 0
		for _, s := range r.Planned() {
			switch {
			case s.Fallback != fell:
			case s.State == actions.StepDone:
				done++
			default:
				return false
			}
		}
		return done > 0
	default:
		return false
	}
}

// KnownGoods gives the versions that may be put back, newest first, each once.
func (d Decider) KnownGoods(ctx context.Context, service, environment string, now time.Time) ([]string, error) {
	for _, kind := range []watch.Kind{watch.Code, watch.Config} {
		f := actions.Facts{Service: service, Environment: environment}
		if err := d.goods(ctx, &f, line{service, environment, kind}, now); err != nil {
			return nil, err
		}
		goods := f.Goods()
		slices.SortStableFunc(goods, func(x, y actions.KnownGood) int { return y.At.Compare(x.At) })
		var all []string
		for _, k := range goods {
			if !versions.Contains(all, k.Version) {
				all = append(all, k.Version)
			}
		}
		if len(all) > 0 {
			return all, nil
		}
	}
	return nil, nil
}

// goods adds the versions of a line that are known to be good, and what speaks against some.
func (d Decider) goods(ctx context.Context, f *actions.Facts, l line, now time.Time) error {
	goods, err := d.Past.KnownGoods(ctx, l.service, l.environment)
	if err != nil {
		return fmt.Errorf("read the known good versions of %s: %w", l.service, err)
	}
	since := now.Add(-ReleaseMemory)
	for _, g := range goods {
		if watch.SameKind(watch.Kind(g.Kind), l.kind) {
			f.KnownGood = append(f.KnownGood, g)
		}
		if g.At.Before(since) {
			since = g.At
		}
	}
	runs, err := d.Past.Runs(ctx, l.service, l.environment, since)
	if err != nil {
		return fmt.Errorf("read the rollbacks of %s: %w", l.service, err)
	}
	for _, r := range runs {
		if l.takes(r) && PutBack(r) {
			f.Bad = append(f.Bad, actions.Bad{Version: r.From, At: putAt(r), TakenBack: true})
		}
	}
	if svc, ok := d.Settings.Service(l.service); ok && svc.Environment == l.environment && watch.SameKind(l.kind, watch.Code) {
		for _, v := range svc.KnownGood {
			f.KnownGood = append(f.KnownGood, actions.KnownGood{Version: v})
		}
	}
	return nil
}

// putAt is when a rollback had put its version back: when its last step was done. Its verification
// comes after that. Runs of earlier builds may not say when their steps were.
func putAt(r actions.Run) time.Time {
	var done time.Time
	for _, s := range r.Steps {
		if s.Ended.After(done) {
			done = s.Ended
		}
	}
	for _, other := range []time.Time{r.Ended, r.Started, r.Created} {
		if done.IsZero() {
			done = other
		}
	}
	return done
}

// runMemory is how far back the guards read runs; longer for a longer cool-down.
const runMemory = 48 * time.Hour

// facts reads what the guards ask about a service and the line of versions that a run is about.
func (d Decider) facts(ctx context.Context, runbook string, trigger actions.TriggerKind, l line, now time.Time) (actions.Facts, error) {
	book := d.Settings.Runbooks[runbook]
	f := actions.Facts{
		Service: l.service, Environment: l.environment, Runbook: runbook, Trigger: trigger, Brake: d.Settings.Brake,
		Cooldown: book.Cooldown, MaxRunsPerDay: book.MaxRunsPerDay, Versionless: l.kind == watch.Operation, StopsHarm: book.StopsHarm,
	}
	if svc, ok := d.Settings.Service(l.service); ok {
		f.Configured, f.Unasked = svc.Environment, svc.RollbackUnasked
	}
	f.Hold = d.Settings.hold(l.service, now)
	if err := d.goods(ctx, &f, l, now); err != nil {
		return f, err
	}
	var err error
	if f.Runs, err = d.Past.Runs(ctx, l.service, l.environment, now.Add(-max(runMemory, f.Cooldown))); err != nil {
		return f, fmt.Errorf("read the runs of %s: %w", l.service, err)
	}
	if err := d.verdicts(ctx, &f, now); err != nil {
		return f, err
	}
	f.Current, err = d.current(ctx, l)
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
		if w.Drill {
			continue // what was broken on purpose tells nothing of what services share
		}
		f.Verdicts = append(f.Verdicts, actions.FailedVerdict{Service: w.Service, At: w.Ended})
	}
	if f.Trigger == actions.ByVerdict {
		f.Verdicts = append(f.Verdicts, actions.FailedVerdict{Service: f.Service, At: now})
	}
	return nil
}
