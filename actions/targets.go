package actions

import (
	"context"
	"fmt"
	"sync"
	"time"

	"guardian/internal/reason"
	"guardian/internal/secret"
)

// TargetState is what became of asking a step's target.
type TargetState string

// The states.
const (
	TargetOK      TargetState = "ok"
	TargetWrong   TargetState = "wrong"   // the step would refuse, or fail
	TargetUnasked TargetState = "unasked" // its kind cannot tell before, or the version is not known
)

// TargetAnswer is what a step's target said.
type TargetAnswer struct {
	Step  string        `json:"step"`
	Kind  string        `json:"kind"`
	State TargetState   `json:"state"`
	Plan  reason.Reason `json:"plan,omitzero"` // what the step would do
	Why   reason.Reason `json:"why,omitzero"`  // what is wrong, or why it was not asked
}

// mostAsked is how many targets of a runbook are asked at once.
const mostAsked = 16

// AskTargets asks the targets of all steps at once what a run would do to them: no step waits for the one
// before, and nothing is changed. Each answer is told as it comes, one at a time; the answers are in the
// order of the steps. Without a version to put back, the steps that need one are not asked.
func (b *Runbook) AskTargets(ctx context.Context, run Run, r *secret.Redactor, tell func(TargetAnswer)) []TargetAnswer {
	run.ID = PreviewRun
	answers := make([]TargetAnswer, len(b.Steps))
	places := make(chan struct{}, mostAsked)
	var telling sync.Mutex
	var asking sync.WaitGroup
	for i, st := range b.begin(run) {
		s := b.Steps[i]
		asking.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			a := askTarget(ctx, s, Call{Intent: intentOf(run.ID, i), Run: run.clone(), Step: st})
			shown := func(text string) string { return Shown(text, r) }
			a.Plan, a.Why = bounded(a.Plan.Redact(shown)), bounded(a.Why.Redact(shown))
			answers[i] = a
			telling.Lock()
			defer telling.Unlock()
			tell(a)
		})
	}
	asking.Wait()
	return answers
}

// askTarget asks one target. It comes back in time, whatever the step does.
func askTarget(ctx context.Context, s RunbookStep, c Call) TargetAnswer {
	a := TargetAnswer{Step: s.Name, Kind: s.Kind, State: TargetUnasked}
	planner, ok := s.Step.(Planner)
	switch {
	case !ok:
		a.Why = reason.New("target_cannot_tell", "kind", s.Kind)
		return a
	case c.Run.To == "" && usesVersion(s.Settings) != "":
		a.Why = reason.New("target_no_version", "service", c.Run.Service)
		return a
	}
	type said struct {
		plan reason.Reason
		err  error
	}
	answer := make(chan said, 1)
	go func() {
		var got said
		defer func() {
			if p := recover(); p != nil {
				got.err = Failure(reason.New("step_panicked", "panic", fmt.Sprint(p)))
			}
			answer <- got
		}()
		got.plan, got.err = planStep(ctx, s, planner, c)
	}()
	late := time.NewTimer(planTimeout + time.Second)
	defer late.Stop()
	select {
	case got := <-answer:
		a.Plan, a.State = got.plan, TargetOK
		if got.err != nil {
			a.State, a.Why = TargetWrong, ReasonOf(got.err)
		}
	case <-late.C:
		a.State, a.Why = TargetWrong, reason.New("target_silent", "within", planTimeout)
	case <-ctx.Done():
		a.State, a.Why = TargetWrong, reason.New("target_silent", "within", planTimeout)
	}
	return a
}
