package watch

import (
	"math"
	"slices"
	"time"

	"guardian/internal/reason"
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
	// Percentiles are those of the durations in the last hours, MatchedPercentiles those of the same
	// time.
	Percentiles        []Percentile `json:"percentiles,omitempty"`
	MatchedPercentiles []Percentile `json:"matched_percentiles,omitempty"`
	// Runs are the runs of failures in the last hours.
	Runs []Run `json:"runs,omitempty"`
}

// Percentile is an order statistic of the durations before a deploy.
type Percentile struct {
	Seconds float64 `json:"seconds"`
	Looks   int     `json:"looks"`
	Above   int     `json:"above"` // looks that took longer
	// History counts how looks above it follow each other, and Long how the long runs of them go on.
	History judge.History `json:"history"`
	Long    judge.Runs    `json:"long,omitzero"`
}

// enoughBefore is how many looks a baseline needs to tell what is normal.
const enoughBefore = judge.ShortHistory

// NewBaseline makes a baseline of the looks of a check with the interval every, oldest first. An
// Unknown look ends a sequence: the next look does not follow the one before it. Looks that
// follow another one much sooner than after every are left out, as in a watch: they depend on
// it.
func NewBaseline(recent, matched []Look, every time.Duration) Baseline {
	recent, matched = spaced(recent, every), spaced(matched, every)
	b := Baseline{
		Recent: history(recent, isDown), Matched: history(matched, isDown), Runs: runs(recent),
		Percentiles: percentiles(recent), MatchedPercentiles: percentiles(matched),
	}
	b.Matched.Last, b.Matched.Run = 0, 0
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
			h.Last, h.Run = 0, 0
			continue
		}
		h.Observe(yes(l))
	}
	return h
}

