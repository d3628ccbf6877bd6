package docker

import (
	"context"
	"errors"
	"time"

	"guardian/actions"
)

// RunsSince implements actions.Dated: by the start of the first container with the version's image.
func (d *step) RunsSince(ctx context.Context, call actions.Call) (time.Time, error) {
	data, err := call.Data()
	if err != nil {
		return time.Time{}, err
	}
	targets, err := d.targets(ctx, call, data)
	if err != nil {
		return time.Time{}, d.redactError(err)
	}
	var first time.Time
	for name, ref := range targets {
		img, err := d.api.image(ctx, ref)
		if errors.Is(err, errNoSuch) {
			continue
		}
		if err != nil {
			return time.Time{}, d.redactError(err)
		}
		c, err := d.api.inspect(ctx, name)
		if err != nil || c.Image != img.ID || !c.State.Running {
			continue
		}
		if at, err := time.Parse(time.RFC3339Nano, c.State.StartedAt); err == nil && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first, nil
}
