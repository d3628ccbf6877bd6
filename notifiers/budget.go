package notifiers

import (
	"hash/fnv"
	"slices"
	"time"
)

const (
	mergeAt  = 6  // default of Budget.MergeAt
	mergeMax = 20 // notices in one digest
)

// pollInterval is how often a worker reads the outbox when nothing wakes it.
const pollInterval = 15 * time.Second

func (b Budget) window() time.Duration {
	if b.Per <= 0 {
		return time.Minute
	}
	return b.Per
}

// nextCallAt returns the earliest time at which a call may be made, given the times of the
// previous calls, oldest first.
func (b Budget) nextCallAt(calls []time.Time, critical bool, now time.Time) time.Time {
	at := now
	if n := len(calls); n > 0 && calls[n-1].Add(b.Spacing).After(at) {
		at = calls[n-1].Add(b.Spacing)
	}
	if b.Limit <= 0 {
		return at
	}
	limit := b.Limit
	if !critical {
		limit = max(b.Limit-b.Reserved, 1)
	}
	if n := len(calls); n >= limit && calls[n-limit].Add(b.window()).After(at) {
		at = calls[n-limit].Add(b.window())
	}
	return at
}

// callsLeft returns how many calls the limit allows now, ignoring the spacing; -1: unlimited.
func (b Budget) callsLeft(calls []time.Time, critical bool, now time.Time) int {
	if b.Limit <= 0 {
		return -1
	}
	limit := b.Limit
	if !critical {
		limit = max(b.Limit-b.Reserved, 1)
	}
	for _, at := range calls {
		if at.Add(b.window()).After(now) {
			limit--
		}
	}
	return max(limit, 0)
}

// nextBatch selects the deliveries of the next call from the first delivery of each key: the
// most severe, then the least tried, then the oldest one, merged with others when many wait
// or the budget is short. Critical notices are merged with critical ones only. With an empty
// batch it returns when to try again; zero: nothing is waiting.
func nextBatch(nextPerKey []Delivery, calls []time.Time, b Budget, now time.Time) (batch []Delivery, again time.Time) {
	var due []Delivery
	for _, d := range nextPerKey {
		if d.NextAt.After(now) {
			if again.IsZero() || d.NextAt.Before(again) {
				again = d.NextAt
			}
			continue
		}
		due = append(due, d)
	}
	if len(due) == 0 {
		return nil, again
	}
	slices.SortStableFunc(due, func(a, b Delivery) int {
		if c := severity(a.Notice.Tier) - severity(b.Notice.Tier); c != 0 {
			return c
		}
		if c := a.Attempts - b.Attempts; c != 0 {
			return c
		}
		return a.Notice.Created.Compare(b.Notice.Created)
	})
	first := due[0]
	critical := severity(first.Notice.Tier) == 0
	if at := b.nextCallAt(calls, critical, now); at.After(now) {
		return nil, at
	}
	var together []Delivery
	for _, d := range due {
		if (severity(d.Notice.Tier) == 0) == critical && !d.Alone {
			together = append(together, d)
		}
	}
	at := b.MergeAt
	if at == 0 {
		at = mergeAt
	}
	free := b.callsLeft(calls, critical, now)
	if (at > 0 && len(together) >= at) || (free >= 0 && len(together) > free) {
		return together[:min(len(together), mergeMax)], now
	}
	return []Delivery{first}, now
}

// backoff returns the pause after the nth consecutive failure: 2 s, doubled each time, at
// most one minute, with a jitter of ±20 % that is derived from the ID.
func backoff(n int, id string) time.Duration {
	pause := time.Minute
	if n < 6 {
		pause = 2 * time.Second << max(n-1, 0)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	_, _ = h.Write([]byte{byte(n)})
	share := float64(h.Sum32()%1000)/1000*0.4 - 0.2
	return pause + time.Duration(share*float64(pause))
}
