package decide

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/watch"
)

const (
	// restartsBack is how far back deploys are looked at for restarts, and mostRestarts how many.
	restartsBack = 14 * 24 * time.Hour
	mostRestarts = 5
	// aroundSwitch is how long before and after a switch a restart begins, and longestRestart
	// how long it lasts at most.
	aroundSwitch   = time.Minute
	longestRestart = 5 * time.Minute
)

// Foresee gives what cannot work in a watch that was just opened: what the watch itself foresees, and that
// the deploys before restarted the service where nothing allows for it.
func (d Decider) Foresee(ctx context.Context, w *watch.Watch, now time.Time) ([]reason.Reason, error) {
	all := w.Foresee()
	if w.Policy.Grace >= longestRestart || w.RollingOut && w.Policy.Grace == 0 { // until a deploy has ended nothing is judged
		return all, nil
	}
	past, err := d.watches(ctx, w.Service, now.Add(-restartsBack))
	if err != nil {
		return all, err
	}
	deploys, restarts, longest := 0, 0, time.Duration(0)
	for _, p := range past {
		if p.State != watch.Passed || p.Environment != w.Environment || p.Kind == watch.Operation || deploys == mostRestarts {
			continue
		}
		deploys++
		took, err := d.restart(ctx, w.Service, p.Switched, leftBy(past, p))
		if err != nil {
			return all, err
		}
		if took > 0 {
			restarts++
		}
		longest = max(longest, took)
	}
	if restarts > 1 && longest > w.Policy.Grace {
		all = append(all, reason.New("foreseen_restart", "restarts", restarts, "deploys", deploys, "longest", longest, "grace", w.Policy.Grace))
	}
	return all, nil
}

// leftBy gives the span before a deploy in which what fails is that of a bad version before it; none
// for a version that nothing spoke against.
func leftBy(past []PastWatch, p PastWatch) Span {
	for _, before := range past { // the last one first
		if before.Environment == p.Environment && before.Switched.Before(p.Switched) {
			if before.Suspect {
				return Span{before.Switched, p.Switched}
			}
			return Span{}
		}
	}
	return Span{}
}

// restart is how long the checks of a service failed around a switch because of it, and then were up
// again; 0: they did not. What a bad version had left failing is no restart, and neither is what
// others saw that the deploy cannot have broken.
func (d Decider) restart(ctx context.Context, service string, switched time.Time, left Span) (longest time.Duration, err error) {
	from, to := switched.Add(-aroundSwitch), switched.Add(aroundSwitch)
	for _, c := range d.Settings.ChecksOf(service) {
		if !c.Judges {
			continue
		}
		looks, err := d.Past.Looks(ctx, c.Check, from.Add(-c.Every), to.Add(longestRestart))
		if err != nil {
			return 0, fmt.Errorf("read the looks of check %s around a deploy: %w", c.Check, err)
		}
		for _, down := range outages(looks, Span{from, to}) {
			took := down.To.Sub(down.From)
			if took > longestRestart || took <= longest || left.Contains(down.From) {
				continue
			}
			shared, err := d.shared(ctx, c, service, down)
			if err != nil {
				return 0, err
			}
			if !shared {
				longest = took
			}
		}
	}
	return longest, nil
}

// outages gives the times for which looks failed and then did not, of those that begin within a span.
func outages(looks []watch.Look, within Span) (all []Span) {
	var began time.Time
	for i, l := range looks {
		switch {
		case l.Health == sample.Down && began.IsZero() && i > 0 && looks[i-1].Health == sample.Up && within.Contains(l.At):
			began = l.At
		case l.Health == sample.Up && !began.IsZero():
			all = append(all, Span{began, l.At})
			began = time.Time{}
		}
	}
	return all
}

// shared tells whether a check failed when others did that a deploy of its service cannot break: a
// control of its network path, or a check of another service on the same marketplace.
func (d Decider) shared(ctx context.Context, c Check, service string, down Span) (bool, error) {
	var others []Check
	for _, x := range d.Settings.Controls() {
		if x.Path == c.Path {
			others = append(others, x)
		}
	}
	for _, x := range d.Settings.PeersOf(service) {
		if watch.SameMarketplace(c.CheckPolicy, x.CheckPolicy) {
			others = append(others, x)
		}
	}
	for _, x := range others {
		looks, err := d.Past.Looks(ctx, x.Check, down.From.Add(-x.Every), down.To.Add(x.Every))
		if err != nil {
			return false, fmt.Errorf("read the looks of check %s around a deploy: %w", x.Check, err)
		}
		if slices.ContainsFunc(looks, func(l watch.Look) bool { return l.Health == sample.Down }) {
			return true, nil
		}
	}
	return false, nil
}
