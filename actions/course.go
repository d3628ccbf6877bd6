package actions

import (
	"cmp"

	"guardian/internal/reason"
)

// moveKind is what a run does next.
type moveKind uint8

const (
	verifying moveKind = iota // its steps are over
	working                   // steps are to be done, or their targets asked
	asking                    // a person must say whether a step happened
	falling                   // the fallback's steps come next
	ending                    // a step failed, and nothing follows
)

// move is what a run does next.
type move struct {
	do    moveKind
	steps []int         // of working: those that are not over, at the same time; of asking: the step
	why   reason.Reason // of falling and ending
}

// next decides what a run does next, by how its steps stand. It is pure: the same for a run that goes
// on, and for one that is taken up after a crash.
//
// Steps of one group are worked on together. Only when all of them are over is looked at what came of
// them: first a person is asked about those of which nobody knows whether they happened, then follows
// what on_failure says of those that failed; of several, stop counts more than fallback, and that more
// than continue.
func (b *Runbook) next(r Run) move {
	for _, stage := range r.stages() {
		if m := b.after(r, stage); m.do != verifying {
			return m
		}
	}
	return move{do: verifying}
}

// stages gives the steps that the run does now, one after the other, those of a group together: the
// runbook's own or, after it fell back, the fallback's.
func (r Run) stages() (all [][]int) {
	fell, last := !r.FellBack.IsZero(), ""
	for i := range r.Steps {
		s := &r.Steps[i]
		if s.Fallback != fell {
			continue
		}
		if n := len(all); n > 0 && s.Group != "" && s.Group == last {
			all[n-1] = append(all[n-1], i)
		} else {
			all = append(all, []int{i})
		}
		last = s.Group
	}
	return all
}

// after decides what follows by the steps of one stage; verifying: the next one.
func (b *Runbook) after(r Run, stage []int) move {
	var open, unknown []int
	var stops []reason.Reason
	var falls reason.Reason
	for _, i := range stage {
		switch s := &r.Steps[i]; s.State {
		case StepPending, StepIntent:
			open = append(open, i)
		case StepUnknown:
			unknown = append(unknown, i)
		case StepFailed:
			failed := reason.New("run_step_failed", "step", s.Name, "error", s.Error)
			switch b.onFailure(i) {
			case OnFailureContinue:
			case OnFailureFallback:
				falls = reason.Join(falls, failed)
			default:
				stops = append(stops, failed)
			}
		case StepDone, StepSkipped:
		}
	}
	switch {
	case len(open) > 0:
		return move{do: working, steps: open}
	case len(unknown) > 0:
		return move{do: asking, steps: unknown[:1]}
	case len(stops) > 0:
		return move{do: ending, why: reason.Join(stops...)}
	case !falls.IsZero():
		return move{do: falling, why: falls}
	default:
		return move{do: verifying}
	}
}

// onFailure is what follows when step i failed. A step of the fallback has no fallback.
func (b *Runbook) onFailure(i int) string {
	if i >= len(b.Steps) {
		return OnFailureStop
	}
	s := &b.Steps[i]
	if s.Fallback {
		return cmp.Or(s.OnFailure, OnFailureStop)
	}
	return cmp.Or(s.OnFailure, b.OnFailure, OnFailureStop)
}

// begin gives the steps of a new run. Those that are not meant for it are skipped from the start.
func (b *Runbook) begin(r Run) []StepRun {
	var all []StepRun
	for _, s := range b.Steps {
		one := StepRun{Name: s.Name, Kind: s.Kind, State: StepPending, Group: s.Group, Shop: s.Shop, Fallback: s.Fallback}
		if why := s.When.skipped(r); !why.IsZero() {
			one.State, one.Skipped = StepSkipped, why
		}
		all = append(all, one)
	}
	return all
}

// settle applies what follows without a step: a question to a person, the fallback, or the end.
func (e *Engine) settle(next *Run, book *Runbook) []Entry {
	switch m := book.next(*next); m.do {
	case asking:
		i := m.steps[0]
		askOutcome(next, book.Approval.Roles, i, next.Steps[i].Error)
		return []Entry{e.entry(*next, i, "asked", next.Question.Text)}
	case falling:
		next.fall(m.why)
		entries := []Entry{e.entry(*next, -1, "fallback", m.why)}
		return append(entries, e.settle(next, book)...) // none of them may be meant for the run
	case ending:
		next.end(FailedRun, m.why, e.o.Now())
		return []Entry{e.ended(*next)}
	case working, verifying:
		return nil
	default:
		return nil
	}
}
