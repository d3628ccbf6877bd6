package world

import (
	"math"
	"math/rand/v2"
	"time"
)

// Noise is what the looks at a healthy target are like. It is a value: a copy goes on by itself.
type Noise struct {
	Rate  float64 // share of looks that fail
	Burst float64 // mean length of a run of failures, in looks; 0 or 1: they come singly
	// Took is the median duration, Spread the log-standard deviation of durations; 0: 100 ms and 0.2.
	Took   time.Duration
	Spread float64
	// Peak is the daily peak, of the failures' odds and of durations; nil: there is none.
	Peak *Peak

	started, failing bool
}

// Peak is a daily peak: a factor that rises within Ramp to its highest at the time of day From, and
// falls again after Until.
type Peak struct {
	From, Until, Ramp time.Duration // From and Until are times of day
	Failures, Slow    float64       // factors at the peak; 0 is 1
	Orders            float64
}

// at gives how much of the peak there is at a time: 0 to 1.
func (p *Peak) at(t time.Time) float64 {
	if p == nil {
		return 0
	}
	day := t.Sub(t.Truncate(24 * time.Hour))
	ramp := float64(max(p.Ramp, time.Second))
	return max(0, min(1, float64(day-p.From)/ramp+1, float64(p.Until-day)/ramp+1))
}

// factor gives a factor at a time, which is most at the peak.
func (p *Peak) factor(t time.Time, most float64) float64 {
	if p == nil || most == 0 {
		return 1
	}
	return math.Pow(most, p.at(t))
}

// look draws one look.
func (n *Noise) look(r *rand.Rand, at time.Time) (down bool, took time.Duration) {
	rate := n.Rate
	if n.Peak != nil {
		rate = min(rate*n.Peak.factor(at, n.Peak.Failures), 0.99)
	}
	p := rate
	if n.Burst > 1 && n.started {
		stay := 1 - 1/n.Burst
		p = rate * (1 - stay) / (1 - rate)
		if n.failing {
			p = stay
		}
	}
	n.started = true
	n.failing = p > 0 && r.Float64() < p
	return n.failing, n.duration(r, at)
}

func (n *Noise) duration(r *rand.Rand, at time.Time) time.Duration {
	median, spread := n.Took, n.Spread
	if median == 0 {
		median = 100 * time.Millisecond
	}
	if spread == 0 {
		spread = 0.2
	}
	seconds := median.Seconds() * math.Exp(spread*r.NormFloat64())
	if n.Peak != nil {
		seconds *= n.Peak.factor(at, n.Peak.Slow)
	}
	return time.Duration(seconds * float64(time.Second))
}

// poisson draws a count.
func poisson(r *rand.Rand, mean float64) float64 {
	switch {
	case mean <= 0:
		return 0
	case mean > 60:
		return max(0, math.Round(mean+math.Sqrt(mean)*r.NormFloat64()))
	}
	limit, product := math.Exp(-mean), r.Float64()
	n := 0.0
	for ; product > limit; n++ {
		product *= r.Float64()
	}
	return n
}
