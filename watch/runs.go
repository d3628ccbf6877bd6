package watch

import (
	"slices"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/watch/judge"
)

// Run is a run of failures: consecutive looks of a check that failed.
type Run struct {
	From  time.Time `json:"from"` // when its first look began
	Looks int       `json:"looks"`
	Ended bool      `json:"ended,omitempty"` // a look that was up followed
}

// runs gives the runs in the looks of a check, oldest first.
func runs(looks []Look) []Run {
	var all []Run
	open := false
	for _, l := range looks {
		switch l.Health {
		case sample.Down:
			if !open {
				all = append(all, Run{From: l.At})
			}
			all[len(all)-1].Looks++
			open = true
		case sample.Up:
			if open {
				all[len(all)-1].Ended = true
			}
			open = false
		case sample.Unknown:
			open = false
		}
	}
	return all
}

// sameRunWithin is how closely together runs of several checks begin that have one cause.
const sameRunWithin = time.Minute

// runsOfOthers gives the runs of failures at the service's other checks, which tell how long runs
// are where a check has too few of its own. Runs that begin together, here or there, count as
// one: an outage that five checks saw is one outage.
func (s Snapshot) runsOfOthers(check string) judge.Runs {
	var others []Run
	for name, b := range s.Baselines {
		if name != check {
			others = append(others, b.Runs...)
		}
	}
	slices.SortFunc(others, func(x, y Run) int { return x.From.Compare(y.From) })
	own := s.Baselines[check].Runs
	var all judge.Runs
	for len(others) > 0 {
		first, longest := others[0].From, 0
		for len(others) > 0 && others[0].From.Sub(first) <= sameRunWithin {
			if others[0].Ended {
				longest = max(longest, others[0].Looks)
			}
			others = others[1:]
		}
		seenHere := slices.ContainsFunc(own, func(r Run) bool { return r.From.Sub(first).Abs() <= sameRunWithin })
		if longest > 0 && !seenHere {
			all = all.Add(judge.Runs{Ended: 1, Again: longest - 1, Longest: longest})
		}
	}
	return all
}

// usuallyLong is the persistence from which on long runs of failures are usual for a check: more than
// five looks on average.
const usuallyLong = 0.8

// usualRuns names the runs of the checks for which long ones are usual and which are in one now.
func (w *Watch) usualRuns() reason.Reason {
	var all []reason.Reason
	for i := range w.Checks {
		c := &w.Checks[i]
		if !c.LastJudgedDown || len(c.Metrics) == 0 || len(c.Metrics[0].Streams) == 0 {
			continue
		}
		if h := c.Metrics[0].Streams[0].Before; !h.FewRuns() && h.Persistence() >= usuallyLong {
			all = append(all, reason.New("usual_runs", "check", c.Check, "runs", h.Runs().Ended, "longest", h.Longest))
		}
	}
	return reason.Join(all...)
}
