package watch

import (
	"math"
	"slices"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// NotCovered lists what the bound on false verdicts does not cover.
func NotCovered() reason.Reason { return reason.New("bound_not_covered") }

// failed is the verdict when the evidence has reached the threshold.
func (w *Watch) failed(at time.Time) Verdict {
	if c := w.heaviestCounter(); c != nil {
		metric, _ := c.metric()
		v := Verdict{State: Failed, At: clean(at), Cause: c.Name, Metric: metric, Failing: w.Failing()}
		v.Reason = reason.Join(w.NotJudged(), c.reason(w.From), w.estimated(), w.otherCauses(v))
		return v
	}
	cause, metric := w.heaviest()
	v := Verdict{State: Failed, At: clean(at), Cause: cause.Check, Metric: metric.Name, Failing: w.Failing()}
	var lastError, alsoFailing reason.Reason
	if metric.Name == Failures && !cause.LastReason.IsZero() {
		lastError = reason.New("last_error", "error", cause.LastReason)
	}
	if others := without(v.Failing, cause.Check); len(others) > 0 {
		alsoFailing = reason.New("also_failing", "checks", others)
	}
	v.Reason = reason.Join(w.NotJudged(), w.reasonOf(cause, metric), lastError, alsoFailing, w.estimated(), w.otherCauses(v))
	if metric.Name == Latency && !slices.Contains(v.Failing, cause.Check) {
		v.Failing = append([]string{cause.Check}, v.Failing...)
	}
	return v
}

// failedByRule is the verdict because of w.Alert.
func (w *Watch) failedByRule(at time.Time) Verdict {
	why := reason.New("rule_fires", "rule", w.Alert.Rule, "since", w.Alert.ActiveAt, "value", w.Alert.Value)
	if w.Alert.Summary != "" {
		why = reason.Join(why, reason.New("rule_summary", "summary", w.Alert.Summary))
	}
	v := Verdict{State: Failed, At: clean(at), Cause: w.Alert.Rule, ByRule: true, Failing: w.Failing()}
	v.Reason = reason.Join(w.NotJudged(), why, w.estimated(), w.otherCauses(v))
	return v
}

// otherCauses names what else may have had a part: failures that were not counted, and deploys
// beside this one.
func (w *Watch) otherCauses(v Verdict) reason.Reason {
	return reason.Join(w.notCounted(), deployedMeanwhile(w.causesOf(v)))
}

// notCounted gives, for each control that was not up, how many failures it excused.
func (w *Watch) notCounted() reason.Reason {
	var all []reason.Reason
	for i := range w.Targets {
		t := &w.Targets[i]
		failures := 0
		for j := range w.Checks {
			if c := &w.Checks[j]; t.covers(c.CheckPolicy) {
				failures += c.NotCounted
			}
		}
		if failures > 0 && (t.Outages > 0 || t.Health != sample.Up) {
			all = append(all, reason.New("failures_not_counted", "failures", failures, "control", t.Check))
		}
	}
	return reason.Join(all...)
}

// answers are the looks that a watch has had by its end.
type answers struct {
	judged   int    // looks and readings that tell of the deployed version
	current  int    // looks that the deployed version visibly answered
	previous int    // looks that the previous version visibly answered
	other    string // another version that answered in place of the deployed one
}

func (w *Watch) answers() answers {
	var a answers
	for i := range w.Checks {
		c := &w.Checks[i]
		a.judged += c.Judged.Looks
		if c.Current == 0 && c.Strange > 0 {
			a.other = c.StrangeVersion
		}
		a.current += c.Current
		a.previous += c.Previous
	}
	for i := range w.Counters {
		a.judged += w.Counters[i].Readings
	}
	return a
}

// atDeadline is how a watch ends that nothing failed: passed, or inconclusive for the first of
// several reasons.
func (w *Watch) atDeadline(at time.Time) Verdict {
	v := Verdict{State: Inconclusive, At: clean(at), Failing: w.Failing()}
	got := w.answers()
	heaviest, metric := w.heaviest()
	counter := w.heaviestCounter()
	switch blind := w.Blind(at); {
	case len(w.Checks) == 0 && len(w.Counters) == 0 && len(w.Others) > 0:
		v.Reason = reason.New("no_checks_of_shops", "shops", w.Shops)
	case len(w.Checks) == 0 && len(w.Counters) == 0:
		v.Reason = reason.New("no_checks")
	case len(blind) > 0:
		v.Reason = reason.Join(w.cannotSee(blind), reason.New("blind_at_the_end"), w.seen())
	case got.previous > 0 && got.current == 0:
		v.Reason = reason.New("only_previous_answered", "previous", w.PreviousVersion, "looks", got.previous, "version", w.Version)
	case got.other != "" && got.current == 0 && w.PreviousVersion == "" && w.Kind != Config && w.Kind != Operation:
		// Checks see the version of the code, not that of a change of prices.
		v.Reason = reason.New("only_other_answered", "other", got.other, "version", w.Version)
	case w.logEvidence() > 0 && counter != nil:
		v.Cause = counter.Name
		v.Reason = reason.Join(counter.reason(w.From), reason.New("undecided"))
	case w.logEvidence() > 0 && heaviest != nil:
		v.Cause = heaviest.Check
		v.Reason = reason.Join(w.reasonOf(heaviest, metric), reason.New("undecided"), w.missingLooks(heaviest))
	default:
		if v.Reason = w.noPass(got); v.Reason.IsZero() {
			v.State = Passed
			v.Reason = reason.Join(w.unsure(), w.seen(), w.somewhatSlower(), w.countersNotJudged(), w.notCounted()) // nothing is wrong, so nothing needs another cause
			return v
		}
	}
	excused, _ := w.tooFew()
	v.Reason = reason.Join(w.excuses(excused), w.countersNotJudged(), v.Reason, w.usualRuns(), w.otherCauses(v))
	return v
}

// unsure says that a deploy may not have happened, so that what was seen may be the version before.
func (w *Watch) unsure() reason.Reason {
	if !w.Unsure {
		return reason.Reason{}
	}
	return reason.New("passed_unsure")
}

// noPass says why a watch without evidence against the deploy does not pass it; zero when it
// does.
func (w *Watch) noPass(got answers) reason.Reason {
	excused, seldom := w.tooFew()
	var over []reason.Reason
	for _, o := range w.overLimits() {
		if slices.Contains(excused, o.check) {
			continue // its excuse says it
		}
		over = append(over, o.reason(w.Snapshot.Before[o.check.Check]))
	}
	var few reason.Reason
	switch {
	case len(seldom) > 0:
		all := make([]reason.Reason, len(seldom))
		for i, c := range seldom {
			all[i] = reason.New("check_with_looks", "check", c.Check, "judged", c.Judged.Looks)
		}
		few = reason.New("too_few_looks_of", "needed", w.Policy.MinSamples, "checks", all)
	case len(excused) > 0:
		few = reason.New("pass_needs", "needed", w.Policy.MinSamples)
	case len(w.Checks) == 0 && got.judged == 0:
		few = reason.New("nothing_counted")
	}
	over = append(over, w.countersWithhold()...)
	if len(excused) == 0 && len(over) == 0 && few.IsZero() {
		return reason.Reason{}
	}
	return reason.Join(append(over, few, w.seen())...)
}

// missingLooks gives how many more looks of a check without a failure would have passed the
// deploy; nothing when it is more than a thousand.
func (w *Watch) missingLooks(c *CheckState) reason.Reason {
	metrics := c.Metrics
	defer func() { c.Metrics = metrics }()
	c.Metrics = slices.Clone(metrics)
	for i := range c.Metrics {
		c.Metrics[i] = metrics[i].clone()
	}
	for n := 1; n <= 1000; n++ {
		for i := range c.Metrics {
			c.Metrics[i].observe(look{})
		}
		if w.logEvidence() < 0 {
			return reason.New("looks_to_pass", "looks", n)
		}
	}
	return reason.Reason{}
}

// heaviest is the check with the most evidence and the metric of it that has the most; nil
// without checks.
func (w *Watch) heaviest() (*CheckState, *Metric) {
	var cause *CheckState
	var metric *Metric
	most := math.Inf(-1)
	for i := range w.Checks {
		c := &w.Checks[i]
		for j := range c.Metrics {
			m := &c.Metrics[j]
			if e := math.Log(c.Share) + math.Log(m.Share) + m.logE(); e > most || cause == nil {
				cause, metric, most = c, m, e
			}
		}
	}
	return cause, metric
}

// reasonOf is what a check saw, of one metric: push failed 5 of 9 looks since 10:02:11;
// allowed is 1%; before the deploy it failed 2 of 960.
func (w *Watch) reasonOf(c *CheckState, m *Metric) reason.Reason {
	if l, ok := m.heaviestLimit(); ok {
		return reason.New("looks_slow", "check", c.Check, "limit", l.duration(), "slow", l.Over, "looks", c.timedLooks(l),
			"since", c.From, "began", c.began(c.FirstSlow, l.Over == c.timedLooks(l)), "slow_before", l.Before.Failures, "looks_before", l.Before.Looks)
	}
	before := reason.New("nothing_before")
	switch b := w.Snapshot.Before[c.Check]; {
	case b.Looks == 0:
	case c.flaky():
		before = reason.New("flaky_before", "configured", c.FailureRate, "failures", b.Failures, "looks", b.Looks)
	default:
		before = reason.New("failed_before", "failures", b.Failures, "looks", b.Looks)
	}
	var elsewhere reason.Reason
	if k := m.Control; k != nil && k.Seen.Looks > 0 {
		elsewhere = reason.New("failed_elsewhere", "failures", k.Seen.Failures, "looks", k.Seen.Looks)
	}
	return reason.New("looks_failed", "check", c.Check, "failures", c.Judged.Failures, "looks", c.Judged.Looks,
		"since", c.From, "began", c.began(c.FirstFailure, c.Judged.Failures == c.Judged.Looks), "allowed", c.Allowed, "before", before, "elsewhere", elsewhere)
}

// began gives the time at which the check began to fail, or be slow, where that was noticeably
// later than its first look; nil otherwise, and when all looks were bad.
func (c *CheckState) began(first time.Time, all bool) any {
	if all || first.IsZero() || first.Sub(c.From) <= BlindAfter(c.Every) {
		return nil
	}
	return first
}

// duration is the limit as a span of time.
func (l Limit) duration() time.Duration {
	return time.Duration(l.Seconds * float64(time.Second)).Round(time.Millisecond)
}

// seen is how much was seen: 118 looks of 3 checks since 10:02:11, 1 failed. Of a deploy that had
// not ended when its watch did, nothing was.
func (w *Watch) seen() reason.Reason {
	if w.awaitsEnd() {
		return reason.New("deploy_never_ended", "since", w.Switched)
	}
	looks, failures, unknown, judged := 0, 0, 0, 0
	for i := range w.Checks {
		c := &w.Checks[i]
		looks += c.Judged.Looks
		failures += c.Judged.Failures
		unknown += c.After.Unknown
		if c.Judged.Looks > 0 {
			judged++
		}
	}
	return reason.New("looks_seen", "looks", looks, "checks", judged, "since", w.From, "failures", failures, "unknown", unknown)
}

// excuses names the checks of these that were not judged, and why.
func (w *Watch) excuses(of []*CheckState) reason.Reason {
	var checks []reason.Reason
	for _, c := range of {
		if c.Excused != "" {
			checks = append(checks, reason.New("check_with_excuse", "check", c.Check, "why", c.Excused.Reason()))
		}
	}
	if len(checks) == 0 {
		return reason.Reason{}
	}
	return reason.New("not_judged", "checks", checks)
}

// NotJudged names the checks and counters that are not judged, and why.
func (w *Watch) NotJudged() reason.Reason {
	all := make([]*CheckState, len(w.Checks))
	for i := range w.Checks {
		all[i] = &w.Checks[i]
	}
	return reason.Join(w.excuses(all), w.countersNotJudged())
}

// Standing is how the watch stands now; once it is over, why it ended so.
func (w *Watch) Standing(now time.Time) reason.Reason {
	if w.State.Final() {
		return w.Reason
	}
	var blindness, fast reason.Reason
	if blind := w.Blind(now); len(blind) > 0 {
		blindness = w.cannotSee(blind)
		if !now.Before(w.Deadline) {
			return reason.Join(blindness, reason.New("waits_to_see", "until", w.latest()))
		}
	}
	if !w.FastPassed.IsZero() {
		fast = reason.New("fast_phase_passed", "at", w.FastPassed)
	}
	if goesOn := w.underWay(); !goesOn.IsZero() {
		if !w.awaitsEnd() {
			goesOn = reason.Join(goesOn, w.seen())
		}
		return reason.Join(w.NotJudged(), goesOn, blindness)
	}
	return reason.Join(w.NotJudged(), reason.New("watching", "until", w.Deadline), w.estimated(), w.seen(), fast, blindness)
}

// estimated says that the deploy is taken to have happened when checks began to fail; zero when
// it is known better.
func (w *Watch) estimated() reason.Reason {
	switch {
	case w.Begin.Switch.By != ByOnset:
		return reason.Reason{}
	case !w.Begin.Start.IsZero(): // its end did not come: the hook is when that was noticed
		return reason.New("switch_estimated_unended", "since", w.Begin.Before, "noticed", w.Begin.Hook)
	}
	return reason.New("switch_estimated", "since", w.Switched, "hook", w.Begin.Hook)
}

// cannotSee gives since when checks and controls could not be seen, and why:
// push was not seen since 10:20:00 (token expired).
func (w *Watch) cannotSee(blind []string) reason.Reason {
	all := make([]reason.Reason, 0, len(blind))
	for i := range w.Checks {
		c := &w.Checks[i]
		switch {
		case !slices.Contains(blind, c.Check):
		case c.LastKnown.IsZero():
			all = append(all, reason.New("check_never_seen", "check", c.Check, "why", c.BlindReason))
		default:
			all = append(all, reason.New("check_not_seen", "check", c.Check, "since", c.LastKnown, "why", c.BlindReason))
		}
	}
	for i := range w.Targets {
		if t := &w.Targets[i]; slices.Contains(blind, t.Check) {
			all = append(all, reason.New("control_not_up", "control", t.Check, "since", t.UpTo, "why", t.Reason))
		}
	}
	return reason.New("cannot_see", "blind", all)
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}
