package app

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/probes/sample"
)

// kept holds the last looks of each check with what they saw, for whoever wants to know why.
// Looks that were not up are kept apart and so for longer, and the newest of them are in the
// journal, too. It is bounded for each check and for all together.
type kept struct {
	mu        sync.Mutex
	most      int // looks, and failures, of each check
	checks    map[string]*keptLooks
	unwritten []sample.Sample
}

type keptLooks struct {
	looks, failures []server.LookDetail // oldest first
	health          sample.Health
	written         time.Time // when a failure was given to the journal last
}

// The bounds of what is kept: of one check, and of all checks together.
const (
	mostKept    = store.KeptFailures
	leastKept   = 3
	mostKeptAll = 10000
	// writeEvery is how often a failure that lasts is written down; its beginning always is.
	writeEvery = time.Minute
	// mostUnwritten bounds what waits for a journal that is away.
	mostUnwritten = 1000
)

// keptOfEach gives how many looks of each of so many checks are kept.
func keptOfEach(checks int) int {
	return max(leastKept, min(mostKept, mostKeptAll/max(checks, 1)))
}

// apply takes the checks of a configuration over. Checks that stay keep their looks.
func (k *kept) apply(checks []builtCheck) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.most = keptOfEach(len(checks))
	next := make(map[string]*keptLooks, len(checks))
	for _, c := range checks {
		next[c.Name] = &keptLooks{}
		if old := k.checks[c.Name]; old != nil {
			next[c.Name] = old
		}
	}
	k.checks = next
}

// note takes a sample in; acting says that it is for this guardian to write it down.
func (k *kept) note(s sample.Sample, acting bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.checks[s.Check]
	if c == nil {
		return
	}
	l := detailOf(s)
	c.looks = pushed(c.looks, l, k.most)
	began := c.health != s.Health
	c.health = s.Health
	if s.Health == sample.Up {
		return
	}
	c.failures = pushed(c.failures, l, k.most)
	if acting && (began || s.At.Sub(c.written) >= writeEvery) && len(k.unwritten) < mostUnwritten {
		c.written = s.At
		k.unwritten = append(k.unwritten, s)
	}
}

// pushed appends a look and lets the oldest go when there are too many.
func pushed(looks []server.LookDetail, l server.LookDetail, most int) []server.LookDetail {
	if n := len(looks) - most + 1; n > 0 {
		looks = slices.Delete(looks, 0, n)
	}
	return append(looks, l)
}

// take gives what is to be written down.
func (k *kept) take() []sample.Sample {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := k.unwritten
	k.unwritten = nil
	return all
}

// giveBack takes what could not be written.
func (k *kept) giveBack(all []sample.Sample) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.unwritten = append(all, k.unwritten...)
	k.unwritten = k.unwritten[:min(len(k.unwritten), mostUnwritten)]
}

// resume puts in what the journal has of before, each check newest first.
func (k *kept) resume(failures map[string][]sample.Sample) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for name, c := range k.checks {
		seen := map[time.Time]bool{}
		for _, l := range c.failures {
			seen[l.At] = true
		}
		for _, s := range failures[name] {
			if l := detailOf(s); !seen[l.At] {
				c.failures = append(c.failures, l)
			}
		}
		slices.SortFunc(c.failures, func(a, b server.LookDetail) int { return a.At.Compare(b.At) })
		c.failures = c.failures[max(len(c.failures)-k.most, 0):]
	}
}

// of gives the last looks of a check, and those of its failures that are older, newest first.
func (k *kept) of(check string) (looks, failures []server.LookDetail) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.checks[check]
	if c == nil {
		return nil, nil
	}
	looks, failures = slices.Clone(c.looks), slices.Clone(c.failures)
	slices.Reverse(looks)
	slices.Reverse(failures)
	return looks, failures
}

// detailOf makes of a sample what is kept of it: its values without the maps that are theirs.
func detailOf(s sample.Sample) server.LookDetail {
	l := server.LookDetail{
		At: s.At, Duration: s.Duration, Health: s.Health, Raised: s.Raised, Reason: s.Reason.String(), Version: s.Version, Detail: s.Detail,
		Values: make([]server.LookValue, 0, len(s.Values)),
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
		l.Values = append(l.Values, server.LookValue{Name: v.Name, Of: of, V: v.V})
	}
	return l
}
