package watch

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// NotCovered says what the bound on false verdicts does not cover.
func NotCovered() reason.Reason {
	return reason.Text(notCovered)
}

const notCovered = "The bound holds for failures that come at most as often as was tolerated and in bursts no longer than history shows. " +
	"Greater drift, longer bursts, and an incident outside that falls into the watch are not covered; only controls or shops without the deploy tell the last one apart."

// failed words the verdict that the judge reached.
func (w *Watch) failed(at time.Time) Verdict {
	if c := w.heaviestCounter(); c != nil {
		return Verdict{State: Failed, At: clean(at), Cause: c.Name, Metric: Counted, Failing: w.Failing(), Reason: reason.Text(c.said(w.From) + "." + w.besides())}
	}
	cause, metric := w.heaviest()
	v := Verdict{State: Failed, At: clean(at), Cause: cause.Check, Metric: metric.Name, Failing: w.Failing()}
	text := w.said(cause, metric) + "."
	if metric.Name == Failures && !cause.LastReason.IsZero() {
		text += " It says: " + sentence(cause.LastReason.String())
	}
	if others := without(v.Failing, cause.Check); len(others) > 0 {
		text += " Failing too: " + list(others) + "."
	}
	v.Reason = reason.Text(text + w.besides())
	if metric.Name == Latency && !slices.Contains(v.Failing, cause.Check) {
		v.Failing = append([]string{cause.Check}, v.Failing...)
	}
	return v
}

// failedByRule words the verdict of w.Alert.
func (w *Watch) failedByRule(at time.Time) Verdict {
	text := fmt.Sprintf("The rule %s fires: its condition is true since %s, after the deploy, and its value is %s.",
		w.Alert.Rule, clock(w.Alert.ActiveAt), number(w.Alert.Value))
	if w.Alert.Summary != "" {
		text += " It says: " + sentence(w.Alert.Summary)
	}
	return Verdict{State: Failed, Reason: reason.Text(text), At: clean(at), Cause: w.Alert.Rule, ByRule: true, Failing: w.Failing()}
}

// besides words what else may have had a part: failures that were excused, and deploys of
// other services.
func (w *Watch) besides() string {
	text := w.notCounted()
	if len(w.Overlaps) > 0 {
		names := make([]string, len(w.Overlaps))
		for i, o := range w.Overlaps {
			names[i] = fmt.Sprintf("%s %s at %s", o.Service, o.Version, clock(o.At))
		}
		text += " Deployed meanwhile, a possible cause too: " + list(names) + "."
	}
	return text
}

// notCounted words the failures that were excused.
func (w *Watch) notCounted() string {
	var text strings.Builder
	for i := range w.Targets {
		t := &w.Targets[i]
		excused := 0
		for j := range w.Checks {
			if c := &w.Checks[j]; t.speaks(c.CheckPolicy) {
				excused += c.NotCounted
			}
		}
		if excused > 0 && (t.Outages > 0 || t.Health != sample.Up) {
			_, _ = fmt.Fprintf(&text, " %s not counted, because the control %s was not up meanwhile.", plural(excused, "failure was", "failures were"), t.Check)
		}
	}
	return text.String()
}

