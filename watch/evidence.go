package watch

import (
	"math"
	"slices"
	"time"

	"guardian/watch/judge"
)

// BlindAfter is how long nothing may be seen of a check that is looked at every so often
// before it counts as blind: two intervals, and what a look may be late, between 2 and 30
// seconds.
func BlindAfter(every time.Duration) time.Duration {
	return 2*every + min(max(every, 2*time.Second), 30*time.Second)
}

// DefaultFailureRate is what a check that says nothing is allowed to fail.
const DefaultFailureRate = 0.01

// maxAllowed is the rate beyond which a check tells nothing of a deploy.
const maxAllowed = 0.5

// enoughBefore is how many looks show a rate: in fewer, one outage that is long over would pass
// for the check's nature and hide the next.
const enoughBefore = 200

// allowed is the failure rate that a deploy is held against: the configured one or, where the
// looks before the deploy show beyond doubt that the check failed more often anyway, what it may have
// been then. A deploy is not blamed for what was broken before it.
func allowed(configured float64, before Counts, alpha float64) float64 {
	if !(configured > 0) {
		configured = DefaultFailureRate
	}
	rate := max(configured, judge.MinRate)
	k, n := before.Failures, before.Looks
	if n >= enoughBefore && k > 0 && k <= n && judge.RateLower(k, n, 0.05) > rate {
		// Its upper bound is wrong with a tenth of the chance that a false verdict may have.
		rate = judge.RateUpper(k, n, alpha/10)
	}
	return min(rate, maxAllowed)
}

// flaky tells whether the check is held against more than its configured rate.
func (c *CheckState) flaky() bool {
	return c.Allowed > max(c.FailureRate, judge.MinRate) && c.FailureRate > 0
}

// test is the check's test. It is made anew each time, so that a watch is its JSON and nothing
// else; nil for a state that was not made by Open.
func (c *CheckState) test() *judge.Known {
	test, err := judge.NewKnown(c.Allowed, c.Horizon)
	if err != nil {
		return nil
	}
	return test
}

// logE is the check's own log-evidence.
func (c *CheckState) logE() float64 {
	test := c.test()
	if test == nil || !test.Fits(c.Judge) {
		return 0 // no evidence either way
	}
	return test.LogE(c.Judge)
}

// weigh takes a look into the evidence.
func (c *CheckState) weigh(fail bool) {
	test := c.test()
	if test == nil {
		return
	}
	if !test.Fits(c.Judge) {
		c.Judge = judge.KnownState{}
	}
	// Copies of a watch share what is behind a slice: the test must not write into theirs.
	c.Judge.Late = slices.Clone(c.Judge.Late)
	test.Observe(&c.Judge, fail)
}

// logEvidence is ln Σ share·E over the checks: a weighted average of supermartingales is one
// itself, under any dependence between the checks.
func (w *Watch) logEvidence() float64 {
	top := math.Inf(-1)
	logs := make([]float64, 0, len(w.Checks))
	for i := range w.Checks {
		if share := w.Checks[i].Share; share > 0 {
			logs = append(logs, math.Log(share)+w.Checks[i].logE())
			top = max(top, logs[len(logs)-1])
		}
	}
	if len(logs) == 0 {
		return 0
	}
	sum := 0.0
	for _, l := range logs {
		sum += math.Exp(l - top)
	}
	return top + math.Log(sum)
}

// maxEValue caps evidence for readers; JSON knows no infinity.
const maxEValue = 1e300

// EValue is the evidence that the deploy made it worse, capped at 1e300: Σ Share·E over the
// checks. At 1 nothing was learnt; a healthy deploy ever reaches 1/alpha with a chance of at most alpha.
func (w *Watch) EValue() float64 { return capped(w.logEvidence()) }

func capped(logE float64) float64 { return min(math.Exp(logE), maxEValue) }

// crossed tells whether the evidence is enough to fail.
func (w *Watch) crossed() bool {
	if len(w.Checks) == 1 && w.LogThreshold > 0 {
		c := &w.Checks[0]
		test := c.test()
		return test != nil && test.Fits(c.Judge) && test.Crossed(c.Judge, w.Policy.Alpha, w.LogThreshold)
	}
	return w.logEvidence() >= -math.Log(w.Policy.Alpha)
}

// Blind lists the checks that were not seen for BlindAfter at now, in order. A look that
// is Unknown has not seen. Excused checks are in it too: who was not seen at all cannot have
// been found well.
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
	return blind
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

// FaultSince is when the fault began that failed the watch: the first failure of what fails, or
// the moment at which the rule's condition became true. Zero unless the verdict is Failed.
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
		if c := &w.Checks[i]; c.Check == w.Verdict.Cause || slices.Contains(w.Verdict.Failing, c.Check) {
			earlier(c.FirstFailure)
		}
	}
	if w.Alert != nil {
		earlier(w.Alert.ActiveAt)
	}
	return since
}

// Evidence says what each check and rule contributed, in the order of the configuration.
func (w *Watch) Evidence() []Evidence {
	out := make([]Evidence, 0, len(w.Checks)+1)
	for i := range w.Checks {
		c := &w.Checks[i]
		out = append(out, Evidence{
			Check:   c.Check,
			Metric:  "failures",
			Before:  w.Snapshot.Before[c.Check],
			After:   c.After,
			EValue:  capped(c.logE()),
			Weight:  c.Share,
			Samples: c.Judge.N,
			Excused: c.Excused,
			Reason:  c.LastReason,
			Since:   c.FirstFailure,
		})
	}
	if a := w.Alert; a != nil {
		out = append(out, Evidence{Check: a.Rule, Metric: "alert", EValue: 1, Reason: a.Summary, Since: a.ActiveAt})
	}
	return out
}
