package marketplace

import (
	"math"
	"time"
)

// Limit is what may be called: a token bucket and a number a day. Zeros are no limit.
type Limit struct {
	Rate   float64 // calls (or points) a second that the bucket gets back
	Burst  int     // calls (or points) that it holds
	PerDay int     // calls in a day
}

// throttle is why a call is one too many.
type throttle struct {
	storm bool          // somebody else used the quota up
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

// bucketOf gives the bucket of an operation, of this app and shop: a server has one of each.
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

// dayOf is the day by which most vendors count, Beijing's.
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

// take takes what a call costs, or tells why not: who is throttled is charged nothing.
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

// full is when the bucket is whole again.
func (b *bucket) full(now time.Time) time.Time {
	if b.limit.Rate <= 0 {
		return now
	}
	return now.Add(time.Duration((float64(b.limit.Burst) - b.held) / b.limit.Rate * float64(time.Second)))
}
