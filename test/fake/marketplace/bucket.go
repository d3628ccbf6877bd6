package marketplace

import (
	"math"
	"time"
)

// Limit is a rate limit: a token bucket and a number of calls a day. Zero means no limit.
type Limit struct {
	Rate   float64 // calls (or points) by which the bucket refills in a second
	Burst  int     // calls (or points) that it holds
	PerDay int     // calls in a day
}

// throttle says why a call is over the limit; the zero value: it is not.
type throttle struct {
	storm bool          // another application has used the quota up
	daily bool          // the day's quota
	wait  time.Duration // until the bucket holds enough
}

func (t throttle) is() bool { return t.storm || t.daily || t.wait > 0 }

type bucket struct {
	limit Limit
	held  float64
	at    time.Time
	day   time.Time
	today int
}

// bucketOf returns the bucket of an operation. A server knows one app and one shop.
func (s *Server) bucketOf(o operation) *bucket {
	b := s.buckets[o.bucket()]
	if b == nil {
		l := o.limit
		if s.sandbox && s.vendor.inSandbox != nil {
			l = *s.vendor.inSandbox
		}
		for _, name := range []string{"", o.name} {
			if own, ok := s.limits[name]; ok {
				l = own
			}
		}
		b = &bucket{limit: l, held: float64(l.Burst), at: s.now()}
		s.buckets[o.bucket()] = b
	}
	return b
}

// dayOf returns the day in Beijing, by which most vendors count.
func dayOf(now time.Time) time.Time { return now.UTC().Add(8 * time.Hour).Truncate(24 * time.Hour) }

func (b *bucket) refill(now time.Time) {
	if now.After(b.at) {
		b.held = min(b.held+now.Sub(b.at).Seconds()*b.limit.Rate, float64(b.limit.Burst))
		b.at = now
	}
	if day := dayOf(now); !day.Equal(b.day) {
		b.day, b.today = day, 0
	}
}

// take takes the cost of a call out of the bucket. A throttled call costs nothing.
func (b *bucket) take(now time.Time, cost float64) throttle {
	b.refill(now)
	if b.limit.PerDay > 0 && b.today >= b.limit.PerDay {
		return throttle{daily: true}
	}
	if b.limit.Burst > 0 {
		if b.held+1e-9 < cost {
			wait := time.Duration(math.MaxInt32) * time.Second
			if b.limit.Rate > 0 {
				wait = time.Duration((cost - b.held) / b.limit.Rate * float64(time.Second))
			}
			return throttle{wait: wait}
		}
		b.held -= cost
	}
	b.today++
	return throttle{}
}

// full returns when the bucket is full again.
func (b *bucket) full(now time.Time) time.Time {
	if b.limit.Rate <= 0 {
		return now
	}
	return now.Add(time.Duration((float64(b.limit.Burst) - b.held) / b.limit.Rate * float64(time.Second)))
}
