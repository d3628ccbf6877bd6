package decide

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guardian/actions"
)

// Failing is a time in which a service failed whose deploy is watched and has no verdict yet: the brake counts
// it, so that not even the first of many services that fail at once is rolled back by itself.
type Failing struct {
	Service, Environment string
	Since                time.Time // see watch.Watch.FailsSince
	Until                time.Time // zero: it fails still
}

// At tells whether it failed just before a time: what is seen at the same moment does not count yet, in
// whichever order it comes.
func (f Failing) At(now time.Time) bool {
	return f.Since.Before(now) && (f.Until.IsZero() || !f.Until.Before(now))
}

// Follow gives the time after something was seen of the service at a moment, when it fails since a time, or
// for zero does not. It is another one when changed.
func (f Failing) Follow(since, at time.Time) (next Failing, changed bool) {
	switch {
	case since.IsZero() && !f.Since.IsZero() && f.Until.IsZero():
		f.Until = at
		return f, true
	case !since.IsZero() && (!f.Since.Equal(since) || !f.Until.IsZero()):
		f.Since, f.Until = since, time.Time{}
		return f, true
	default:
		return f, false
	}
}

// braking adds the services that fail now to those whose verdict fell.
func braking(f *actions.Facts, p Present, now time.Time) {
	for _, o := range p.Failing {
		if o.Service != f.Service && o.Environment == f.Environment && o.At(now) {
			f.Verdicts = append(f.Verdicts, actions.FailedVerdict{Service: o.Service, At: o.Since})
		}
	}
}

// toldOfBrake tells whether people were told already that the brake holds the rollback of a service: the
// message about another one that waits for an approval because of it named the service.
func (d Decider) toldOfBrake(ctx context.Context, req actions.Request, now time.Time) (bool, error) {
	i := slices.IndexFunc(req.Refusals, func(r actions.Refusal) bool { return r.Code == actions.Brake })
	if i < 0 || !req.Approve.IsZero() {
		return false, nil
	}
	for _, other := range req.Refusals[i].Detail.Value("services").Texts() {
		if other == req.Service {
			continue
		}
		runs, err := d.Past.Runs(ctx, other, req.Environment, now.Add(-d.Settings.Brake.Within))
		if err != nil {
			return false, fmt.Errorf("read the rollbacks of %s: %w", other, err)
		}
		for _, r := range runs {
			if AwaitsApproval(r) && r.Question.Why == actions.Brake && slices.Contains(r.Question.Text.Value("services").Texts(), req.Service) {
				return true, nil
			}
		}
	}
	return false, nil
}
