package decide

import (
	"context"
	"slices"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/watch"
)

// MaxUndoAge is how long after a rollback it may be undone by itself. Later a person decides: by then
// something else may be the cause.
const MaxUndoAge = 30 * time.Minute

// Undo decides what follows a rollback after which the service is worse. Worse is: a check of the
// service that was up when the run began is down after its last step, in two looks in a row. What was
// down before, what could not be seen, and alerts do not make it worse.
//
// Then nothing else is put back by itself, unless the runbook said worse: undo when the run ended. What is
// undone is that run alone: the version that it took back is put in place again, by the same runbook. Guards are asked
// about that as about any run, so that nothing is undone after a newer deploy, while people hold what is
// automatic, or twice; and what undoes is never undone. A drill's fault is not put in place again. false: nothing follows.
func (d Decider) Undo(ctx context.Context, run actions.Run, p Present, now time.Time) (actions.Request, bool, error) {
	svc, ok := d.Settings.Service(run.Service)
	if !ok || run.State != actions.Worse || !run.UndoNext || run.Trigger.Rehearses() || now.Sub(run.Ended) > MaxUndoAge {
		return actions.Request{}, false, nil
	}
	l := line{run.Service, run.Environment, watch.Kind(run.Kind)}
	f, err := d.facts(ctx, run.Runbook, actions.ByUndo, l, now)
	if err != nil {
		return actions.Request{}, false, err
	}
	f.Rollback, f.Reversible, f.Undoes, f.Kind = true, true, run.ID, run.Kind
	f.From, f.To, f.Deploy, f.Shops = run.To, run.From, run.Trigger.Deploy, run.Shops
	f.Freeze = d.freeze(run.Service, run.Environment, now)
	down := worseChecks(run)
	req := actions.Request{
		Service: run.Service, Environment: run.Environment, Runbook: run.Runbook, Rollback: true, Kind: run.Kind, From: f.From, To: f.To, Shops: run.Shops,
		Trigger: actions.Trigger{Kind: actions.ByUndo, Run: run.ID, Deploy: run.Trigger.Deploy, Reason: run.Reason},
		Failing: down,
		Healthy: slices.DeleteFunc(d.Settings.inHealth(run.Service, sample.Up, p), func(c string) bool { return slices.Contains(down, c) }),
	}
	for _, c := range down {
		req.Symptoms = append(req.Symptoms, actions.Symptom{Kind: actions.SymptomCheck, Name: c})
	}
	d.guard(&req, f, now)
	if svc.Watch.Mode != watch.Auto {
		req.Approve = reason.New("worse_undo_asks", "mode", string(svc.Watch.Mode))
	}
	return req, true, nil
}

// worseChecks are the checks that were up before a run and are down after it.
func worseChecks(run actions.Run) (down []string) {
	for _, c := range run.Verification {
		if c.Kind == "" && c.Health == "down" && slices.Contains(run.Healthy, c.Check) {
			down = append(down, c.Check)
		}
	}
	return down
}

// freeze is the current one that does not allow a rollback; nil: none.
func (d Decider) freeze(service, environment string, now time.Time) *actions.Freeze {
	frozen := watch.Gate(watch.GateFacts{
		Service: service, Environment: environment, Act: watch.ActRollback, Freezes: d.Settings.Freezes,
	}, now)
	if len(frozen) == 0 {
		return nil
	}
	return &actions.Freeze{Detail: frozen[0].Detail, Until: frozen[0].Until}
}
