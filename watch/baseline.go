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

// Baseline is how a check was before the deploy, with which the looks after it are compared.
type Baseline struct {
	// Recent are the last hours, Matched the same time of day a day and a week before.
	Recent  judge.History `json:"recent"`
	Matched judge.History `json:"matched,omitzero"`
	// Percentiles are those of the durations in the last hours.
	Percentiles []Percentile `json:"percentiles,omitempty"`
}

// Percentile is an order statistic of the durations before a deploy.
type Percentile struct {
	Seconds float64 `json:"seconds"`
	Looks   int     `json:"looks"`
	Above   int     `json:"above"` // looks that took longer, failures included
	// History counts how looks above it follow each other.
	History judge.History `json:"history"`
}

// enoughBefore is how many looks a baseline needs. With fewer, one past outage would pass for the
// check's normal failure rate and hide the next one; then the allowed failure rate decides.
const enoughBefore = 200

// NewBaseline makes a baseline of the looks of a check with the interval every, oldest first. An
// Unknown look ends a sequence: the next look does not follow the one before it. Looks that
// follow another one much sooner than after every are left out, as in a watch: they depend on
// it.
func NewBaseline(recent, matched []Look, every time.Duration) Baseline {
	kept := spaced(recent, every)
	b := Baseline{Recent: history(kept, isDown), Matched: history(spaced(matched, every), isDown)}
	b.Matched.Last = 0
	b.Percentiles = percentiles(kept)
	return b
}

func isDown(l Look) bool { return l.Health == sample.Down }

// spaced leaves out looks that follow the one before sooner than at the check's interval, unless
// they are its first failure.
func spaced(looks []Look, every time.Duration) []Look {
	kept := make([]Look, 0, len(looks))
	for _, l := range looks {
		if n := len(kept); n > 0 && l.Health != sample.Unknown {
			last := kept[n-1]
			if last.Health != sample.Unknown && l.At.Sub(last.At) < sameLookWithin(every) {
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

// sameLookWithin is how soon after another one a look counts as the same.
func sameLookWithin(every time.Duration) time.Duration {
	return time.Duration(float64(every) * sameLookPart)
}

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

// percentiles gives the median, the 90th and the 99th percentile, as far as they are not failures.
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

// baseline gives the baseline of a check. Where only counts are known, each failure is taken for
// the beginning of a burst.
func (s Snapshot) baseline(check string) Baseline {
	b := s.Baselines[check]
	c := s.Before[check]
	if looks, _ := b.Recent.Counts(); looks < enoughBefore && c.Looks >= enoughBefore && 0 <= c.Failures && c.Failures <= c.Looks {
		b.Recent = judge.History{Calm: c.Looks, Begun: c.Failures, Last: b.Recent.Last}
	}
	return b
}

// enough reports whether a history is long enough to compare with.
func enough(h judge.History) bool {
	looks, _ := h.Counts()
	return h.Valid() && looks >= enoughBefore && h.Calm > 0
}

// representative reports whether a history has enough data to estimate the check's failure rate:
// it is long, or it is short but the check certainly fails more often than allowed, so that a
// deploy is not blamed for failures from before. A single past outage is not enough for that,
// and neither are failures during a switch that was announced after it: they began once or
// twice.
func representative(h judge.History, allowed float64) bool {
	const often, sure = 3, 0.01
	return enough(h) || h.Valid() && h.Begun >= often && judge.RateLower(h.Begun, h.Calm, sure) > allowed
}

// Plan is how the failures of a check with this recent history are judged when it is the only
// check of a watch: for estimates of how soon a fault would be found.
func (p Policy) Plan(c CheckPolicy, recent judge.History, horizon int) judge.Plan {
	plan := judge.Plan{Before: recent, Tolerance: p.tolerance(c), Bursts: true, Alpha: p.Alpha, Horizon: horizon}
	if !representative(recent, plan.Tolerance.Rate) {
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
	if !representative(b.Recent, tol.Rate) {
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

// latency makes the metric of a check's durations; false without enough history. limits is the
// number of checks with this metric in the watch: together their bounds may be wrong with a
// tenth of alpha.
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
		// How often healthy looks exceed an order statistic is uncertain: this is its exact upper
		// bound, for any distribution.
		rate := judge.RateUpper(q.Above, q.Looks, p.Alpha*(1-boundsKeep)/float64(len(b.Percentiles)*max(limits, 1)))
		m.Streams = append(m.Streams, known(rate, q.History, horizon))
		m.Limits = append(m.Limits, Limit{Seconds: limit, Before: Counts{Looks: q.Looks, Failures: q.Above}})
	}
	return m, true
}
