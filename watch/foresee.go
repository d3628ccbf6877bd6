package watch

import (
	"time"

	"guardian/internal/reason"
	"guardian/watch/judge"
)

// Looks gives how many looks of a check a watch has, and how many of them in a row must fail
// until a total outage of a quiet check fails the watch, when no other check shows it; 0: more than it has.
// share is the check's part of the evidence.
func (p Policy) Looks(c CheckPolicy, share float64) (has, outage int) {
	if c.Every <= 0 {
		return 0, 0
	}
	has = int((p.For - p.Grace) / c.Every)
	alone := p
	alone.Alpha *= share * (1 - p.LatencyShare)
	s, err := judge.NewStream(alone.Plan(c, judge.History{}, max(has, 1)))
	if err != nil {
		return has, 0
	}
	for n := 1; n <= has; n++ {
		if s.Observe(true) == judge.Failed {
			return has, n
		}
	}
	return has, 0
}

// Pace is the longest interval at which a check has so many looks in a watch, rounded down.
func (p Policy) Pace(looks int) time.Duration {
	d := (p.For - p.Grace) / time.Duration(max(looks, 1))
	for _, unit := range []time.Duration{5 * time.Second, time.Second} {
		if d >= 6*unit {
			return d.Truncate(unit)
		}
	}
	return d
}

// Foresee gives what cannot work in this watch, or not as somebody may think: too few looks, and checks
// that were failing when the deploy was announced.
func (w *Watch) Foresee() []reason.Reason {
	var all []reason.Reason
	for i := range w.Checks {
		c := &w.Checks[i]
		has, outage := w.Policy.Looks(c.CheckPolicy, c.Share)
		switch {
		case has < w.Policy.MinSamples:
			all = append(all, reason.New("foreseen_too_few_looks", "check", c.Check, "looks", has, "needed", w.Policy.MinSamples))
		case outage == 0:
			all = append(all, reason.New("foreseen_no_outage", "check", c.Check, "looks", has))
		}
		if c.Excused != "" {
			all = append(all, reason.New("foreseen_excused", "check", c.Check, "why", c.Excused.Reason()))
		}
	}
	if s := w.Begin.Switch; s.By == ByOnset && s.At.Before(w.Begin.Hook) {
		all = append(all, reason.New("foreseen_onset", "since", s.At))
	}
	return all
}
