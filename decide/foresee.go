package decide

import (
	"context"
	"fmt"
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
	past, err := d.Past.Watches(ctx, w.Service, now.Add(-restartsBack))
	if err != nil {
		return all, fmt.Errorf("read the deploys of %s: %w", w.Service, err)
	}
	deploys, restarts, longest := 0, 0, time.Duration(0)
	for _, p := range past {
		if p.State != watch.Passed || p.Environment != w.Environment || p.Kind == watch.Operation || deploys == mostRestarts {
			continue
		}
		deploys++
		took, err := d.restart(ctx, w.Service, p.Switched)
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

// restart is how long the checks of a service failed around a switch, and then were up again; 0: they did not.
func (d Decider) restart(ctx context.Context, service string, switched time.Time) (longest time.Duration, err error) {
	from, to := switched.Add(-aroundSwitch), switched.Add(aroundSwitch)
	for _, c := range d.Settings.ChecksOf(service) {
		if !c.Judges {
			continue
		}
		looks, err := d.Past.Looks(ctx, c.Check, from.Add(-c.Every), to.Add(longestRestart))
		if err != nil {
			return 0, fmt.Errorf("read the looks of check %s around a deploy: %w", c.Check, err)
		}
		var began time.Time
		for i, l := range looks {
			switch {
			case l.Health == sample.Down && began.IsZero() && i > 0 && looks[i-1].Health == sample.Up && !l.At.Before(from) && l.At.Before(to):
				began = l.At
			case l.Health == sample.Up && !began.IsZero():
				if took := l.At.Sub(began); took <= longestRestart {
					longest = max(longest, took)
				}
				began = time.Time{}
			}
		}
	}
	return longest, nil
}
