package actions

import (
	"cmp"
	"slices"

	"guardian/internal/reason"
)

// open tells whether a run has started, or may start any moment, and is not over.
func open(r Run) bool { return !r.State.Final() && r.State != Queued }

// excludes tells whether another run and this one may not be under way at the same time: they are of one
// service in one environment or, where an alert names no service, of one runbook. A run that only sets
// kill switches or announces windows changes no target of other runbooks: it neither waits for them nor holds them up.
func (f Facts) excludes(r Run) bool {
	if f.Service == "" || f.StopsHarm && !f.Rollback || r.OnlyStopsHarm() {
		return r.Runbook == f.Runbook
	}
	return true
}

// guardOpenRuns keeps two runs from working on the same thing at once. A queued run does not
// count: it asks the guards again before it starts.
func guardOpenRuns(f Facts) []Refusal {
	for _, r := range f.Runs {
		if open(r) && f.excludes(r) {
			return []Refusal{{Code: RunInProgress, Detail: inProgress(r)}}
		}
	}
	return nil
}

func inProgress(r Run) reason.Reason {
	return reason.New("guard_run_in_progress", "run", r.ID, "runbook", r.Runbook, "state", r.State.words())
}

// Queue decides whether a run that RunInProgress refuses waits for the other run instead, and
// takes that refusal out of what the guards said. Only runs wait that start by themselves, and that
// nothing else refuses. A verdict's rollback waits behind a run that puts no version back: such as
// one that an alert about the same bad deploy started. It does not wait behind a rollback: after
// that a person decides. The run of an alert waits behind any run, and is dropped when its alert
// resolves meanwhile. Rollbacks come first out of the queue, then those that waited longest.
// Behind says which run it waits for; it is zero when the run does not wait.
func Queue(f Facts, rs []Refusal) (behind reason.Reason, rest []Refusal) {
	if !mayWait(f) {
		return reason.Reason{}, rs
	}
	for _, r := range rs {
		switch {
		case r.Code == RunInProgress:
			behind = r.Detail
		case r.Asks():
			rest = append(rest, r)
		default:
			return reason.Reason{}, rs
		}
	}
	if i := slices.IndexFunc(f.Runs, f.behind); behind.IsZero() && i >= 0 {
		behind = inProgress(f.Runs[i])
	}
	return behind, rest
}

// mayWait tells whether a run waits for others at all.
func mayWait(f Facts) bool {
	switch f.Trigger {
	case ByVerdict:
		return !slices.ContainsFunc(f.Runs, func(r Run) bool { return r.Rollback && open(r) && f.excludes(r) })
	case ByAlert:
		return true
	case ByPerson, ByDrill, ByUndo:
		return false
	default:
		return false
	}
}

// behind tells whether this run is behind another one in the queue.
func (f Facts) behind(r Run) bool {
	if r.State != Queued || r.ID == f.Own.ID || !f.excludes(r) {
		return false
	}
	if r.Rollback != f.Rollback {
		return r.Rollback
	}
	return f.Own.ID == "" || cmp.Or(r.Created.Compare(f.Own.Created), cmp.Compare(r.ID, f.Own.ID)) < 0
}
