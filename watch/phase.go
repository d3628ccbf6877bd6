package watch

import (
	"math"
	"time"

	"guardian/watch/judge"
)

// maxFastFailureRate bounds the failure rate of a clearly bad deploy, also for checks that fail
// often anyway.
const maxFastFailureRate = 0.9

// fastFailureRate is the failure rate of a clearly bad deploy for a check: the policy's, but more
// than is tolerated.
func (p Policy) fastFailureRate(h judge.History, tol judge.Tolerance) float64 {
	tolerated := tol.Rate
	if representative(h, tol.Rate) {
		looks, failures := h.Counts()
		tolerated = max(tolerated, tol.Ratio*judge.RateUpper(failures, looks, 0.05)+tol.Delta)
	}
	return min(max(p.FastFailureRate, tolerated+tol.Delta, judge.MinRate), maxFastFailureRate)
}

// passFast ends the fast phase when the looks of every judged check show a failure rate below
// that of a clearly bad deploy, the minimum duration is over, and there is no evidence against
// the deploy. Looks that the previous version answered do not count.
func (w *Watch) passFast(now time.Time, logE float64) {
	p := w.Policy
	if !w.FastPassed.IsZero() || !(p.FastMissRate > 0) || now.Sub(w.From) < p.FastMinDuration || logE >= 0 {
		return
	}
	judged := 0
	for i := range w.Checks {
		c := &w.Checks[i]
		if c.Excused != "" {
			continue
		}
		judged++
		test, err := judge.NewPass(c.FastFailureRate, c.Tempering)
		if err != nil {
			return
		}
		n := c.Judged.Looks
		if n <= 0 || test.LogE(n, c.Judged.Failures) < -math.Log(p.FastMissRate) {
			return
		}
	}
	if judged > 0 {
		w.FastPassed = clean(now)
	}
}

// Trace is the evidence over time, for display. When it gets long, every second point except the
// last is removed.
type Trace struct {
	Points []Point `json:"points,omitempty"`
	Every  int     `json:"every,omitempty"` // one point for so many changes
	Missed int     `json:"missed,omitempty"`
}

// Point is the evidence at one time.
type Point struct {
	After float64 `json:"after"` // seconds since Watch.Started
	LogE  float64 `json:"log_e"` // natural logarithm
}

// maxPoints bounds a trace.
const maxPoints = 200

// trace adds the current evidence to the trace.
func (w *Watch) trace(now time.Time, logE float64) {
	t := &w.Trace
	p := Point{
		After: math.Round(now.Sub(w.Started).Seconds()*1000) / 1000,
		LogE:  math.Round(finite(logE)*1000) / 1000,
	}
	n := len(t.Points)
	if n > 0 && t.Missed < t.Every && p.LogE < w.LogThreshold() {
		// The last point is always the current one.
		t.Points[n-1] = p
		t.Missed++
		return
	}
	t.Missed = 0
	t.Points = append(t.Points, p)
	if len(t.Points) <= maxPoints {
		return
	}
	kept := t.Points[:0]
	for i := range t.Points {
		if i%2 == 0 || i == len(t.Points)-1 {
			kept = append(kept, t.Points[i])
		}
	}
	t.Points = kept
	t.Every = 2*t.Every + 1
}
