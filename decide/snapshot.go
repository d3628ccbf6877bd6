package decide

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"guardian/probes/sample"
	"guardian/watch"
)

const (
	// countsBefore is how far back the hourly counts before a deploy go.
	countsBefore = 4 * time.Hour
	// aroundMatched is how much before and after the same time of another day counts.
	aroundMatched = 30 * time.Minute
	// longestMatched bounds the part of another day that is compared.
	longestMatched = 11 * time.Hour
)

// snapshot is what was known of a service before a deploy, and where "before" ends. Problems name
// the history that could not be read: without it a deploy is judged all the same, only less
// well.
func (d Decider) snapshot(ctx context.Context, svc Service, dep watch.Deploy, p Present, now time.Time) (_ watch.Snapshot, problems []error, err error) {
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
	begin, bad, err := d.beginning(ctx, svc, dep, p, now)
	if err != nil {
		problems = append(problems, err)
	}
	snap.Begin = begin
	if err := d.unaffected(ctx, &snap, svc, dep); err != nil {
		problems = append(problems, err)
	}
	if err := d.baselines(ctx, &snap, svc, begin.Before, bad); err != nil {
		problems = append(problems, err)
	}
	for _, m := range svc.Watch.Metrics {
		b, err := d.counterBefore(ctx, svc, m, begin.Before, bad)
		if err != nil {
			problems = append(problems, err)
		}
		snap.Counters = append(snap.Counters, b)
	}
	return snap, problems, nil
}

// mostPeers bounds the checks of other services that a watch is compared with, of one
// marketplace.
const mostPeers = 8

// unaffected finds the checks that the deploy cannot break, with which those that it can are
// compared: controls, those of the service at other shops, and those of other services on the
// same marketplaces. One that began to fail shortly before the hook is one of them: it shows what
// others see too.
func (d Decider) unaffected(ctx context.Context, snap *watch.Snapshot, svc Service, dep watch.Deploy) error {
	fit := func(c Check) (bool, error) {
		st, err := d.stretchOf(ctx, c, svc.Watch, snap.Begin.Switch.At, nil)
		return st.Seen && (st.Last == sample.Up || st.Open() && svc.lately(st.Onset, snap.Begin.Switch.At)), err
	}
	for _, c := range slices.Concat(d.Settings.Controls(), d.Settings.ChecksOf(svc.Name)) {
		if !c.Control && watch.Reaches(dep.Shops, c.CheckPolicy) || snap.Health[c.Check] == sample.Up {
			continue
		}
		ok, err := fit(c)
		if err != nil {
			return err
		}
		if ok {
			snap.Health[c.Check] = sample.Up
		}
	}
	have := map[string]int{} // by marketplace
	for _, c := range d.Settings.PeersOf(svc.Name) {
		on := strings.ToLower(c.Labels["marketplace"])
		if have[on] >= mostPeers {
			continue
		}
		ok, err := fit(c)
		if err != nil {
			return err
		}
		if ok {
			have[on]++
			snap.Peers = append(snap.Peers, c.CheckPolicy)
		}
	}
	return nil
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
