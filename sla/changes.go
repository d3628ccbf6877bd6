package sla

import (
	"slices"
	"time"
)

// The states of watches and runs that the report counts, as the journal stores them. This
// package does not import the packages that define them.
const (
	watchPassed       = "passed"
	watchFailed       = "failed"
	watchInconclusive = "inconclusive"
	watchSuperseded   = "superseded"
	watchCancelled    = "cancelled"
	watchWatching     = "watching"

	runCured    = "cured"
	runNotCured = "not_cured"
	runWorse    = "worse"
	runFailed   = "failed"
	runRejected = "rejected"
	runExpired  = "expired"
	runRefused  = "refused"

	triggerDrill = "drill"
)

func (b builder) within(t time.Time) bool {
	return !t.Before(b.report.From) && t.Before(b.report.To)
}

// dayOf returns the index of the day of a time within the month.
func (b builder) dayOf(t time.Time) int {
	i, found := slices.BinarySearchFunc(b.days, t, time.Time.Compare)
	if found {
		return i
	}
	return i - 1
}

// deploys lists the service's deploys of the month by time, and counts them.
func (b builder) deploys(t *tally) []DeployLine {
	out := []DeployLine{}
	for _, d := range b.facts.Deploys {
		if d.Service != b.service.Name || !b.within(d.At) {
			continue
		}
		line := DeployLine{
			ID: d.ID, Version: d.Version, Author: d.Author, Kind: d.Kind, At: d.At.UTC(),
			Watch: d.Watch, State: d.State, Reason: d.Reason,
			FaultSince: d.FaultSince, DecidedAt: d.DecidedAt,
			Run: d.Run, RunState: d.RunState, PutsBack: d.PutsBack,
		}
		if d.RunState == runCured {
			line.CuredAt = d.RunEnded
		}
		out = append(out, line)
		if d.PutsBack {
			t.changes.PutBack++
			continue
		}
		t.days[b.dayOf(d.At)].deploys++
		t.changes.count(d.State)
		if d.State != watchFailed || d.FaultSince.IsZero() {
			continue
		}
		if !d.DecidedAt.IsZero() {
			t.detect = append(t.detect, max(0, d.DecidedAt.Sub(d.FaultSince)))
		}
		if d.RunState == runCured && !d.RunEnded.IsZero() {
			t.recover = append(t.recover, max(0, d.RunEnded.Sub(d.FaultSince)))
		}
	}
	slices.SortStableFunc(out, func(x, y DeployLine) int { return x.At.Compare(y.At) })
	return out
}

func (c *Changes) count(state string) {
	c.Deploys++
	switch state {
	case watchPassed:
		c.Passed++
	case watchFailed:
		c.Failed++
	case watchInconclusive:
		c.Inconclusive++
	case watchSuperseded:
		c.Superseded++
	case watchCancelled:
		c.Cancelled++
	case watchWatching:
		c.Watching++
	default:
		c.Unwatched++
	}
}

// runs counts the service's rollbacks that were created in the month. A rollback that is in the
// list of runs and in that of deploys counts once.
func (b builder) runs(t *tally) {
	seen := map[string]bool{}
	count := func(id, trigger, state string, created time.Time) {
		if id == "" || seen[id] {
			return
		}
		seen[id] = true
		if !b.within(created) {
			return
		}
		if trigger == triggerDrill {
			t.rollbacks.Drills++
			return
		}
		if t.rollbacks.count(state) {
			t.days[b.dayOf(created)].rollbacks++
		}
	}
	for _, r := range b.facts.Runs {
		if r.Service == b.service.Name && r.Rollback {
			count(r.ID, r.Trigger, r.State, r.Created)
		}
	}
	for _, d := range b.facts.Deploys {
		if d.Service == b.service.Name {
			begun := d.RunStarted
			if begun.IsZero() { // it is waiting for approval
				begun = d.DecidedAt
			}
			count(d.Run, "", d.RunState, begun)
		}
	}
}

// count counts a run by its state and reports whether the rollback was executed or is in progress.
func (r *Rollbacks) count(state string) bool {
	switch state {
	case runRefused, runRejected, runExpired:
		r.NotDone++
		return false
	case runCured:
		r.Cured++
	case runNotCured, runWorse:
		r.NotCured++
	case runFailed:
		r.Failed++
	default:
		r.Open++
	}
	r.Total++
	return true
}
