package watch

import (
	"math"
	"slices"
	"time"

	"guardian/probes/sample"
	"guardian/watch/judge"
)

// Look is one look before the deploy.
type Look struct {
	At     time.Time
	Health sample.Health
	Took   time.Duration
}

// Baseline is what a check was like before the deploy: what the looks after it are held
// against.
type Baseline struct {
	// Recent is the last hours, Matched the same clock time a day and a week before.
	Recent  judge.History `json:"recent"`
	Matched judge.History `json:"matched,omitzero"`
	// Percentiles are those of the durations in the last hours.
	Percentiles []Percentile `json:"percentiles,omitempty"`
}

// Percentile is an order statistic of the durations before a deploy.
type Percentile struct {
	Seconds float64 `json:"seconds"`
	Looks   int     `json:"looks"`
	Above   int     `json:"above"` // looks that took longer; failures count among them
	// History is how the looks above it hang together.
	History judge.History `json:"history"`
}

// enoughBefore is how many looks show what a check is like: with fewer, one outage that is long over
// would pass for the check's nature and hide the next. Then the rate that the check is
// allowed decides.
const enoughBefore = 200

// NewBaseline makes a baseline of the looks of a check that is looked at every so often, each row
// oldest first. A look that is Unknown also ends a stretch: what follows it does not follow
// what was before it. Looks that follow another one by much less than every tell of the
// same moment as it does, and are left out, as in a watch.
func NewBaseline(recent, matched []Look, every time.Duration) Baseline {
	kept := spaced(recent, every)
	b := Baseline{Recent: history(kept, isDown), Matched: history(spaced(matched, every), isDown)}
	b.Matched.Last = 0
	b.Percentiles = percentiles(kept)
	return b
}

func isDown(l Look) bool { return l.Health == sample.Down }

// spaced leaves out looks that are closer to the one before than looks of this check are.
func spaced(looks []Look, every time.Duration) []Look {
	kept := make([]Look, 0, len(looks))
	for _, l := range looks {
		if n := len(kept); n > 0 && l.Health != sample.Unknown {
			last := kept[n-1]
			if last.Health != sample.Unknown && l.At.Sub(last.At) < near(every) {
				if isDown(l) && !isDown(last) {
					kept = append(kept, l)
				}
				continue
			}
		}
		kept = append(kept, l)
	}
	return kept
}

// near is how close looks are that depend on each other.
func near(every time.Duration) time.Duration { return time.Duration(float64(every) * sameLook) }

func history(looks []Look, yes func(Look) bool) judge.History {
	var h judge.History
	for _, l := range looks {
		if l.Health == sample.Unknown {
			h.Last = 0
			continue
		}
		h.Observe(yes(l))
	}
	return h
}

// percentiles gives the median, the 90th and the 99th percentile, unless failures are above.
func percentiles(looks []Look) []Percentile {
	seconds := make([]float64, 0, len(looks))
	for _, l := range looks {
		switch l.Health {
		case sample.Up:
			seconds = append(seconds, l.Took.Seconds())
		case sample.Down:
			seconds = append(seconds, math.Inf(1))
		case sample.Unknown:
		}
	}
	n := len(seconds)
	if n < enoughBefore {
		return nil
	}
	slices.Sort(seconds)
	var ps []Percentile
	for _, percent := range []int{50, 90, 99} {
		x := seconds[(percent*n+99)/100-1]
		if math.IsInf(x, 1) {
			break
		}
		p := Percentile{Seconds: x, Looks: n}
		for i := n - 1; i >= 0 && seconds[i] > x; i-- {
			p.Above++
		}
		p.History = history(looks, func(l Look) bool { return isDown(l) || l.Took.Seconds() > x })
		ps = append(ps, p)
	}
	return ps
}

// baseline is what the snapshot knows of a check. Where only counts are known, nothing is known of
// bursts, and each failure is taken for one of its own.
func (s Snapshot) baseline(check string) Baseline {
	b := s.Baselines[check]
	c := s.Before[check]
	if looks, _ := b.Recent.Counts(); looks < enoughBefore && c.Looks >= enoughBefore && 0 <= c.Failures && c.Failures <= c.Looks {
		b.Recent = judge.History{Calm: c.Looks, Begun: c.Failures, Last: b.Recent.Last}
	}
	return b
}

// enough tells whether a history can be held against.
func enough(h judge.History) bool {
	looks, _ := h.Counts()
	return h.Valid() && looks >= enoughBefore && h.Calm > 0
}

// tells tells whether a history says what a check is like that is allowed to fail at a rate: it
// is long, or it is short, and the check surely fails more often. Then a deploy is not blamed for
// what was so before. One outage that is over is not that, nor are the moments of a switch that
// was announced after it: they began once or twice.
func tells(h judge.History, allowed float64) bool {
	const often, sure = 3, 0.01
	return enough(h) || h.Valid() && h.Begun >= often && judge.RateLower(h.Begun, h.Calm, sure) > allowed
}

// Plan is how the failures of a check are judged that is watched alone and was like this lately:
// for who asks how soon a fault would be found.
func (p Policy) Plan(c CheckPolicy, lately judge.History, horizon int) judge.Plan {
	plan := judge.Plan{Before: lately, Tolerance: p.tolerance(c), Bursts: true, Alpha: p.Alpha, Horizon: horizon}
	if !tells(lately, plan.Tolerance.Rate) {
		plan.NullRate = plan.Tolerance.Rate
	}
	return plan
}

// failures makes the metric of a check's failures.
func (w *Watch) failures(c CheckPolicy, b Baseline, r RecheckStats, horizon int) (m Metric) {
	m = Metric{Name: Failures, Share: 1}
	tol := w.Policy.tolerance(c)
	defer func() {
		for i := range m.Streams {
			m.Streams[i].Rechecks = r
		}
	}()
	if !tells(b.Recent, tol.Rate) {
		h := b.Recent
		if !h.Valid() {
			h = judge.History{}
		}
		m.Streams = []Stream{known(tol.Rate, h, horizon)}
		return m
	}
	m.Streams = []Stream{before(b.Recent, tol, horizon)}
	if enough(b.Matched) {
		m.Streams = append(m.Streams, before(b.Matched, tol, horizon))
	}
	return m
}

// latency makes the metric of a check's durations. limits is how many checks have one in this
// watch: together they may be wrong with a tenth of alpha.
func (w *Watch) latency(b Baseline, horizon, limits int) (Metric, bool) {
	p := w.Policy
	if p.LatencyShare <= 0 || len(b.Percentiles) == 0 {
		return Metric{}, false
	}
	m := Metric{Name: Latency, Share: p.LatencyShare}
	for _, q := range b.Percentiles {
		if q.Looks < enoughBefore || q.Above < 0 || q.Above >= q.Looks || !q.History.Valid() {
			return Metric{}, false
		}
		limit := max(q.Seconds*p.LatencyRatio, q.Seconds+p.LatencyDelta.Seconds())
		// How often healthy looks are above an order statistic is itself uncertain: this is its
		// exact upper bound, distribution-free.
		rate := judge.RateUpper(q.Above, q.Looks, p.Alpha*(1-boundsKeep)/float64(len(b.Percentiles)*max(limits, 1)))
		m.Streams = append(m.Streams, known(rate, q.History, horizon))
		m.Limits = append(m.Limits, Limit{Seconds: limit, Before: Counts{Looks: q.Looks, Failures: q.Above}})
	}
	return m, true
}