// percentiles gives the median, the 90th and the 99th percentile of the durations. A look that failed
// has none.
func percentiles(looks []Look) []Percentile {
	timed := slices.DeleteFunc(slices.Clone(looks), isDown)
	seconds := make([]float64, 0, len(timed))
	for _, l := range timed {
		if l.Health == sample.Up {
			seconds = append(seconds, l.Took.Seconds())
		}
	}
	n := len(seconds)
	if n < enoughBefore {
		return nil
	}
	slices.Sort(seconds)
	ps := make([]Percentile, 0, 3)
	for _, percent := range []int{50, 90, 99} {
		x := seconds[(percent*n+99)/100-1]
		p := Percentile{Seconds: x, Looks: n}
		for i := n - 1; i >= 0 && seconds[i] > x; i-- {
			p.Above++
		}
		for _, l := range timed {
			if l.Health == sample.Unknown {
				p.History.Last = 0
				continue
			}
			p.Long.ObserveLong(p.History, l.Took.Seconds() > x)
			p.History.Observe(l.Took.Seconds() > x)
		}
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
	if recent, matched := b.Recent, b.Matched; recent.FewRuns() || matched.FewRuns() {
		others := s.runsOfOthers(check)
		b.Recent.Others, b.Matched.Others = others.Add(matched.Runs()), others.Add(recent.Runs())
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
	return judge.Plan{Before: recent, Tolerance: p.toleranceAfter(c, recent), Bursts: true, Alpha: p.Alpha, Horizon: horizon}
}

// failures makes the metric of a check's failures.
func (w *Watch) failures(c CheckPolicy, b Baseline, r RecheckStats, horizon int) (m Metric) {
	m = Metric{Name: Failures, Share: 1}
	recent := b.Recent
	if !recent.Valid() {
		recent = judge.History{}
	}
	m.Streams = []Stream{before(recent, w.Policy.toleranceAfter(c, recent), horizon)}
	if enough(recent) && enough(b.Matched) {
		m.Streams = append(m.Streams, before(b.Matched, w.Policy.toleranceAfter(c, b.Matched), horizon))
	}
	for i := range m.Streams {
		m.Streams[i].Rechecks = r
	}
	return m
}

// latency makes the metric of a check's durations; false without enough history. limits is the
// number of checks with this metric in the watch: together their bounds may be wrong with a
// tenth of alpha.
func (w *Watch) latency(b Baseline, horizon, limits int) (Metric, bool) {
	if w.Policy.LatencyShare <= 0 || !enoughTimed(b.Percentiles) {
		return Metric{}, false
	}
	m := Metric{Name: Latency, Share: w.Policy.LatencyShare}
	w.limit(&m, b.Percentiles, horizon, limits)
	if enoughTimed(b.MatchedPercentiles) {
		w.limit(&m, b.MatchedPercentiles, horizon, limits)
		for i := len(b.Percentiles); i < len(m.Limits); i++ {
			m.Limits[i].SameTime = true
		}
	}
	return m, true
}

// enoughTimed reports whether there are percentiles to compare durations with.
func enoughTimed(ps []Percentile) bool {
	return len(ps) > 0 && !slices.ContainsFunc(ps, func(p Percentile) bool {
		return p.Looks < enoughBefore || p.Above < 0 || p.Above >= p.Looks || !p.History.Valid()
	})
}

// limit appends the streams that compare durations with percentiles.
func (w *Watch) limit(m *Metric, ps []Percentile, horizon, limits int) {
	persistence := 0.0
	for i, q := range ps {
		// How often healthy looks exceed an order statistic is uncertain: this is its exact upper
		// bound, for any distribution. Looks that depend on each other tell less of it.
		alike := q.History.Clustering()
		n, k := int(float64(q.Looks)/alike), int(math.Ceil(float64(q.Above)/alike))
		rate := judge.RateUpper(k, n, w.Policy.Alpha*(1-boundsKeep)/float64(len(ps)*max(limits, 1)))
		// Looks over a high percentile are few: they persist no less than those over a lower one.
		persistence = max(persistence, q.History.PersistenceWith(q.Long))
		s := known(rate, persistence, horizon)
		s.State = q.History.Begin()
		m.Streams = append(m.Streams, s)
		l := Limit{Seconds: w.Policy.slow(ps, i), Before: Counts{Looks: q.Looks, Failures: q.Above}}
		if notable := q.Seconds * w.Policy.LatencyRatio; notable < l.Seconds {
			l.Notable = notable
		}
		m.Limits = append(m.Limits, l)
	}
}

// minSlower is how much longer than usual a look must take at least to be slow, unless
// Policy.LatencyDelta sets it.
const minSlower = 20 * time.Millisecond

// slow is the duration beyond which a look is slow in comparison with a percentile: longer by the
// ratio, and by the delta. Without a delta that is minSlower, or how much durations spread anyway: from
// the median to the 90th percentile.
func (p Policy) slow(ps []Percentile, i int) float64 {
	delta := p.LatencyDelta.Seconds()
	if delta == 0 {
		delta = minSlower.Seconds()
		if len(ps) > 1 {
			delta = max(delta, ps[1].Seconds-ps[0].Seconds)
		}
	}
	return max(ps[i].Seconds*p.LatencyRatio, ps[i].Seconds+delta)
}

// somewhatSlower names the checks that are slower than before, though not by enough to count: most
// looks took longer than the usual one by the ratio.
func (w *Watch) somewhatSlower() reason.Reason {
	var all []reason.Reason
	for i := range w.Checks {
		c := &w.Checks[i]
		for j := range c.Metrics {
			if limits := c.Metrics[j].Limits; len(limits) > 0 && limits[0].Looks >= w.Policy.MinSamples && 2*limits[0].Longer > limits[0].Looks {
				l := limits[0]
				notable := time.Duration(l.Notable * float64(time.Second)).Round(time.Microsecond)
				all = append(all, reason.New("somewhat_slower", "check", c.Check, "longer", l.Longer, "looks", l.Looks, "notable", notable))
			}
		}
	}
	return reason.Join(all...)
}
