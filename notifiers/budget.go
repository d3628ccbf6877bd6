package notifiers

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"
)

const (
	mergeAt  = 6  // default of Budget.MergeAt
	mergeMax = 20 // default of Budget.MergeMax
)

// pollInterval is how often a worker reads the outbox when nothing wakes it.
const pollInterval = 15 * time.Second

// Budget is a rate limit for calls to a messenger. The zero value is unlimited.
type Budget struct {
	Limit    int           // calls within any window of length Per; 0: unlimited
	Per      time.Duration // length of the window; default 1m
	Reserved int           // part of Limit that is reserved for critical notices
	Spacing  time.Duration // minimum time between two calls
	// Burst is how many calls may be made at once. After them calls are spread evenly, one each
	// Per/Limit, so that no notice of a storm waits until a used-up window is over. The last call
	// of a burst is reserved for critical notices. 0: calls are not spread.
	Burst int
	// MergeAt is how many waiting notices are merged into one message even when the budget
	// would allow single ones, so that a storm of alerts is one message. 0: 6; negative: merge
	// only when the budget is short.
	MergeAt int
	// MergeMax is how many notices one message may hold at most. 0: 20.
	MergeMax int
	// Parallel is how many calls may be made at the same time, where nothing else limits them. The
	// channel must allow it. 0: 1.
	Parallel int
	// Rush is when the messenger is overloaded by everybody's scheduled messages.
	Rush Rush
}

// AtMost returns the budget with a limit of n calls a minute, if that is less; 0: unchanged.
func (b Budget) AtMost(n int) Budget {
	if n <= 0 || b.Limit > 0 && b.window() == time.Minute && b.Limit <= n {
		return b
	}
	b.Limit, b.Per = n, time.Minute
	b.Reserved = min(max(b.Reserved, 1), n/3)
	b.Burst = min(max(b.Burst, 2), n)
	return b
}

// Rush is a time that comes again and again, such as each full hour, in which a messenger is
// overloaded. Notices that are not critical wait until it is over. The zero value is never.
type Rush struct {
	Every         time.Duration // between two of them, counted from midnight UTC
	Before, After time.Duration // how long before and after the moment it lasts
}

// over returns when the rush that goes on at a time is over; without one, the time itself.
func (r Rush) over(at time.Time) time.Time {
	if r.Every <= 0 {
		return at
	}
	last := at.Add(r.Before).Truncate(r.Every)
	if end := last.Add(r.After); at.Before(end) {
		return end
	}
	return at
}

// chatBudget is the budget of a robot in a group of people: 12 messages a minute are as many as
// people can follow, and leave a margin below the 20 that DingTalk and WeCom allow. The margin is
// also for windows that the vendor cuts at another moment than we do.
func chatBudget() Budget {
	return Budget{Limit: 12, Per: time.Minute, Reserved: 3, Burst: 2, MergeMax: 40}
}

func (b Budget) window() time.Duration {
	if b.Per <= 0 {
		return time.Minute
	}
	return b.Per
}

// history is how long past calls are of importance. Whether a burst is used up depends on more
// than one window.
func (b Budget) history() time.Duration {
	if b.Burst > 0 {
		return 10 * b.window()
	}
	if b.Limit > 0 {
		return max(b.window(), b.Spacing)
	}
	return b.Spacing
}

// limits returns how many calls of a window, and how many at once, a notice may use.
func (b Budget) limits(critical bool) (limit, burst int) {
	if critical {
		return b.Limit, b.Burst
	}
	return max(b.Limit-b.Reserved, 1), max(b.Burst-1, 1)
}

// nextCallAt returns the earliest time at which a call may be made, given the times of the
// previous calls, oldest first.
func (b Budget) nextCallAt(calls []time.Time, critical bool, now time.Time) time.Time {
	at := now
	later := func(t time.Time) {
		if t.After(at) {
			at = t
		}
	}
	if n := len(calls); n > 0 {
		later(calls[n-1].Add(b.Spacing))
	}
	if b.Limit > 0 {
		limit, burst := b.limits(critical)
		if n := len(calls); n >= limit {
			later(calls[n-limit].Add(b.window()))
		}
		if b.Burst > 0 {
			later(b.spread(calls).Add(-time.Duration(burst-1) * b.pace()))
		}
	}
	if !critical {
		at = b.Rush.over(at)
	}
	return at
}

// pace is the time between two calls when they are spread.
func (b Budget) pace() time.Duration { return b.window() / time.Duration(b.Limit) }

// spread returns when the last of the calls would have been over if they had been made one after
// the other, each taking its share of the window (the generic cell rate algorithm).
func (b Budget) spread(calls []time.Time) (end time.Time) {
	for _, at := range calls {
		if at.After(end) {
			end = at
		}
		end = end.Add(b.pace())
	}
	return end
}

// callsLeft returns how many calls the limit allows now, ignoring the spacing; -1: unlimited.
func (b Budget) callsLeft(calls []time.Time, critical bool, now time.Time) int {
	if b.Limit <= 0 {
		return -1
	}
	left, burst := b.limits(critical)
	for _, at := range calls {
		if at.Add(b.window()).After(now) {
			left--
		}
	}
	if b.Burst > 0 {
		end := b.spread(calls)
		if end.Before(now) {
			end = now
		}
		left = min(left, int((time.Duration(burst)*b.pace()-end.Sub(now))/b.pace()))
	}
	return max(left, 0)
}

// dueNow gives the deliveries that are due of the first of each key, in the order in which they are sent:
// the most severe first, then those due for longest. Without any it returns when the first will be; zero:
// nothing is waiting.
func dueNow(nextPerKey []Delivery, now time.Time) (due []Delivery, again time.Time) {
	for _, d := range nextPerKey {
		if d.NextAt.After(now) {
			again = earlier(again, d.NextAt)
			continue
		}
		due = append(due, d)
	}
	slices.SortStableFunc(due, func(a, b Delivery) int {
		return cmp.Or(
			severity(a.Notice.Tier)-severity(b.Notice.Tier), a.dueSince().Compare(b.dueSince()), a.Attempts-b.Attempts,
			a.waitsSince().Compare(b.waitsSince()),
		)
	})
	return due, again
}

// nextBatch selects the deliveries of the next call from those that are due, in their order: the first,
// merged with others when many wait or the budget is short. Critical notices are merged with critical
// ones only. With an empty batch it returns when to try again; zero: nothing is due.
func nextBatch(due []Delivery, calls []time.Time, b Budget, now time.Time) (batch []Delivery, again time.Time) {
	if len(due) == 0 {
		return nil, time.Time{}
	}
	first := due[0]
	critical := severity(first.Notice.Tier) == 0
	if at := b.nextCallAt(calls, critical, now); at.After(now) {
		return nil, at
	}
	at := b.MergeAt
	if at == 0 {
		at = mergeAt
	}
	free := b.callsLeft(calls, critical, now)
	if at < 0 && free < 0 {
		return due[:1], now // nothing is merged
	}
	var together []Delivery
	for _, d := range due {
		if (severity(d.Notice.Tier) == 0) == critical && !d.Alone {
			together = append(together, d)
		}
	}
	if (at > 0 && len(together) >= at) || (free >= 0 && len(together) > free) {
		most := b.MergeMax
		if most <= 0 {
			most = mergeMax
		}
		return together[:min(len(together), most)], now
	}
	return due[:1], now
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
