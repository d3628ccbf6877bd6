package world

import (
	"context"
	"slices"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/probes/sample"
	"guardian/watch"
)

// past is what happened until now, in memory. It implements decide.Past.
type past struct {
	deploys  []watch.Deploy // oldest first
	runs     []actions.Run  // newest first
	goods    []actions.KnownGood
	watches  []*watch.Watch             // oldest first
	looks    map[string][]watch.Look    // by check, oldest first
	readings map[string][]watch.Reading // by counter, oldest first
}

var _ decide.Past = (*past)(nil)

// LastDeploy implements decide.Past.
func (p *past) LastDeploy(_ context.Context, service, environment string, kind watch.Kind) (watch.Deploy, bool, error) {
	for _, d := range slices.Backward(p.deploys) {
		if d.Service == service && d.Environment == environment && watch.SameKind(d.Kind, kind) {
			return d, true, nil
		}
	}
	return watch.Deploy{}, false, nil
}

// Runs implements decide.Past.
func (p *past) Runs(_ context.Context, service, environment string, since time.Time) ([]actions.Run, error) {
	var all []actions.Run
	for _, r := range p.runs {
		if r.Service == service && r.Environment == environment && (!r.Created.Before(since) || !r.State.Final()) {
			all = append(all, r)
		}
	}
	return all, nil
}

// KnownGoods implements decide.Past.
func (p *past) KnownGoods(_ context.Context, service, _ string) ([]actions.KnownGood, error) {
	if service != Service {
		return nil, nil
	}
	return slices.Clone(p.goods), nil
}

// FailedWatches implements decide.Past.
func (p *past) FailedWatches(_ context.Context, service, environment string, since time.Time) ([]decide.FailedWatch, error) {
	var all []decide.FailedWatch
	for _, w := range p.watches {
		if w.State == watch.Failed && (service == "" || w.Service == service) && (environment == "" || w.Environment == environment) && !w.Ended.Before(since) {
			all = append(all, decide.FailedWatchOf(w))
		}
	}
	return all, nil
}

// Watches implements decide.Past.
func (p *past) Watches(_ context.Context, service string, since time.Time) ([]decide.PastWatch, error) {
	var all []decide.PastWatch
	for _, w := range slices.Backward(p.watches) {
		if w.Service == service && (w.Ended.IsZero() || !w.Ended.Before(since)) {
			if is, seen := decide.PastWatchOf(w); seen {
				all = append(all, is)
			}
		}
	}
	return all, nil
}

// Looks implements decide.Past.
func (p *past) Looks(_ context.Context, check string, from, to time.Time) ([]watch.Look, error) {
	all := p.looks[check]
	first := firstLook(all, from)
	return slices.Clone(all[first:max(first, firstLook(all, to))]), nil
}

// firstLook is the place of the first look at or after a time.
func firstLook(all []watch.Look, at time.Time) int {
	i, _ := slices.BinarySearchFunc(all, at, func(l watch.Look, at time.Time) int { return l.At.Compare(at) })
	return i
}

// Counts implements decide.Past: a guardian counts by the hour.
func (p *past) Counts(ctx context.Context, check string, from, to time.Time) (n watch.Counts, err error) {
	since := from.Truncate(time.Hour)
	if since.Before(from) {
		since = since.Add(time.Hour)
	}
	looks, err := p.Looks(ctx, check, since, to)
	for _, l := range looks {
		n.Looks++
		if l.Health == sample.Down {
			n.Failures++
		}
	}
	return n, err
}

// Readings implements decide.Past.
func (p *past) Readings(_ context.Context, counter watch.CounterSettings, from, to time.Time) ([]watch.Reading, error) {
	var some []watch.Reading
	for _, r := range p.readings[counter.Name] {
		if !r.At.Before(from) && !r.At.After(to) {
			some = append(some, r)
		}
	}
	return some, nil
}
