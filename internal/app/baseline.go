package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guardian/internal/config"
	"guardian/internal/store"
	"guardian/probes/sample"
	"guardian/watch"
)

// beforeWindow is how far back the counts before a deploy go.
const beforeWindow = 4 * time.Hour

// snapshot is what was known of a service the moment before a deploy. Since a deploy may be
// announced late, that moment may be a while ago.
func (a *App) snapshot(ctx context.Context, t *term, svc config.Service, switched, now time.Time) (watch.Snapshot, error) {
	snap := watch.Snapshot{Health: map[string]sample.Health{}, Before: map[string]watch.Counts{}, Baselines: map[string]watch.Baseline{}}
	snap.Rechecks = a.record.RecheckStats(svc.Name)
	s := a.setup.Load()
	for _, c := range s.checksOf(svc.Name) {
		rollups, err := a.store.RollupsOf(ctx, c.Name, now.Add(-beforeWindow), now.Add(time.Hour))
		if err != nil {
			return snap, fmt.Errorf("read what was seen before the deploy: %w", err)
		}
		n := watch.Counts{}
		for _, r := range a.record.LatestRollups(c.Name, rollups) {
			n.Looks += r.Looks
			n.Failures += r.Failures
		}
		if n.Looks > 0 {
			snap.Before[c.Name] = n
		}
	}
	for _, c := range s.checks {
		if c.Service == svc.Name || c.control {
			snap.Health[c.Name] = a.record.Health(c.Name, now)
		}
		if c.control {
			snap.Controls = append(snap.Controls, c.policy)
		}
	}
	for _, al := range t.alerts.open() {
		snap.Firing = append(snap.Firing, al.ID)
	}
	// Without its history a deploy is judged all the same, only less well.
	if err := a.baselines(ctx, &snap, svc, switched); err != nil {
		a.log.Warn("a deploy is watched without the history of its checks", "service", svc.Name, "error", err)
	}
	snap.Counters = a.countersBefore(ctx, svc, switched)
	if now.Sub(switched) > tickEvery {
		a.healthAt(ctx, &snap, svc.Name, switched)
	}
	return snap, nil
}

// baselines reads what the checks of a service were like before the switch.
func (a *App) baselines(ctx context.Context, snap *watch.Snapshot, svc config.Service, switched time.Time) error {
	spoilt, err := a.spoilt(ctx, svc.Name, switched)
	if err != nil {
		return err
	}
	policy := svc.Watch
	recent, err := a.looksBefore(ctx, svc.Name, switched.Add(-time.Duration(policy.Baseline.Window)), switched, spoilt)
	if err != nil {
		return err
	}
	matched := map[string][]watch.Look{}
	if policy.Baseline.SameTime {
		// As long as the watch, and half an hour around it.
		length := min(time.Duration(policy.For), 11*time.Hour) + 2*aroundMatched
		for _, days := range []int{7, 1} {
			from := switched.AddDate(0, 0, -days).Add(-aroundMatched)
			looks, err := a.looksBefore(ctx, svc.Name, from, from.Add(length), spoilt)
			if err != nil {
				return err
			}
			for check, ls := range looks {
				// The days do not follow each other.
				matched[check] = append(append(matched[check], watch.Look{At: from}), ls...)
			}
		}
	}
	for _, c := range a.setup.Load().checksOf(svc.Name) {
		b := watch.NewBaseline(recent[c.Name], matched[c.Name], c.Every)
		snap.Baselines[c.Name] = b
		if looks, failures := b.Recent.Counts(); looks > 0 {
			unknown := 0
			for _, l := range recent[c.Name] {
				if l.Health == sample.Unknown {
					unknown++
				}
			}
			snap.Before[c.Name] = watch.Counts{Looks: looks, Failures: failures, Unknown: unknown}
		}
	}
	return nil
}

const aroundMatched = 30 * time.Minute

// span is a stretch of time.
type span struct{ from, to time.Time }

// spoilt are the times in which a failed deploy was in place: they are not what is normal.
func (a *App) spoilt(ctx context.Context, service string, switched time.Time) ([]span, error) {
	failed, err := a.store.Watches(ctx, store.WatchFilter{Service: service, State: watch.Failed, Since: switched.AddDate(0, 0, -8), Limit: mostSpoilt})
	if err != nil {
		return nil, fmt.Errorf("read the failed watches of %s: %w", service, err)
	}
	var spans []span
	for i := range failed {
		w := &failed[i]
		to := w.Ended
		runs, err := a.store.Runs(ctx, store.RunFilter{Deploy: w.DeployID, Rollbacks: true, Limit: 1})
		if err != nil {
			return nil, fmt.Errorf("read the rollback of watch %s: %w", w.ID, err)
		}
		if len(runs) > 0 && runs[0].Ended.After(to) {
			to = runs[0].Ended
		}
		spans = append(spans, span{w.Switched, to})
	}
	return spans, nil
}

const mostSpoilt = 50

// during tells whether a time is in one of the spans.
func during(spans []span, at time.Time) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return !at.Before(s.from) && at.Before(s.to) })
}

// looksBefore reads looks, by check. Those in a spoilt time are as if nobody had looked.
func (a *App) looksBefore(ctx context.Context, service string, from, to time.Time, spoilt []span) (map[string][]watch.Look, error) {
	seen, err := backend{a}.looksFromSeries(ctx, service, from, to)
	if err != nil {
		return nil, fmt.Errorf("read the looks of %s before the deploy: %w", service, err)
	}
	looks := map[string][]watch.Look{}
	for check, ls := range seen {
		for _, l := range ls {
			if !l.At.Before(to) {
				continue
			}
			one := watch.Look{At: l.At, Health: l.Health, Took: l.Duration}
			if during(spoilt, l.At) {
				one.Health = sample.Unknown
			}
			looks[check] = append(looks[check], one)
		}
	}
	return looks, nil
}

// healthAt sets the healths to those that the checks had when the deploy happened.
func (a *App) healthAt(ctx context.Context, snap *watch.Snapshot, service string, switched time.Time) {
	checks := a.setup.Load().checksOf(service)
	longest := time.Duration(0)
	for _, c := range checks {
		longest = max(longest, watch.BlindAfter(c.Every))
	}
	looks, err := a.looksBefore(ctx, service, switched.Add(-longest), switched, nil)
	if err != nil {
		a.log.Warn("a deploy that was announced late is watched from how its checks are now", "service", service, "error", err)
		return
	}
	for _, c := range checks {
		ls := looks[c.Name]
		if n := len(ls); n > 0 && switched.Sub(ls[n-1].At) <= watch.BlindAfter(c.Every) {
			snap.Health[c.Name] = ls[n-1].Health
		}
	}
}
