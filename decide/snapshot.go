package decide

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"guardian/actions"
	"guardian/probes/sample"
	"guardian/watch"
)

const (
	// countsBefore is how far back the hourly counts before a deploy go.
	countsBefore = 4 * time.Hour
	// announcedLate is how long after the switch an announcement may come and the present
	// still be what was before it.
	announcedLate = 250 * time.Millisecond
	// aroundMatched is how much before and after the same time of another day counts.
	aroundMatched = 30 * time.Minute
	// longestMatched bounds the part of another day that is compared.
	longestMatched = 11 * time.Hour
	// excludedBack is how far back failed deploys are looked for: a week, of which the same
	// time is compared, and a day.
	excludedBack = 8 * 24 * time.Hour
)

// snapshot is what was known of a service the moment before a deploy. Since a deploy may be
// announced late, that moment (switched) may be a while ago. Problems name the history that
// could not be read: without it a deploy is judged all the same, only less well.
func (d Decider) snapshot(ctx context.Context, svc Service, switched time.Time, p Present, now time.Time) (_ watch.Snapshot, problems []error, err error) {
	snap := watch.Snapshot{
		Health: d.Settings.healthOf(svc.Name, p), Before: map[string]watch.Counts{}, Baselines: map[string]watch.Baseline{},
		Controls: policies(d.Settings.Controls()), Rechecks: map[string]watch.RecheckStats{},
	}
	for _, c := range d.Settings.ChecksOf(svc.Name) {
		if r, ok := p.Rechecks[c.Check]; ok {
			snap.Rechecks[c.Check] = r
		}
		n, err := d.Past.Counts(ctx, c.Check, now.Add(-countsBefore), now.Add(time.Hour))
		if err != nil {
			return snap, nil, fmt.Errorf("read what check %s saw before the deploy: %w", c.Check, err)
		}
		if n.Looks > 0 {
			snap.Before[c.Check] = n
		}
	}
	for _, al := range p.Alerts {
		snap.Firing = append(snap.Firing, al.ID)
	}
	excluded, err := d.excludedPeriods(ctx, svc, switched)
	if err != nil {
		problems = append(problems, err)
	}
	if err := d.baselines(ctx, &snap, svc, switched, excluded); err != nil {
		problems = append(problems, err)
	}
	for _, m := range svc.Watch.Metrics {
		b, err := d.counterBefore(ctx, svc, m, switched, excluded)
		if err != nil {
			problems = append(problems, err)
		}
		snap.Counters = append(snap.Counters, b)
	}
	if now.Sub(switched) > announcedLate {
		if err := d.healthAt(ctx, &snap, svc.Name, switched); err != nil {
			problems = append(problems, err)
		}
	}
	return snap, problems, nil
}

// excludedPeriods are the times in which a failed deploy was in place: they are not what is
// normal.
func (d Decider) excludedPeriods(ctx context.Context, svc Service, switched time.Time) ([]Span, error) {
	failed, err := d.Past.FailedWatches(ctx, svc.Name, "", switched.Add(-excludedBack))
	if err != nil {
		return nil, fmt.Errorf("read the failed watches of %s: %w", svc.Name, err)
	}
	runs := map[string][]actions.Run{} // by environment
	var spans []Span
	for _, w := range failed {
		if _, read := runs[w.Environment]; !read {
			if runs[w.Environment], err = d.Past.Runs(ctx, svc.Name, w.Environment, switched.Add(-excludedBack)); err != nil {
				return nil, fmt.Errorf("read the rollbacks of %s: %w", svc.Name, err)
			}
		}
		s := Span{w.Switched, w.Ended}
		for _, r := range runs[w.Environment] {
			if r.Rollback && r.Trigger.Deploy == w.Deploy && r.Ended.After(s.To) {
				s.To = r.Ended
			}
		}
		spans = append(spans, s)
	}
	return spans, nil
}

func inAny(spans []Span, at time.Time) bool {
	return slices.ContainsFunc(spans, func(s Span) bool { return s.Contains(at) })
}

