package watch

import (
	"math"
	"time"

	"guardian/watch/judge"
)

// maxFastFailureRate caps the rate of the fast phase, where history leaves little to tell.
const maxFastFailureRate = 0.9

// bad is the failure rate of a check that the fast phase must not miss: the policy's, and
// more than is tolerated.
func (p Policy) bad(h judge.History, tol judge.Tolerance) float64 {
	tolerated := tol.Rate
	if tells(h, tol.Rate) {
		looks, failures := h.Counts()
		tolerated = max(tolerated, tol.Ratio*judge.RateUpper(failures, looks, 0.05)+tol.Delta)
	}
	return min(max(p.FastFailureRate, tolerated+tol.Delta, judge.MinRate), maxFastFailureRate)
}

// passFast ends the fast phase when the looks of every judged check show that it fails less
// often than would be bad, the deploy has soaked, and nothing weighs against it. Looks that
// the previous version answered say nothing of this one.
func (w *Watch) passFast(now time.Time) {
	p := w.Policy
	if !w.FastPassed.IsZero() || !(p.FastMissRate > 0) || now.Sub(w.From) < p.FastMinDuration || w.logEvidence() >= 0 {
		return
	}
	judged := 0
	for i := range w.Checks {
		c := &w.Checks[i]
		if c.Excused != "" {
			continue
		}
		judged++
		test, err := judge.NewPass(c.Bad, c.Tempering)
		if err != nil {
			return
		}
		n := c.Judged.Looks - c.Previous
		if n <= 0 || test.LogE(n, min(c.Judged.Failures, n)) < -math.Log(p.FastMissRate) {
			return
		}
	}
	if judged > 0 {
		w.FastPassed = clean(now)
	}
}

// Trace is the evidence over time, for people. It is thinned when it gets long: every second
// point goes, but the last.
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

// mostPoints bounds a trace.
const mostPoints = 200

// trace keeps the evidence as it is now.
func (w *Watch) trace(now time.Time) {
	t := &w.Trace
	p := Point{
		After: math.Round(now.Sub(w.Started).Seconds()*1000) / 1000,
		LogE:  math.Round(finite(w.logEvidence())*1000) / 1000,
	}
	n := len(t.Points)
	if n > 0 && t.Missed < t.Every && p.LogE < w.LogThreshold() {
		// The last point is always that of now.
		t.Points[n-1] = p
		t.Missed++
		return
	}
	t.Missed = 0
	t.Points = append(t.Points, p)
	if len(t.Points) <= mostPoints {
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

// Overlap is a deploy of another service during a watch.
type Overlap struct {
	Service string    `json:"service"`
	Version string    `json:"version"`
	At      time.Time `json:"at"`
}

// mostOverlaps bounds what a watch notes of other deploys.
const mostOverlaps = 20

// Overlap notes a deploy of another service, so that a verdict can name it as a possible cause too.
func (w *Watch) Overlap(d Deploy) {
	if w.State.Final() || d.Service == w.Service && environment(d.Environment) == environment(w.Environment) || len(w.Overlaps) == mostOverlaps {
		return
	}
	w.Overlaps = append(w.Overlaps, Overlap{Service: d.Service, Version: d.Version, At: clean(d.At)})
	w.Seq++
}