// atDeadline words how a watch ends that nothing failed.
func (w *Watch) atDeadline(at time.Time) Verdict {
	enough, answered, previous, strange := 0, 0, 0, ""
	for i := range w.Checks {
		c := &w.Checks[i]
		enough += max(0, c.Judged.Looks-c.Previous)
		if c.Current == 0 && c.Strange > 0 {
			strange = c.StrangeVersion
		}
		answered += c.Current
		previous += c.Previous
	}
	text := ""
	v := Verdict{State: Inconclusive, At: clean(at), Failing: w.Failing()}
	for i := range w.Counters {
		enough += w.Counters[i].Readings
	}
	heaviest, metric := w.heaviest()
	counter := w.heaviestCounter()
	switch blind := w.Blind(at); {
	case len(w.Checks) == 0 && len(w.Counters) == 0:
		text = "No check looks at this service, so nothing was seen; give it a check."
		if len(w.Others) > 0 {
			text = fmt.Sprintf("No check looks at %s, so nothing was seen; give these shops a check.", list(w.Shops))
		}
	case len(blind) > 0:
		text = w.cannotSee(blind) + " It would have needed to see again by the end of the watch; " + w.seen() + "."
	case previous > 0 && answered == 0:
		text = fmt.Sprintf("Only the previous version %s answered (%d looks), never %s: was it switched?", w.PreviousVersion, previous, w.Version)
	case strange != "" && answered == 0 && w.PreviousVersion == "" && w.Kind != Config && w.Kind != Operation:
		// What answers tells the version of the code: of a change of prices it knows nothing.
		text = fmt.Sprintf("Only the version %s answered, never %s: was it switched?", strange, w.Version)
	case enough < w.Policy.MinSamples:
		text = fmt.Sprintf("Too little was seen: %s. A pass needs %d judged looks (min_samples), %d were: %d more; watch longer or look more often.",
			w.seen(), w.Policy.MinSamples, enough, w.Policy.MinSamples-enough)
	case w.logEvidence() >= 0 && counter != nil:
		v.Cause = counter.Name
		text = counter.said(w.From) + ". That is too much to pass and too little to fail."
	case w.logEvidence() >= 0 && heaviest != nil:
		v.Cause = heaviest.Check
		text = w.said(heaviest, metric) + ". That is too much to pass and too little to fail."
		if n := w.looksToPass(heaviest); n > 0 {
			text += fmt.Sprintf(" %s without a failure would have passed.", plural(n, "more look", "more looks"))
		}
	default:
		v.State = Passed
		text = w.seen() + "."
		if not := w.excused(); not != "" {
			text += " " + not
		}
		v.Reason = reason.Text(text + w.notCounted()) // nothing is wrong, so nothing needs another cause
		return v
	}
	v.Reason = reason.Text(text + w.besides())
	return v
}

// looksToPass is how many more looks of a check without a failure bring the evidence under 1; 0 when
// a thousand do not.
func (w *Watch) looksToPass(c *CheckState) int {
	kept := c.Metrics
	defer func() { c.Metrics = kept }()
	c.Metrics = slices.Clone(kept)
	for i := range c.Metrics {
		c.Metrics[i] = kept[i].clone()
	}
	for n := 1; n <= 1000; n++ {
		for i := range c.Metrics {
			c.Metrics[i].observe(look{})
		}
		if w.logEvidence() < 0 {
			return n
		}
	}
	return 0
}

// heaviest is the check that weighs most, and what of it; nil without checks.
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

// said words what a check saw: "push failed 5 of 9 looks since 10:02:11 UTC; allowed is 1 in
// 100; before the deploy 2 of 960".
func (w *Watch) said(c *CheckState, m *Metric) string {
	if l, ok := m.telling(); ok {
		return w.saidSlow(c, l)
	}
	text := fmt.Sprintf("%s failed %d of %s since %s", c.Check, c.Judged.Failures, plural(c.Judged.Looks, "look", "looks"), clock(c.From))
	// Where the failures began later, the reader wants to know.
	if !c.FirstFailure.IsZero() && c.FirstFailure.Sub(c.From) > BlindAfter(c.Every) {
		text += ", beginning at " + clock(c.FirstFailure)
	}
	text += "; allowed is " + oneIn(c.Allowed)
	if c.flaky() {
		text += " instead of " + oneIn(c.FailureRate)
	}
	b, ok := w.Snapshot.Before[c.Check]
	switch {
	case !ok || b.Looks == 0:
		text += "; nothing is known of it before the deploy"
	case c.flaky():
		text += fmt.Sprintf(", because before the deploy it failed %d of %d", b.Failures, b.Looks)
	default:
		text += fmt.Sprintf("; before the deploy %d of %d", b.Failures, b.Looks)
	}
	if k := m.Control; k != nil && k.Seen.Looks > 0 {
		text += fmt.Sprintf("; at the shops without the deploy %d of %d meanwhile", k.Seen.Failures, k.Seen.Looks)
	}
	return text
}

