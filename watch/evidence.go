package watch

import (
	"cmp"
	"math"
	"slices"
	"time"

	"guardian/internal/reason"
	"guardian/watch/judge"
)

// BlindAfter is how long a check with this interval may be without a result before it counts as
// blind: two intervals, plus a tolerance for late looks of between 2 and 30 seconds.
func BlindAfter(every time.Duration) time.Duration {
	return 2*every + min(max(every, 2*time.Second), 30*time.Second)
}

// DefaultFailureRate is the allowed failure rate of a check that sets none.
const DefaultFailureRate = 0.01

// orDefault gives an allowed failure rate, or the default where none is set.
func orDefault(rate float64) float64 {
	if rate > 0 {
		return rate
	}
	return DefaultFailureRate
}

// maxAllowed is the highest failure rate that can be allowed.
const maxAllowed = 0.5

// tolerance is how often a check may fail after the deploy: as often as allowed, or somewhat more
// often than before.
func (p Policy) tolerance(c CheckPolicy) judge.Tolerance {
	return judge.Tolerance{Rate: min(max(orDefault(c.FailureRate), judge.MinRate), maxAllowed), Ratio: max(p.Ratio, 1), Delta: min(max(p.Delta, 0), maxAllowed)}
}

const (
	// healthyShare is the share of failures that a healthy check may have which sets no failure rate,
	// while its history is short.
	healthyShare = 0.05
	// quietRate is the allowed failure rate of a check whose long history is without failures.
	quietRate = 0.001
)

// toleranceAfter is the tolerance for a check with this history. Of a check that sets no failure
// rate, little is assumed while its history is short, and a long and quiet history lowers what is
// allowed: to a rate that its own probably does not exceed.
func (p Policy) toleranceAfter(c CheckPolicy, h judge.History) judge.Tolerance {
	t := p.tolerance(c)
	t.Healthy = t.Rate
	if c.FailureRateSet || t.Rate != DefaultFailureRate {
		return t
	}
	t.Healthy = healthyShare
	if enough(h) {
		looks, failures := h.Counts()
		if own := max(quietRate, judge.RateUpper(failures, looks, 0.5)); own < t.Rate {
			t.Rate = own
			if t.Delta == judge.DefaultTolerance().Delta {
				t.Delta = min(t.Delta, quietRate)
			}
		}
	}
	return t
}

// flaky reports whether more than the configured rate is allowed because the check failed so
// often before the deploy.
func (c *CheckState) flaky() bool {
	return c.Allowed > max(c.FailureRate, judge.MinRate) && c.FailureRate > 0
}

// logE is the check's own log-evidence: the average over its metrics.
func (c *CheckState) logE() float64 {
	logs := make([]float64, 0, len(c.Metrics))
	for i := range c.Metrics {
		if m := &c.Metrics[i]; m.Share > 0 {
			logs = append(logs, math.Log(m.Share)+m.logE())
		}
	}
	return logSum(logs)
}

// logEvidence is ln Σ share·E over the checks: a weighted average of supermartingales is one
// itself, under any dependence between the checks.
func (w *Watch) logEvidence() float64 {
	logs := make([]float64, 0, len(w.Checks))
	for i := range w.Checks {
		if c := &w.Checks[i]; c.Share > 0 {
			logs = append(logs, math.Log(c.Share)+c.logE())
		}
	}
	for i := range w.Counters {
		if c := &w.Counters[i]; c.Share > 0 {
			logs = append(logs, math.Log(c.Share)+c.logE())
		}
	}
	return logSum(logs)
}

// maxEValue caps evidence, since JSON has no infinity.
const maxEValue = 1e300

// EValue is the evidence that the deploy made things worse, capped at 1e300: Σ Share·E over the
// checks. It starts at 1; with a healthy deploy it ever reaches 1/alpha with a chance of at most
// alpha.
func (w *Watch) EValue() float64 { return capped(w.logEvidence()) }

func capped(logE float64) float64 { return min(math.Exp(logE), maxEValue) }

// LogThreshold is the natural logarithm of the evidence that fails a deploy.
func (w *Watch) LogThreshold() float64 { return -math.Log(w.Policy.Alpha) }

// Blind lists the checks without a result for BlindAfter, in order; Unknown is no result. It
// includes excused checks, since a deploy cannot pass with a check that has no results, and the
// controls of a path on which none is up.
func (w *Watch) Blind(now time.Time) []string {
	var blind []string
	for i := range w.Checks {
		c := &w.Checks[i]
		since := c.LastKnown
		for _, t := range []time.Time{c.From, w.Started} {
			if since.Before(t) {
				since = t
			}
		}
		if now.Sub(since) > BlindAfter(c.Every) {
			blind = append(blind, c.Check)
		}
	}
	return append(blind, w.controlsDown(now)...)
}

// Failing lists the judged checks whose last known look was Down, in order.
func (w *Watch) Failing() []string {
	var failing []string
	for i := range w.Checks {
		if c := &w.Checks[i]; c.Excused == "" && !c.FailingSince.IsZero() {
			failing = append(failing, c.Check)
		}
	}
	return failing
}

