package replay

import (
	"context"
	"time"

	"guardian/internal/config"
	"guardian/internal/series"
	"guardian/probes/sample"
	"guardian/watch"
)

// snapshot is what was known of a service the moment before a deploy, as a guardian takes it.
func (j *judging) snapshot(ctx context.Context, svc *config.Service, looks []arrival, switched, now time.Time) (watch.Snapshot, error) {
	snap := watch.Snapshot{Health: map[string]sample.Health{}, Before: map[string]watch.Counts{}, Baselines: map[string]watch.Baseline{}}
	const hours = 4 * time.Hour // counted by the hour
	since := now.Add(-hours).Truncate(time.Hour)
	if since.Before(now.Add(-hours)) {
		since = since.Add(time.Hour)
	}
	last := map[string][]series.Look{}
	for _, l := range looks {
		if l.at.After(now) {
			break
		}
		last[l.Check] = append(last[l.Check], series.Look{At: l.At, Health: l.Health, Duration: l.Duration})
		if l.Service != svc.Name || l.Health == sample.Unknown || l.At.Before(since) {
			continue
		}
		c := snap.Before[l.Check]
		c.Looks++
		if l.Health == sample.Down {
			c.Failures++
		}
		snap.Before[l.Check] = c
	}
	for _, c := range j.setup.checks {
		if c.Service == svc.Name || c.Control {
			snap.Health[c.Name] = healthAt(last[c.Name], c.every, switched)
		}
		if c.Control {
			snap.Controls = append(snap.Controls, c.Policy())
		}
	}
	for _, ep := range j.episodes {
		if !ep.alert.ActiveAt.After(now) && (ep.ended.IsZero() || ep.ended.After(now)) {
			snap.Firing = append(snap.Firing, ep.alert.ID)
		}
	}
	var err error
	if snap.Counters, err = j.countersBefore(ctx, svc, switched); err != nil {
		return snap, err
	}
	return snap, j.baselines(ctx, &snap, svc, switched)
}

// aroundMatched is how much before and after the same time of another day counts.
const aroundMatched = 30 * time.Minute

// baselines reads what the checks of a service were like before the switch.
func (j *judging) baselines(ctx context.Context, snap *watch.Snapshot, svc *config.Service, switched time.Time) error {
	settings := svc.Watch
	spoilt := j.spoilt(svc.Name, switched)
	for _, c := range j.setup.checksOf(svc.Name) {
		recent, err := j.looksBefore(ctx, c.Name, switched.Add(-time.Duration(settings.Baseline.Window)), switched, spoilt)
		if err != nil {
			return err
		}
		var matched []watch.Look
		if settings.Baseline.SameTime {
			length := min(time.Duration(settings.For), 11*time.Hour) + 2*aroundMatched
			for _, days := range []int{7, 1} {
				from := switched.AddDate(0, 0, -days).Add(-aroundMatched)
				day, err := j.looksBefore(ctx, c.Name, from, from.Add(length), spoilt)
				if err != nil {
					return err
				}
				if len(day) > 0 {
					// The days do not follow each other.
					matched = append(append(matched, watch.Look{At: from}), day...)
				}
			}
		}
		b := watch.NewBaseline(recent, matched, c.every)
		snap.Baselines[c.Name] = b
		if looks, failures := b.Recent.Counts(); looks > 0 {
			unknown := 0
			for _, l := range recent {
				if l.Health == sample.Unknown {
					unknown++
				}
			}
			snap.Before[c.Name] = watch.Counts{Looks: looks, Failures: failures, Unknown: unknown}
		}
	}
	return nil
}

// looksBefore reads looks in [from, to). Those in a spoilt time are as if nobody had looked.
func (j *judging) looksBefore(ctx context.Context, check string, from, to time.Time, spoilt []span) ([]watch.Look, error) {
	seen, err := j.o.Samples.Looks(ctx, check, from, to)
	if err != nil {
		return nil, err
	}
	looks := make([]watch.Look, 0, len(seen))
	for _, l := range seen {
		if !l.At.Before(to) {
			continue
		}
		one := watch.Look{At: l.At, Health: l.Health, Took: l.Duration}
		for _, s := range spoilt {
			if !l.At.Before(s.from) && l.At.Before(s.to) {
				one.Health = sample.Unknown
			}
		}
		looks = append(looks, one)
	}
	return looks, nil
}

// spoilt are the times in which a failed deploy was in place: they are not what is normal.
func (j *judging) spoilt(service string, switched time.Time) []span {
	var spans []span
	add := func(w *watch.Watch) {
		s := span{from: w.Switched, to: w.Ended}
		for _, r := range j.runs {
			if r.Trigger.Deploy == w.DeployID && r.Rollback && r.Ended.After(s.to) {
				s.to = r.Ended
			}
		}
		spans = append(spans, s)
	}
	for _, w := range j.past.watches {
		if w.Service == service && w.State == watch.Failed && w.Ended.Before(j.o.From) && w.Started.Before(switched) {
			add(&w)
		}
	}
	for _, e := range j.watches {
		if e.w.Service == service && e.w.State == watch.Failed && e.w.Started.Before(switched) {
			add(e.w)
		}
	}
	return spans
}
