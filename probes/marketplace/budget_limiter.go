package marketplace

import (
	"sync"
	"time"

	"guardian/internal/reason"
)

// How long a bucket rests after it was throttled without being told for how long: a
// doubling wait, and never longer than a ban that platforms are known to put up.
const (
	firstRest   = 10 * time.Second
	longestRest = time.Hour
	longestWait = 24 * time.Hour // of what a platform tells itself
	// longestDoubt is how far the doubling goes where a platform tells a wait that did not help.
	longestDoubt = 10 * time.Minute
)

// Limiter keeps each bucket's looks within its allowance, and rests a bucket that was
// throttled: all of its checks. It reads no clock. Its methods may be called at once.
//
// In any time t the looks that it lets through make at most burst + rate·t calls, of the
// allowance's rate and of the larger of its burst and one look's calls.
type Limiter struct {
	mu      sync.Mutex
	buckets map[Bucket]*gauge // by what is shared
	used    map[Bucket]*gauge // the same, by the buckets of the uses, to be found at once
}

// gauge is a token bucket that fills at rate up to size, as the platforms' own do.
type gauge struct {
	rate, size float64 // rate 0: nothing is known, and it is never empty
	level      float64
	at         time.Time // of level
	rest       time.Time // no look before
	row        int       // throttled answers in a row
}

// NewLimiter makes a Limiter without buckets.
func NewLimiter() *Limiter { return &Limiter{buckets: map[Bucket]*gauge{}} }

// Apply makes the buckets those of these uses. Buckets that stay keep what they have spent
// and how long they rest. A new bucket is full: what it spent before this process began is
// told by Spent.
func (l *Limiter) Apply(b Budgets, uses []Use, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next, used := map[Bucket]*gauge{}, map[Bucket]*gauge{}
	for _, u := range uses {
		if used[u.Bucket] == nil {
			shared := u.Bucket.Shared()
			if next[shared] == nil {
				own := b.Allowance(u.Bucket)
				next[shared] = &gauge{rate: own.Rate, size: own.Burst, at: now}
			}
			used[u.Bucket] = next[shared]
		}
		n := used[u.Bucket]
		n.size = max(n.size, u.Calls)
	}
	for a, n := range next {
		n.level = n.size
		if old := l.buckets[a]; old != nil {
			old.fill(now)
			n.level, n.at, n.rest, n.row = min(old.level, n.size), old.at, old.rest, old.row
		}
	}
	l.buckets, l.used = next, used
}

func (l *Limiter) gauge(a Bucket) *gauge {
	if g := l.used[a]; g != nil {
		return g
	}
	return l.buckets[a.Shared()]
}

// Spent tells of looks that another process made: after the last of them, at that time, the
// budget is taken to be empty, so that a restart never refills it.
func (l *Limiter) Spent(uses []Use, at, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at.After(now) {
		at = now
	}
	for _, u := range uses {
		if b := l.gauge(u.Bucket); b != nil {
			since := max(now.Sub(at).Seconds(), 0)
			b.fill(now)
			b.level = min(b.level, b.rate*since)
		}
	}
}

// Take takes a look's calls from its buckets, all or none. It gives the zero time when it
// did, otherwise when to ask again and why.
func (l *Limiter) Take(uses []Use, now time.Time) (later time.Time, why reason.Reason) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, u := range uses {
		b := l.gauge(u.Bucket)
		if b == nil {
			continue
		}
		b.fill(now)
		at, because := now, reason.Reason{}
		if b.rest.After(at) {
			at, because = b.rest, reason.New("quota_resting", "quota", u.Bucket.Reason(), "until", b.rest)
		}
		if short := u.Calls - b.level; b.rate > 0 && short > tiny {
			full := now.Add(time.Duration(short/b.rate*float64(time.Second)) + 1)
			if full.After(at) {
				at, because = full, reason.New("quota_share_used", "quota", u.Bucket.Reason(), "until", full)
			}
		}
		if !because.IsZero() && at.After(later) {
			later, why = at, because
		}
	}
	if !why.IsZero() {
		return later, why
	}
	for _, u := range uses {
		if b := l.gauge(u.Bucket); b != nil && b.rate > 0 {
			b.level = max(b.level-u.Calls, 0)
		}
	}
	return time.Time{}, reason.Reason{}
}

// Throttled tells that a call of a bucket was throttled, and for how long the platform
// asks to wait; nil: it does not say. It gives until when the bucket rests. A wait that was
// kept and did not help is not believed again: platforms ban those who come back each second.
func (l *Limiter) Throttled(a Bucket, wait *time.Duration, now time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.gauge(a)
	if b == nil {
		return now
	}
	rest := min(firstRest<<min(b.row, 10), longestRest)
	if wait != nil {
		rest = min(max(*wait, 0), longestWait)
		if b.row > 0 {
			rest = max(rest, min(firstRest<<min(b.row-1, 10), longestDoubt))
		}
	}
	b.row++
	if until := now.Add(rest); until.After(b.rest) {
		b.rest = until
	}
	// What was saved up is not spent in one go when the rest is over.
	b.fill(now)
	b.level = min(b.level, 1)
	return b.rest
}

// Answered tells that a call of a bucket was not throttled.
func (l *Limiter) Answered(a Bucket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.gauge(a); b != nil {
		b.row = 0
	}
}

// tiny is less than any call: what sums of floats lose.
const tiny = 1e-6

func (b *gauge) fill(now time.Time) {
	if d := now.Sub(b.at).Seconds(); d > 0 {
		b.level = min(b.level+d*b.rate, b.size)
		b.at = now
	}
}
