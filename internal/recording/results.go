package recording

import (
	"maps"
	"slices"
	"strings"
	"time"

	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/probes/sample"
)

// Result is one look with all that it saw, for people who ask why a check is as it is.
type Result struct {
	At       time.Time
	Duration time.Duration
	Health   sample.Health
	Recheck  bool // it was a recheck, made between scheduled looks because the check had failed
	Reason   reason.Reason
	Version  string
	Values   []Value
	Detail   string // status line, headers and the beginning of the body, or what else was seen
}

// Value is a number that a look measured. Of are the values of its labels beyond the check's.
type Value struct {
	Name, Of string
	V        float64
}

// The bounds of the results that are kept: of one check, and of all checks together.
const (
	maxResultsOfEach = store.KeptFailures
	minResultsOfEach = 3
	maxResultsOfAll  = 10_000
	// failureInterval is how often a failure that goes on is saved; its beginning always is.
	failureInterval = time.Minute
)

// resultsOfEach gives how many results of each of so many checks are kept.
func resultsOfEach(checks int) int {
	return max(minResultsOfEach, min(maxResultsOfEach, maxResultsOfAll/max(checks, 1)))
}

// recentResults are the last results of a check. Those that were not up are kept apart and so
// for longer, and the newest of them are in the journal too.
type recentResults struct {
	all, failed ring[Result]
	saved       time.Time // when a failed one was last handed over to be saved
}

// add takes a result and tells whether it should be saved; turned says that the check's health
// was another one before.
func (r *recentResults) add(result Result, turned bool, most int) (save bool) {
	r.all.add(result, most)
	if result.Health == sample.Up {
		return false
	}
	r.failed.add(result, most)
	if save = turned || result.At.Sub(r.saved) >= failureInterval; save {
		r.saved = result.At
	}
	return save
}

// restore adds failed looks of the journal.
func (r *recentResults) restore(failures []sample.Sample, most int) {
	all, have := r.failed.inOrder(), map[time.Time]bool{}
	for _, f := range all {
		have[f.At] = true
	}
	for _, s := range failures {
		if !have[s.At] {
			all = append(all, resultOf(s))
		}
	}
	slices.SortFunc(all, func(a, b Result) int { return a.At.Compare(b.At) })
	r.failed = ring[Result]{values: all[max(len(all)-most, 0):]}
}

// Results gives the last results of a check, and the last that were not up, newest first.
func (r *Record) Results(check string) (all, failed []Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.checks[check]
	if c == nil {
		return nil, nil
	}
	all, failed = c.results.all.inOrder(), c.results.failed.inOrder()
	slices.Reverse(all)
	slices.Reverse(failed)
	return all, failed
}

// resultOf makes a result of a sample, without holding on to the maps of its values.
func resultOf(s sample.Sample) Result {
	r := Result{
		At: s.At, Duration: s.Duration, Health: s.Health, Recheck: s.Recheck, Reason: s.Reason, Version: s.Version, Detail: s.Detail,
		Values: make([]Value, 0, len(s.Values)),
	}
	for _, v := range s.Values {
		of := ""
		switch len(v.Labels) {
		case 0:
		case 1:
			for _, value := range v.Labels {
				of = value
			}
		default:
			names := slices.Sorted(maps.Keys(v.Labels))
			for i, name := range names {
				names[i] = v.Labels[name]
			}
			of = strings.Join(names, " ")
		}
		r.Values = append(r.Values, Value{Name: v.Name, Of: of, V: v.V})
	}
	return r
}
