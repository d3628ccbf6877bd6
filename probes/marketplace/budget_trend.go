package marketplace

import "time"

// The limits of forecasts.
const (
	trendSpan  = 15 * time.Minute
	trendLeast = time.Minute // a shorter span of looks gives no trend
	trendMost  = 120         // points
	trendReset = 0.2         // a larger fall of the used share means that the quota was reset
)

// Trend forecasts when a quota is exhausted: the slope of its used share over the last 15
// minutes by least squares. The zero value is ready to use. It is not safe for concurrent use.
type Trend struct{ points []usedAt }

type usedAt struct {
	at   time.Time
	used float64
}

// Add adds a used share, 0 to 1. Times that are not after the last one are ignored.
func (t *Trend) Add(at time.Time, used float64) {
	if n := len(t.points); n > 0 {
		last := t.points[n-1]
		if !at.After(last.at) {
			return
		}
		if last.used-used > trendReset {
			t.points = t.points[:0]
		}
	}
	t.points = append(t.points, usedAt{at, used})
	drop := max(len(t.points)-trendMost, 0)
	for drop < len(t.points) && at.Sub(t.points[drop].at) > trendSpan {
		drop++
	}
	t.points = append(t.points[:0], t.points[drop:]...)
}

// Minutes returns how long until the quota is exhausted at the present pace; false if too little is
// known, or if usage does not rise.
func (t *Trend) Minutes() (float64, bool) {
	n := len(t.points)
	if n < 3 || t.points[n-1].at.Sub(t.points[0].at) < trendLeast {
		return 0, false
	}
	var meanX, meanY, xy, xx float64
	for _, p := range t.points {
		meanX += p.at.Sub(t.points[0].at).Minutes() / float64(n)
		meanY += p.used / float64(n)
	}
	for _, p := range t.points {
		x := p.at.Sub(t.points[0].at).Minutes() - meanX
		xy += x * (p.used - meanY)
		xx += x * x
	}
	// A rise that would take more than ten years does not count.
	const least = 1e-7 // per minute
	if xx == 0 || xy/xx < least {
		return 0, false
	}
	return max(1-t.points[n-1].used, 0) / (xy / xx), true
}
