package watch

import "guardian/watch/judge"

// Since gives by how much a pair of counters grew since an earlier reading. An empty reading says
// nothing.
func (r Reading) Since(before Reading) (failures, total float64) {
	if r.Empty || before.Empty {
		return 0, 0
	}
	return grown(before.Failures, r.Failures), grown(before.Total, r.Total)
}

func grown(before, now CounterValues) float64 {
	values := CounterValues{}
	values.increase(before)
	return values.increase(now)
}

// clearly is the chance that the counts of a check which fails as often as is allowed are above it.
const clearly = 0.01

// Above tells whether looks fail clearly more often than at a rate.
func (c Counts) Above(rate float64) bool {
	return c.Failures > 0 && judge.RateLower(c.Failures, c.Looks, clearly) > max(rate, judge.MinRate)
}