// saidSlow words the durations of a check: "push took longer than 1.2s in 9 of 9 looks since 10:02:11 UTC;
// before the deploy 96 of 960 took longer than 0.8s".
func (w *Watch) saidSlow(c *CheckState, l Limit) string {
	text := fmt.Sprintf("%s took longer than %ss in %d of %s since %s", c.Check, seconds(l.Seconds), l.Over, plural(c.Judged.Looks, "look", "looks"), clock(c.From))
	if !c.FirstSlow.IsZero() && c.FirstSlow.Sub(c.From) > BlindAfter(c.Every) {
		text += ", beginning at " + clock(c.FirstSlow)
	}
	return text + fmt.Sprintf("; before the deploy at most %d of %d did", l.Before.Failures, l.Before.Looks)
}

func seconds(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }

// seen words how much was seen: "118 looks of 3 checks since 10:02:11 UTC, 1 failed".
func (w *Watch) seen() string {
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
	text := fmt.Sprintf("%s of %s since %s, %d failed",
		plural(looks, "look", "looks"), plural(judged, "check", "checks"), clock(w.From), failures)
	if unknown > 0 {
		text += fmt.Sprintf(", %d could not look", unknown)
	}
	return text
}

// excused words which checks were not judged at all.
func (w *Watch) excused() string {
	var names []string
	for i := range w.Checks {
		if c := &w.Checks[i]; c.Excused != "" {
			names = append(names, fmt.Sprintf("%s (%s)", c.Check, c.Excused))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "Not judged, because not seen up since: " + list(names) + "."
}

// Standing words how the watch stands now; once it is over, why it ended so.
func (w *Watch) Standing(now time.Time) reason.Reason {
	if w.State.Final() {
		return w.Reason
	}
	blind := w.Blind(now)
	if len(blind) > 0 && !now.Before(w.Deadline) {
		return reason.Text(fmt.Sprintf("%s The watch waits for it until %s.", w.cannotSee(blind), clock(w.latest())))
	}
	text := fmt.Sprintf("Watching until %s: %s.", clock(w.Deadline), w.seen())
	if !w.FastPassed.IsZero() {
		text += fmt.Sprintf(" It passed the fast phase at %s.", clock(w.FastPassed))
	}
	if len(blind) > 0 {
		text += " " + w.cannotSee(blind)
	}
	return reason.Text(text)
}

// cannotSee words blindness, as in "push was not seen since 10:20:00 UTC: token expired".
func (w *Watch) cannotSee(blind []string) string {
	parts := make([]string, 0, len(blind))
	for _, name := range blind {
		for i := range w.Checks {
			c := &w.Checks[i]
			if c.Check != name {
				continue
			}
			part := name + " was never seen"
			if !c.LastKnown.IsZero() {
				part = name + " was not seen since " + clock(c.LastKnown)
			}
			if !c.BlindReason.IsZero() {
				part += " (" + c.BlindReason.String() + ")"
			}
			parts = append(parts, part)
		}
		for i := range w.Targets {
			t := &w.Targets[i]
			if t.Check != name {
				continue
			}
			part := "the control " + name + " was not up since " + clock(t.UpTo)
			if !t.Reason.IsZero() {
				part += " (" + t.Reason.String() + ")"
			}
			parts = append(parts, part)
		}
	}
	return list(parts) + "."
}

// clock is a time of day as verdicts show it.
func clock(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }

// oneIn words a rate: "1 in 100", or "3%" where that is plainer.
func oneIn(rate float64) string {
	n := 1 / rate
	if r := math.Round(n); math.Abs(n-r) < 1e-6*n {
		return "1 in " + strconv.FormatFloat(r, 'f', 0, 64)
	}
	return strconv.FormatFloat(rate*100, 'g', 3, 64) + "%"
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// most is how many names a sentence holds.
const most = 5

// list joins names with commas, and counts those that are too many.
func list(names []string) string {
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

func without(names []string, name string) []string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		if n != name {
			out = append(out, n)
		}
	}
	return out
}

// sentence ends a text that came from elsewhere with a full stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}
