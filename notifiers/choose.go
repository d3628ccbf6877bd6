package notifiers

import (
	"hash/fnv"
	"slices"
	"time"
)

const (
	mergeAt  = 6  // of Budget.MergeAt
	mergeMax = 20 // notices in one digest
)

// poll is how often the outbox is asked when nobody wakes a receiver.
const poll = 15 * time.Second

func (b Budget) per() time.Duration {
	if b.Per <= 0 {
		return time.Minute
	}
	return b.Per
}

// next is the earliest time at which a call may be made, given the times of the calls
// before, oldest first.
func (b Budget) next(calls []time.Time, critical bool, now time.Time) time.Time {
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
	if n := len(calls); n >= limit && calls[n-limit].Add(b.per()).After(at) {
		at = calls[n-limit].Add(b.per())
	}
	return at
}

// free is how many calls may be made at once now, the spacing aside; -1: any number.
func (b Budget) free(calls []time.Time, critical bool, now time.Time) int {
	if b.Limit <= 0 {
		return -1
	}
	limit := b.Limit
	if !critical {
		limit = max(b.Limit-b.Reserved, 1)
	}
	for _, at := range calls {
		if at.Add(b.per()).After(now) {
			limit--
		}
	}
	return max(limit, 0)
}

// choose picks what the next call carries, of the first deliveries of each key: the
// loudest, least tried, oldest first, alone or together with others of its loudness. An
// empty batch comes with the time at which to choose again; it may be zero: nothing waits.
func choose(heads []Delivery, calls []time.Time, b Budget, now time.Time) (batch []Delivery, again time.Time) {
	var due []Delivery
	for _, d := range heads {
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
		if c := loudness(a.Notice.Tier) - loudness(b.Notice.Tier); c != 0 {
			return c
		}
		if c := a.Attempts - b.Attempts; c != 0 {
			return c
		}
		return a.Notice.Created.Compare(b.Notice.Created)
	})
	first := due[0]
	critical := loudness(first.Notice.Tier) == 0
	if at := b.next(calls, critical, now); at.After(now) {
		return nil, at
	}
	if first.Alone {
		return []Delivery{first}, now
	}
	var together []Delivery
	for _, d := range due {
		if (loudness(d.Notice.Tier) == 0) == critical && !d.Alone {
			together = append(together, d)
		}
	}
	at := b.MergeAt
	if at == 0 {
		at = mergeAt
	}
	free := b.free(calls, critical, now)
	if (at > 0 && len(together) >= at) || (free >= 0 && len(together) > free) {
		return together[:min(len(together), mergeMax)], now
	}
	return []Delivery{first}, now
}

// backoff is the pause after the nth failed attempt in a row: 2 s, doubled each time, at
// most one minute, plus or minus a fifth so that receivers do not keep step. It is a
// function of its arguments only.
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
