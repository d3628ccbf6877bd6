package watch

import (
	"guardian/probes/sample"
	"guardian/watch/judge"
)

// likely is the chance at which looks that fail more often than a check may speak against what ran: a
// version that is taken for healthy is gone back to.
const likely = 0.2

// RanWith tells what the looks of a check say about the version that ran while they were made: how
// many there are, and whether it probably failed more often than the check may, or failed at the end.
func RanWith(looks []Look, failureRate float64) (known int, fails bool) {
	failures, last := 0, sample.Unknown
	for _, l := range looks {
		if l.Health == sample.Unknown {
			continue
		}
		known, last = known+1, l.Health
		if l.Health == sample.Down {
			failures++
		}
	}
	return known, last == sample.Down || judge.RateLower(failures, known, likely) > orDefault(failureRate)
}
