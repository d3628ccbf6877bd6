package recording

import (
	"slices"
	"time"

	"guardian/probes/sample"
	"guardian/watch"
)

// maxAnswered bounds the versions that are kept of each check: a deploy is announced within
// minutes, and few versions are in place in that time.
const maxAnswered = 8

// answered are the versions that a check saw last, in the order in which they answered first.
type answered []watch.Answered

// add takes a look, also one that is older than what is known. A version that did not answer for
// longer than gone, and answers again, was put back meanwhile.
func (a *answered) add(s sample.Sample, gone time.Duration) {
	if s.Version == "" {
		return
	}
	seen := watch.Answered{Version: s.Version, First: s.At, Last: s.At}
	other := time.Time{} // when another version answered last
	for _, x := range *a {
		if x.Version != s.Version && x.Last.After(other) {
			other = x.Last
		}
	}
	if i := slices.IndexFunc(*a, func(x watch.Answered) bool { return x.Version == s.Version }); i >= 0 {
		if known := (*a)[i]; s.At.Sub(known.Last) <= gone {
			seen = known
			if s.At.Before(seen.First) {
				seen.First = s.At
			}
			if s.At.After(seen.Last) {
				if other.After(seen.Last) && s.At.After(other) {
					seen.Again = s.At
				}
				seen.Last = s.At
			}
		}
		if (*a)[i].First.Equal(seen.First) {
			(*a)[i] = seen
			return
		}
		*a = slices.Delete(*a, i, i+1)
	}
	*a = append(*a, seen)
	slices.SortStableFunc(*a, func(x, y watch.Answered) int { return x.First.Compare(y.First) })
	if len(*a) > maxAnswered {
		*a = (*a)[1:]
	}
}

// Answered gives the versions that the checks of a service saw last, by check, in the order in
// which they answered first.
func (r *Record) Answered(service string) map[string][]watch.Answered {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string][]watch.Answered{}
	for name, c := range r.checks {
		if c.Service == service && len(c.answered) > 0 {
			all[name] = slices.Clone(c.answered)
		}
	}
	return all
}