// looksBefore reads looks of a check. Those in an excluded period are as if nobody had looked.
func (d Decider) looksBefore(ctx context.Context, check string, span Span, excluded []Span) ([]watch.Look, error) {
	looks, err := d.Past.Looks(ctx, check, span.From, span.To)
	if err != nil {
		return nil, fmt.Errorf("read the looks of check %s before the deploy: %w", check, err)
	}
	looks = slices.DeleteFunc(looks, func(l watch.Look) bool { return !l.At.Before(span.To) })
	for i := range looks {
		if inAny(excluded, looks[i].At) {
			looks[i].Health = sample.Unknown
		}
	}
	return looks, nil
}

// baselines reads what the checks of a service were like before the switch: the last hours,
// and the same time of the days before.
func (d Decider) baselines(ctx context.Context, snap *watch.Snapshot, svc Service, switched time.Time, excluded []Span) error {
	window := Span{switched.Add(-time.Duration(svc.Watch.Baseline.Window)), switched}
	for _, c := range d.Settings.ChecksOf(svc.Name) {
		recent, err := d.looksBefore(ctx, c.Check, window, excluded)
		if err != nil {
			return err
		}
		matched, err := d.matched(ctx, c.Check, svc.Watch, switched, excluded)
		if err != nil {
			return err
		}
		b := watch.NewBaseline(recent, matched, c.Every)
		snap.Baselines[c.Check] = b
		if looks, failures := b.Recent.Counts(); looks > 0 {
			unknown := 0
			for _, l := range recent {
				if l.Health == sample.Unknown {
					unknown++
				}
			}
			snap.Before[c.Check] = watch.Counts{Looks: looks, Failures: failures, Unknown: unknown}
		}
	}
	return nil
}

// matched reads the looks at the same time of other days.
func (d Decider) matched(ctx context.Context, check string, settings watch.Settings, switched time.Time, excluded []Span) ([]watch.Look, error) {
	var all []watch.Look
	for _, span := range matchedSpans(settings, switched) {
		looks, err := d.looksBefore(ctx, check, span, excluded)
		if err != nil {
			return nil, err
		}
		if len(looks) > 0 {
			// An unknown look between them: the days do not follow each other.
			all = append(append(all, watch.Look{At: span.From}), looks...)
		}
	}
	return all, nil
}

// counterBefore reads what one of metrics was before the switch: in the last hours, and at the
// same time of other days.
func (d Decider) counterBefore(ctx context.Context, svc Service, m watch.CounterSettings, switched time.Time, excluded []Span) (watch.CounterBefore, error) {
	b := watch.CounterBefore{CounterPolicy: m.Policy()}
	var errs []error
	read := func(span Span) []watch.Reading {
		readings, err := d.Past.Readings(ctx, m, span.From, span.To)
		if err != nil {
			errs = append(errs, fmt.Errorf("read the history of %s of %s: %w", m.Name, svc.Name, err))
		}
		for i := range readings {
			readings[i].Excluded = inAny(excluded, readings[i].At)
		}
		return readings
	}
	b.Recent = read(Span{switched.Add(-time.Duration(svc.Watch.Baseline.Window)), switched})
	for _, span := range matchedSpans(svc.Watch, switched) {
		b.Matched = append(b.Matched, read(span)...)
	}
	return b, errors.Join(errs...)
}

// matchedSpans are the same time a week and a day before: as long as the watch, and half an hour
// around it.
func matchedSpans(settings watch.Settings, switched time.Time) []Span {
	if !settings.Baseline.SameTime {
		return nil
	}
	length := min(time.Duration(settings.For), longestMatched) + 2*aroundMatched
	var spans []Span
	for _, days := range []int{7, 1} {
		from := switched.AddDate(0, 0, -days).Add(-aroundMatched)
		spans = append(spans, Span{from, from.Add(length)})
	}
	return spans
}

// healthAt sets the healths to those that the checks had at the switch.
func (d Decider) healthAt(ctx context.Context, snap *watch.Snapshot, service string, switched time.Time) error {
	for _, c := range d.Settings.ChecksOf(service) {
		fresh := watch.BlindAfter(c.Every)
		looks, err := d.looksBefore(ctx, c.Check, Span{switched.Add(-fresh), switched}, nil)
		if err != nil {
			return err
		}
		if n := len(looks); n > 0 {
			snap.Health[c.Check] = looks[n-1].Health
		}
	}
	return nil
}
