package api

import (
	"context"
	"errors"
	"slices"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/internal/server"
	"guardian/watch"
)

// plans implements server.Plans. It reads, so that every guardian answers; how the checks are now only
// the leader knows.
type plans struct {
	running  func() Running
	decider  func() decide.Decider
	leader   leader
	redactor *secret.Redactor
	now      func() time.Time
}

// RunPlan implements server.Plans.
func (p plans) RunPlan(ctx context.Context, r server.RunRequest, by server.Caller) (server.RunPlan, error) {
	decider, running, now := p.decider(), p.running(), p.now()
	environment, err := running.environmentOf(decider.Settings, r.Service, r.Environment)
	if err != nil {
		return server.RunPlan{}, err
	}
	var present decide.Present
	if leading, ok := p.leader(); ok {
		present = leading.Present(r.Service)
	}
	dry, err := decider.DryRun(ctx, decide.PersonRequest{
		Service: r.Service, Environment: environment, Kind: r.Kind, To: r.To, Person: by.Name, Reason: "dry run",
	}, present, now)
	if errors.Is(err, decide.ErrNoRunbook) {
		return server.RunPlan{}, noRunbook(r)
	}
	if err != nil {
		return server.RunPlan{}, apiError(err)
	}
	book, ok := running.Book(dry.ByPerson.Runbook)
	if !ok {
		return server.RunPlan{}, noRunbook(r)
	}
	run, automatic := actions.NewRun(dry.ByPerson, book, now), actions.NewRun(dry.Automatic, book, now)
	out := server.RunPlan{
		Service: run.Service, Environment: run.Environment, Kind: watch.Kind(run.Kind), From: run.From,
		Plan:  actions.Plan{Runbook: run.Runbook, To: run.To, Undo: watch.Kind(run.Kind) == watch.Operation, Refused: refused(dry.ByPerson.Refusals)},
		State: run.State, Reason: run.Reason, Refusals: dry.ByPerson.Refusals,
		Automatic: server.AutomaticPlan{Mode: dry.Mode, State: automatic.State, Reason: automatic.Reason, Refusals: dry.Automatic.Refusals},
		LosesMore: dry.MoreLost, MustRecover: slices.Concat(run.Failing, book.Verify.Checks),
	}
	for _, v := range dry.Loses {
		out.Loses = append(out.Loses, server.LostVersion{Version: v.Version, Since: v.Since, Proof: v.Proof})
	}
	if run.To != "" || out.Undo {
		out.Steps = book.Preview(run, p.redactor)
		book.Plan(ctx, run, out.Steps)
	}
	return out, nil
}

func refused(all []actions.Refusal) []reason.Reason {
	var why []reason.Reason
	for _, r := range all {
		why = append(why, r.Detail)
	}
	return why
}

// noRunbook says which runbook is missing for what somebody asks for.
func noRunbook(r server.RunRequest) error {
	if r.Kind == watch.Operation {
		return server.Refuse(server.ErrConflict, "service %s names no runbook that undoes operations; set services[].undo", r.Service)
	}
	return server.Refuse(server.ErrConflict, "service %s names no rollback runbook; set services[].rollback", r.Service)
}
