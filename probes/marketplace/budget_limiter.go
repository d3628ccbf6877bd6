package marketplace

import (
	"sync"
	"time"

	"guardian/internal/reason"
)

// How long a bucket rests after a throttle that tells no wait: the wait doubles, up to the longest
// ban that is known of a platform.
const (
	firstRest   = 10 * time.Second
	longestRest = time.Hour
	longestWait = 24 * time.Hour // of what a platform tells itself
	// longestDoubt is the limit of the doubling when the wait that a platform tells did not help.
	longestDoubt = 10 * time.Minute
)

// Limiter keeps the looks of each bucket within its allowance, and pauses all checks of a bucket
// that was throttled. It reads no clock and is safe for concurrent use.
//
// In any time t it allows at most burst + rate·t calls, where rate is the allowance's, and burst the
// larger of the allowance's burst and the calls of one look.
type Limiter struct {
	mu      sync.Mutex
	buckets map[Bucket]*tokenBucket // by shared bucket
	used    map[Bucket]*tokenBucket // the same, by the buckets of the uses
}

// tokenBucket is a token bucket that fills at rate up to size, like the platforms' own.
type tokenBucket struct {
	rate, size  float64 // rate 0: the limit is unknown, and the bucket never empty
	level       float64
	at          time.Time // of level
	pausedUntil time.Time // no looks until then
	throttles   int       // throttled answers in a row
}

// NewLimiter makes a Limiter without buckets.
func NewLimiter() *Limiter { return &Limiter{buckets: map[Bucket]*tokenBucket{}} }

// Apply sets the buckets to those of these uses. Buckets that stay keep their level and pause. A new
// bucket is full; Spent corrects that for what was used before this process began.
func (l *Limiter) Apply(b Budgets, uses []Use, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next, used := map[Bucket]*tokenBucket{}, map[Bucket]*tokenBucket{}
	for _, u := range uses {
		if used[u.Bucket] == nil {
			shared := u.Bucket.Shared()
			if next[shared] == nil {
				own := b.Allowance(u.Bucket)
				next[shared] = &tokenBucket{rate: own.Rate, size: own.Burst, at: now}
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
			n.level, n.at, n.pausedUntil, n.throttles = min(old.level, n.size), old.at, old.pausedUntil, old.throttles
		}
	}
	l.buckets, l.used = next, used
}

func (l *Limiter) tokenBucket(a Bucket) *tokenBucket {
	if g := l.used[a]; g != nil {
		return g
	}
	return l.buckets[a.Shared()]
}

// Spent takes account of looks by another process, the last of them at that time: the budget is
// assumed to have been empty then, so that a restart does not refill it.
func (l *Limiter) Spent(uses []Use, at, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at.After(now) {
		at = now
	}
	for _, u := range uses {
		if b := l.tokenBucket(u.Bucket); b != nil {
			since := max(now.Sub(at).Seconds(), 0)
			b.fill(now)
			b.level = min(b.level, b.rate*since)
		}
	}
}

// Take takes a look's calls from its buckets, all or none. It returns the zero time if it did, and
// otherwise when to ask again, and why.
func (l *Limiter) Take(uses []Use, now time.Time) (later time.Time, why reason.Reason) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, u := range uses {
		b := l.tokenBucket(u.Bucket)
		if b == nil {
			continue
		}
		b.fill(now)
		at, because := now, reason.Reason{}
		if b.pausedUntil.After(at) {
			at, because = b.pausedUntil, reason.New("quota_resting", "quota", u.Bucket.Reason(), "until", b.pausedUntil)
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
		if b := l.tokenBucket(u.Bucket); b != nil && b.rate > 0 {
			b.level = max(b.level-u.Calls, 0)
		}
	}
	return time.Time{}, reason.Reason{}
}

// Throttled notes that a call of a bucket was throttled, and the wait that the platform asks for, if
// any. It returns until when the bucket is paused. If a wait did not help, the next one doubles:
// platforms ban clients that come back each second.
func (l *Limiter) Throttled(a Bucket, wait *time.Duration, now time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.tokenBucket(a)
	if b == nil {
		return now
	}
	rest := min(firstRest<<min(b.throttles, 10), longestRest)
	if wait != nil {
		rest = min(max(*wait, 0), longestWait)
		if b.throttles > 0 {
			rest = max(rest, min(firstRest<<min(b.throttles-1, 10), longestDoubt))
		}
	}
	b.throttles++
	if until := now.Add(rest); until.After(b.pausedUntil) {
		b.pausedUntil = until
	}
	// After the pause, the saved-up calls must not be made all at once.
	b.fill(now)
	b.level = min(b.level, 1)
	return b.pausedUntil
}

// Answered notes that a call of a bucket was not throttled.
func (l *Limiter) Answered(a Bucket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.tokenBucket(a); b != nil {
		b.throttles = 0
	}
}

// tiny is the tolerance for rounding errors, in calls.
const tiny = 1e-6

func (b *tokenBucket) fill(now time.Time) {
	if d := now.Sub(b.at).Seconds(); d > 0 {
		b.level = min(b.level+d*b.rate, b.size)
		b.at = now
	}
}