// FaultSince is when the fault began that failed the watch: the first failure of the failing
// checks, or the time at which the rule's condition became true. Zero unless the verdict is
// Failed.
func (w *Watch) FaultSince() time.Time {
	if w.Verdict == nil || w.Verdict.State != Failed {
		return time.Time{}
	}
	var since time.Time
	earlier := func(t time.Time) {
		if !t.IsZero() && (since.IsZero() || t.Before(since)) {
			since = t
		}
	}
	for i := range w.Checks {
		c := &w.Checks[i]
		if c.Check != w.Verdict.Cause && !slices.Contains(w.Verdict.Failing, c.Check) {
			continue
		}
		earlier(c.FirstFailure)
		if c.Check == w.Verdict.Cause && w.Verdict.Metric == Latency {
			earlier(c.FirstSlow)
		}
	}
	if w.Alert != nil {
		earlier(w.Alert.ActiveAt)
	}
	return since
}

// Evidence gives what each check, counter and rule contributed, in the order of the
// configuration.
func (w *Watch) Evidence() []Evidence {
	out := make([]Evidence, 0, len(w.Checks)+1)
	for i := range w.Checks {
		c := &w.Checks[i]
		e := Evidence{
			Check:      c.Check,
			Metric:     Failures,
			Before:     w.Snapshot.Before[c.Check],
			After:      c.After,
			EValue:     1,
			Weight:     c.Share,
			Samples:    c.Judged.Looks,
			Allowed:    c.Allowed,
			NotCounted: c.NotCounted,
			Excused:    c.Excused.Reason(),
			Reason:     c.LastReason,
			Since:      c.FirstFailure,
		}
		e.BeforeRange, e.AfterRange = rangeOf(e.Before), rangeOf(c.Judged)
		var slow []Evidence
		for j := range c.Metrics {
			m := &c.Metrics[j]
			if m.Name == Failures {
				e.EValue, e.Weight = capped(m.logE()), c.Share*m.Share
				if m.Control != nil {
					e.Control = &m.Control.Seen
				}
				continue
			}
			if s, ok := c.slow(m); ok {
				slow = append(slow, s)
			}
		}
		out = append(append(out, e), slow...)
	}
	for i := range w.Counters {
		out = append(out, w.Counters[i].evidence()...)
	}
	if a := w.Alert; a != nil {
		out = append(out, Evidence{Check: a.Rule, Metric: "alert", EValue: 1, Reason: reason.Text(a.Summary), Since: a.ActiveAt})
	}
	return out
}

// OfNumber reports whether it is of a number that is read, and not of looks or what is counted.
func (e Evidence) OfNumber() bool { return e.Metric == CountedTraffic || e.Metric == CountedNumber }

// OfLooks reports whether it counts the looks of a check, each of which is counted once so.
func (e Evidence) OfLooks() bool {
	return e.Metric != Latency && e.Metric != Counted && !e.OfNumber()
}

// counted rounds the values of counters.
func counted(failures, total float64) Counts {
	whole := func(v float64) int { return int(min(max(math.Round(v), 0), 1e15)) }
	return Counts{Looks: whole(total), Failures: whole(failures)}
}

// slow is the evidence of a check's durations; false when they are not judged.
func (c *CheckState) slow(m *Metric) (Evidence, bool) {
	l, ok := m.heaviestLimit()
	if !ok {
		return Evidence{}, false
	}
	looks := c.timedLooks(l)
	e := Evidence{
		Check: c.Check, Metric: Latency, Before: l.Before, After: Counts{Looks: looks, Failures: l.Over},
		EValue: capped(m.logE()), Weight: c.Share * m.Share, Samples: looks, Limit: l.Seconds, Excused: c.Excused.Reason(), Since: c.FirstSlow,
		Notable: l.Notable, Longer: l.Longer,
	}
	if m.Control != nil {
		e.Control = &m.Control.Seen
	}
	e.BeforeRange, e.AfterRange = rangeOf(e.Before), rangeOf(e.After)
	return e, true
}

// timedLooks is how many looks were compared with a limit: all judged ones, where an earlier build did
// not count them.
func (c *CheckState) timedLooks(l Limit) int { return cmp.Or(l.Looks, c.Judged.Looks) }

// Range is the exact 95 % confidence interval of a rate (Clopper and Pearson 1934).
type Range struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// rangeOf gives the interval of the failure rate; nil without looks.
func rangeOf(c Counts) *Range {
	if c.Looks <= 0 || c.Failures < 0 || c.Failures > c.Looks {
		return nil
	}
	r := &Range{To: 1}
	if c.Failures > 0 {
		r.From = judge.RateLower(c.Failures, c.Looks, 0.025)
	}
	if c.Failures < c.Looks {
		r.To = judge.RateUpper(c.Failures, c.Looks, 0.025)
	}
	return r
}
