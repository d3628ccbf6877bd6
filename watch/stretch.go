package watch

import (
	"slices"
	"time"

	"guardian/probes/sample"
	"guardian/watch/judge"
)

// Stretch is how a check was when a version was switched: whether it failed more than by chance,
// and since when.
type Stretch struct {
	Seen  bool          // there are looks
	Last  sample.Health // of the last look; Unknown when that is too old
	Onset time.Time     // since when it fails; zero: it does not
	// Healthy: before that it failed no more than usual, over as many looks as a pass needs.
	Healthy  bool
	Failures int // in the stretch
	quiet    int // looks since its last failure
}

// stillFailing is within how many looks the last failure of a stretch must lie for it to go on:
// a version that fails one look in three seldom does not fail in so many.
const stillFailing = 5

// Open reports whether the check was failing: its last look failed, or several of the last ones
// did. One failure with successes after it is over.
func (s Stretch) Open() bool {
	return !s.Onset.IsZero() && (s.Last == sample.Down || s.Failures > 1 && s.quiet < stillFailing)
}

// OpenStretch finds the failing stretch that is open at the end of some looks, oldest first.
// usual is the failure rate that is normal for the check, needed how many looks before the
// stretch must show that. The onset is that of a cumulative sum (see judge.Onset): some
// successes among the failures do not end a stretch.
func OpenStretch(looks []Look, c CheckPolicy, usual float64, needed int, end time.Time) Stretch {
	var s Stretch
	var sum judge.Onset
	known, before, first := 0, 0, 0 // looks, failures among the needed ones before the onset, and its place
	var window []bool               // whether each of the last needed looks failed
	failing := 0                    // of these
	var lastAt time.Time
	for _, l := range looks {
		if l.Health == sample.Unknown {
			continue
		}
		s.Seen, s.Last, lastAt = true, l.Health, l.At
		down := l.Health == sample.Down
		was := sum
		sum.Observe(usual, down)
		switch {
		case sum == 0:
			s.Onset, s.Failures = time.Time{}, 0
		case was == 0:
			s.Onset, first, before = l.At, known, failing
		}
		s.quiet++
		if down {
			s.quiet = 0
			if sum > 0 {
				s.Failures++
			}
		}
		known++
		if down {
			failing++
		}
		if window = append(window, down); len(window) > needed {
			if window[0] {
				failing--
			}
			window = window[1:]
		}
	}
	if s.Seen && end.Sub(lastAt) > BlindAfter(c.Every) {
		s.Last = sample.Unknown
	}
	s.Healthy = first >= needed && float64(before) <= max(1, 2*usual*float64(needed))
	return s
}

// UsualRate is how often a check fails normally, and at least as often as it may: as its looks up
// to a time show it, or, with fewer than needed there, all but the last quarter of them.
func (s Settings) UsualRate(looks []Look, c CheckPolicy, until time.Time) float64 {
	allowed := orDefault(c.FailureRate)
	upTo := slices.IndexFunc(looks, func(l Look) bool { return !l.At.Before(until) })
	if upTo < 0 {
		upTo = len(looks)
	}
	if upTo < 4*s.MinSamples {
		upTo = len(looks) * 3 / 4
	}
	n, failures := 0, 0
	for _, l := range looks[:upTo] {
		switch l.Health {
		case sample.Down:
			failures++
			n++
		case sample.Up:
			n++
		case sample.Unknown:
		}
	}
	if n == 0 {
		return allowed
	}
	return min(max(allowed, s.Ratio*float64(failures)/float64(n)+float64(s.Delta)), 0.5)
}

// longRun is how many failures in a row make a stretch that a verdict could come of.
const longRun = 3

// LongRuns counts the runs of at least longRun failures.
func LongRuns(looks []Look) int {
	runs, length := 0, 0
	for _, l := range looks {
		switch l.Health {
		case sample.Down:
			if length++; length == longRun {
				runs++
			}
		case sample.Up:
			length = 0
		case sample.Unknown:
		}
	}
	return runs
}
