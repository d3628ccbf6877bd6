package actions

import (
	"context"
	"time"

	"guardian/internal/reason"
)

// Planner is a step that can tell what it would do to its target.
type Planner interface {
	// Plan tells what Do would do, to what, and what would be lost by it. The error is why Do would
	// refuse. It asks the target and changes nothing.
	Plan(ctx context.Context, call Call) (reason.Reason, error)
}

// planTimeout bounds how long one target is asked: a person waits.
const planTimeout = 10 * time.Second

// Plan asks the targets of a run what its steps would do to them, and adds it to their previews.
func (b *Runbook) Plan(ctx context.Context, run Run, previews []StepPreview) {
	run.ID = PreviewRun
	for i, st := range b.begin(run) {
		s := b.Steps[i]
		planner, ok := s.Step.(Planner)
		if !ok || i >= len(previews) || st.State == StepSkipped {
			continue
		}
		plan, err := planStep(ctx, s, planner, Call{Intent: intentOf(run.ID, i), Run: run, Step: st})
		previews[i].Plan = bounded(plan)
		if err != nil {
			previews[i].Refused = bounded(ReasonOf(err))
		}
	}
}

// planStep asks one step: it sees the time that Do would have.
func planStep(ctx context.Context, s RunbookStep, p Planner, c Call) (reason.Reason, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	defer time.AfterFunc(planTimeout, cancel).Stop()
	return p.Plan(ctx, c)
}
