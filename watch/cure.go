package watch

import (
	"math"

	"guardian/watch/judge"
)

// Since gives by how much a pair of counters grew since an earlier reading, at some shops; at all
// for none. An empty reading says nothing.
func (r Reading) Since(before Reading, shops []string) (failures, total float64) {
	if r.Empty || before.Empty {
		return 0, 0
	}
	return grown(before.Failures, r.Failures, mine(shops)), grown(before.Total, r.Total, mine(shops))
}

func grown(before, now CounterValues, of func(series string) bool) float64 {
	s := counterSeries{values: CounterValues{}}
	s.increase(before, of)
	own, _ := s.increase(now, of)
	return own
}

// Worst gives the worst value of a number, at some shops; at all for none. It gives false when there
// is no value.
func (r Reading) Worst(lower bool, shops []string) (float64, bool) {
	v, _ := NumberPolicy{Lower: lower}.worst(r.Values, mine(shops))
	return v, !r.Empty && !math.IsNaN(v)
}

// clearly is the chance that the counts of a check which fails as often as is allowed are above it.
const clearly = 0.01

// Above tells whether looks fail clearly more often than at a rate.
func (c Counts) Above(rate float64) bool {
	return c.Failures > 0 && judge.RateLower(c.Failures, c.Looks, clearly) > max(rate, judge.MinRate)
}
