package actions

import (
	"context"
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
	for i, st := range b.begin(run) {
		s := b.Steps[i]
		dated, ok := s.Step.(Dated)
		if !ok {
			continue
		}
		if at, err := dated.RunsSince(ctx, Call{Run: run, Step: st}); err == nil && !at.IsZero() {
			return at.UTC()
		}
	}
	return time.Time{}
}
