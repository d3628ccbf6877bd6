package actions

import (
	"context"
	"errors"
	"time"
)

// Dated is a step that can tell since when its target runs a version.
type Dated interface {
	// RunsSince tells when the first part of the target began that runs version Run.To of the
	// call; zero when none does. It changes nothing.
	RunsSince(ctx context.Context, call Call) (time.Time, error)
}

// sinceTimeout bounds how long the targets of a runbook are asked: whoever asks answers a hook.
const sinceTimeout = 2 * time.Second

// RunsSince tells since when a version runs at the runbook's targets, by the first step that can
// tell; zero when none can. run names the version in To.
func (b *Runbook) RunsSince(ctx context.Context, run Run) time.Time {
	ctx, cancel := context.WithTimeout(ctx, sinceTimeout)
	defer cancel()
	for _, s := range b.Steps {
		dated, ok := s.Step.(Dated)
		if !ok {
			continue
		}
		if at, err := dated.RunsSince(ctx, Call{Run: run}); err == nil && !at.IsZero() {
			return at.UTC()
		}
	}
	return time.Time{}
}

// RunsSince implements Dated: by the start of the first container with the version's image.
func (d *docker) RunsSince(ctx context.Context, call Call) (time.Time, error) {
	data, err := call.data()
	if err != nil {
		return time.Time{}, err
	}
	ref, err := d.image.render(data)
	if err != nil {
		return time.Time{}, err
	}
	img, err := d.api.image(ctx, ref)
	if errors.Is(err, errNoSuch) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, d.redactError(err)
	}
	names, err := d.names(ctx, data)
	if err != nil {
		return time.Time{}, d.redactError(err)
	}
	var first time.Time
	for _, name := range names {
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
