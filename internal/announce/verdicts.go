package announce

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/reason"
	"guardian/notifiers"
	"guardian/watch"
)

// Verdict is the notice of how a watch ended and what that leads to. plan matters for a Failed
// verdict only.
func (t Renderer) Verdict(w *watch.Watch, d watch.Deploy, plan Plan, now time.Time) notifiers.Notice {
	x := t.texts()
	var verdict watch.Verdict
	if w.Verdict != nil {
		verdict = *w.Verdict
	}
	state := cmp.Or(verdict.State, w.State)
	tier, tone := weightOf(state, w.Mode)
	if d.Drill != "" {
		tier = info // it is broken on purpose
	}
	labels := map[string]string{
		"service": w.Service, "environment": w.Environment,
		"mode": string(w.Mode), "deploy_kind": string(w.Kind),
	}
	n := t.notice(watchKey(w.ID), "watch", string(state), tier, tone, labels, now)
	names := []string{
		"service", inEnvironment(w.Service, w.Environment), "version", w.Version,
		"runbook", plan.Runbook, "to", plan.To, "run", plan.Run,
		"took", t.span(verdict.At.Sub(w.Started)), "at", t.clock(verdict.At, now),
		"until", t.clock(plan.Until, now), "left", t.span(plan.Until.Sub(now)),
	}
	evidence := weighty(w.Evidence(), verdict)

	switch state {
	case watch.Failed:
		t.failed(&n, w, verdict, plan, evidence, names, now)
		if d.RollbackRun != "" { // the version was put back: nothing is gained by putting back another one
			n.Steps = []string{x.stepPutBackFails}
		}
	case watch.Passed:
		n.Title = fill(x.passed, names...)
		n.Text = fill(x.passedText, names...)
		if !decide.MakesKnownGood(d, state) {
			n.Text = fill(x.passedOperation, names...)
		}
		if d.Unsure {
			n.Tone, n.Title, n.Text = notifiers.Neutral, fill(x.passedUnsure[0], names...), fill(x.passedUnsure[1], names...)
		}
		fact(&n, x.looks, t.looks(w))
	case watch.Inconclusive:
		t.inconclusive(&n, w, d, append(names, "reason", t.read(verdict.Reason, now)), now)
	case watch.Superseded:
		n.Title = fill(x.superseded, names...)
		n.Text = x.supersededText
		if title := x.supersededBy[verdict.ByKind]; title != "" {
			n.Title, n.Text = fill(title, names...), x.supersededAsks
		}
		if verdict.TakenBackBy != "" {
			n.Text = x.takenBackText
		}
	case watch.Cancelled:
		n.Title = fill(x.cancelled, names...)
		n.Text = x.cancelledText
	case watch.Watching:
		n.Title = fill(x.watching, names...)
	}
	t.aboutDeploy(&n, d, now)
	if state == watch.Superseded || state == watch.Cancelled { // the other texts have said it
		fact(&n, x.reason, t.read(verdict.Reason, now))
	}
	if state == watch.Failed { // first, since this is where a person answers
		t.link(&n, x.linkRun, "rollbacks", plan.Run)
	}
	if d.Drill != "" {
		n.Title, n.Mention = fill(x.drillOf, "what", n.Title), false
		t.link(&n, x.linkDrill, "drills", d.Drill)
	}
	t.link(&n, x.linkWatch, "watches", w.ID)
	t.link(&n, x.linkService, "services", w.Service)
	outside(&n, x.linkDeploy, d.URL)
	return n
}

// weightOf gives the tier and the tone of a verdict.
func weightOf(state watch.State, mode watch.Mode) (tier string, tone notifiers.Tone) {
	switch state {
	case watch.Failed:
		if mode == watch.Observe {
			return warning, notifiers.Warn
		}
		return critical, notifiers.Bad
	case watch.Inconclusive:
		return warning, notifiers.Warn
	case watch.Passed:
		return info, notifiers.Good
	default:
		return info, notifiers.Neutral
	}
}

// inconclusive adds what an inconclusive verdict means for the version: one that was declared good is
// so all the same.
func (t Renderer) inconclusive(n *notifiers.Notice, w *watch.Watch, d watch.Deploy, names []string, now time.Time) {
	x := t.texts()
	text := x.inconclusiveText
	n.Steps = []string{x.stepLookYourself, x.stepDeclareGood}
	switch {
	case !d.PutsVersion():
		text, n.Steps = x.inconclusiveOperation, n.Steps[:1]
	case d.DeclaresGood() && !d.Unsure && !d.RollingOut():
		text, n.Steps = x.inconclusiveGood, n.Steps[:1]
	}
	n.Title, n.Text = fill(x.inconclusive, names...), fill(text, names...)
	if blind := w.Blind(now); len(blind) > 0 {
		fact(n, x.blindChecks, strings.Join(blind, x.list))
	}
}

// aboutDeploy adds what was deployed, and what is special about it.
func (t Renderer) aboutDeploy(n *notifiers.Notice, d watch.Deploy, now time.Time) {
	x := t.texts()
	fact(n, x.deploy, t.deployed(d, now))
	if len(d.Shops) > 0 {
		fact(n, x.shops, strings.Join(d.Shops, x.list))
	}
	if d.Unsure {
		fact(n, x.happened, x.unsure)
	}
	fact(n, x.gateWas, t.read(watch.GateDetails(d.GateClosed), now))
}

// GateClosed is the notice of a deploy that was announced while the gate was closed.
func (t Renderer) GateClosed(d watch.Deploy, w *watch.Watch, now time.Time) notifiers.Notice {
	x := t.texts()
	labels := map[string]string{
		"service": d.Service, "environment": d.Environment, "mode": string(w.Mode), "deploy_kind": string(d.Kind),
	}
	n := t.notice(watchKey(w.ID), "watch", "gate_closed", warning, notifiers.Warn, labels, now)
	names := []string{
		"service", inEnvironment(d.Service, d.Environment), "version", d.Version, "why", t.read(watch.GateDetails(d.GateClosed), now),
	}
	n.Title, n.Text, n.Steps = fill(x.gateClosed, names...), fill(x.gateClosedText, names...), []string{x.stepAskGate}
	fact(&n, x.deploy, t.deployed(d, now))
	t.link(&n, x.linkWatch, "watches", w.ID)
	t.link(&n, x.linkService, "services", d.Service)
	outside(&n, x.linkDeploy, d.URL)
	return n
}

// watchKey is the key of every notice about a watch, and about the run that its verdict leads to.
func watchKey(id string) string { return "watch/" + id }

// textsOf gives the texts about a failed deploy and its runs, which differ for an operation.
func (t Renderer) textsOf(kind watch.Kind) texts {
	if kind == watch.Operation {
		return t.texts().ofOperation()
	}
	return t.texts()
}

// failed adds why the watch failed, what the guardian does about it and what a person can do.
func (t Renderer) failed(n *notifiers.Notice, w *watch.Watch, verdict watch.Verdict, plan Plan, evidence []watch.Evidence, names []string, now time.Time) {
	x := t.textsOf(w.Kind)
	var lines []string
	if not := w.NotJudged(); !not.IsZero() {
		lines = append(lines, t.read(not, now))
	}
	for _, e := range evidence[:min(len(evidence), 3)] {
		lines = append(lines, t.evidence(e, now))
	}
	if len(lines) == 0 {
		lines = append(lines, t.read(verdict.Reason, now))
	}
	var next string
	switch {
	case w.Mode == watch.Observe && plan.aimless():
		n.Title, next = fill(x.failedObserve, names...), x.observeNothing
		n.Steps = []string{x.stepLookYourself}
	case w.Mode == watch.Observe && plan.refused():
		n.Title, next = fill(x.failedObserve, names...), t.refusals(x.observeRefused, plan.Refusals, now)
		if n.Steps = []string{x.stepLookYourself}; x.settled(plan.Refusals) != "" {
			n.Steps = []string{x.settled(plan.Refusals)}
		}
	case w.Mode == watch.Observe:
		n.Title, next = fill(x.failedObserve, names...), fill(x.observeWould, names...)
		n.Steps = []string{x.stepRollBack}
	case plan.Runbook == "":
		n.Title, next = fill(x.failedAlone, names...), x.noRunbook
		n.Steps = []string{x.stepByHand}
	case plan.aimless():
		n.Title, next = fill(x.failedAlone, names...), t.refusals(x.noKnownGood, plan.Refusals, now)
		n.Steps = []string{x.stepByHand, x.stepDeclareGood}
	case plan.refused():
		n.Title, next = fill(x.failedAlone, names...), t.refusals(x.runRefused[1], plan.Refusals, now)
		n.Steps = x.instead(plan.Refusals, names...)
	case !plan.QueuedBehind.IsZero():
		n.Title, next = fill(x.failedWaits, names...), x.waitsText
		if w.Mode == watch.Approve || plan.asks() || !verdict.Doubt.IsZero() {
			next = x.waitsAsks
		}
		next = t.refusals(next, []actions.Refusal{{Code: actions.RunInProgress, Detail: plan.QueuedBehind}}, now)
		n.Steps = []string{x.stepWait, x.stepAbort}
	case w.Mode == watch.Auto && !plan.asks() && verdict.Doubt.IsZero():
		n.Title, next = fill(x.failedAuto, names...), fill(x.autoText, names...)
		n.Steps = []string{x.stepWait, x.stepAbort}
	case plan.Until.IsZero():
		n.Title, next = fill(x.failedApprove, names...), fill(x.approveText, names...)
		n.Steps = []string{x.stepApprove, x.stepReject}
	default:
		n.Title, next = fill(x.failedApprove, names...), fill(x.approveUntil, names...)
		n.Steps = []string{x.stepApprove, x.stepReject}
	}
	if plan.asks() && !plan.refused() && w.Mode != watch.Observe {
		next = t.refusals(next, plan.Refusals, now)
	}
	n.Mention = w.Mode != watch.Observe
	n.Text = strings.Join(append(lines, next), "\n")
	if w.Mode == watch.Auto && plan.asks() && !plan.refused() {
		x.braked(n, plan.Refusals)
	}
	if w.Mode == watch.Auto && !verdict.Doubt.IsZero() {
		n.Text += "\n" + fill(x.doubt, "reason", t.read(verdict.Doubt, now))
	}
	if !w.ModeReason.IsZero() {
		n.Text += "\n" + fill(x.modeReason, "reason", t.read(w.ModeReason, now))
	}
	t.certainty(n, w, verdict)
	if len(verdict.Failing) > 0 {
		fact(n, x.failing, strings.Join(verdict.Failing, x.list))
	}
}

// certainty adds how sure the verdict is, and what else may be the cause.
func (t Renderer) certainty(n *notifiers.Notice, w *watch.Watch, verdict watch.Verdict) {
	x := t.texts()
	if verdict.ByRule {
		fact(n, x.certainty, x.byRule)
	} else if w.Policy.Alpha > 0 {
		fact(n, x.risk, fill(x.byJudge, "alpha", reason.Number(w.Policy.Alpha*100)+"%"))
		if e := w.EValue(); e >= 2 {
			fact(n, x.strength, fill(x.strengthOf, "odds", t.odds(e)))
		}
	}
	if named, more := watch.Named(w.Causes()); len(named) > 0 {
		var others []string
		for _, o := range named {
			others = append(others, o.Service+" "+o.Version)
		}
		text := strings.Join(others, x.list)
		if more > 0 {
			text = fill(x.overlapMore, "others", text, "n", strconv.Itoa(more))
		}
		fact(n, x.overlaps, text)
	}
}

// braked makes a question about a rollback that the brake holds the one message about all services that fail.
func (x texts) braked(n *notifiers.Notice, refusals []actions.Refusal) {
	i := slices.IndexFunc(refusals, func(f actions.Refusal) bool { return f.Code == actions.Brake })
	if i < 0 {
		return
	}
	n.Text = fill(x.brakeText, "title", n.Title) + "\n" + n.Text
	n.Title = fill(x.brakeTitle, "n", reason.Number(refusals[i].Detail.Value("number").Number()))
	n.Steps = []string{x.stepShared, x.stepApproveEach}
}

// settled is what a person can do when a rollback is refused that is none to be done by hand either: it was
// done already, is under way, or its version runs no more. "": it is not refused for that.
func (x texts) settled(refusals []actions.Refusal) string {
	for _, r := range []struct {
		code actions.Code
		step string
	}{{actions.Superseded, x.stepOutdated}, {actions.AlreadyRolledBack, x.stepRolledBack}, {actions.RunInProgress, x.stepOtherRun}, {actions.NotMet, x.stepPrecondition}} {
		if slices.ContainsFunc(refusals, func(f actions.Refusal) bool { return f.Code == r.code }) {
			return r.step
		}
	}
	return ""
}

// instead is what a person can do when guards refuse a rollback: what only keeps automation back, a person may
// do all the same.
func (x texts) instead(refusals []actions.Refusal, names ...string) []string {
	if step := x.settled(refusals); step != "" {
		return []string{step}
	}
	for _, r := range []struct {
		code  actions.Code
		steps []string
	}{
		{actions.SameVersion, []string{x.stepOtherVersion}},
		{actions.NotKnownGood, []string{x.stepOtherVersion}},
		{actions.NoKnownGood, []string{x.stepByHand, x.stepDeclareGood}},
		{actions.NotReversible, []string{x.stepIrreversible, x.stepByHand}},
		{actions.InCooldown, []string{x.stepAnyway}},
		{actions.DailyBudget, []string{x.stepAnyway}},
		{actions.Late, []string{x.stepAnyway}},
	} {
		if slices.ContainsFunc(refusals, func(f actions.Refusal) bool { return f.Code == r.code }) {
			steps := slices.Clone(r.steps)
			for i := range steps {
				steps[i] = fill(steps[i], names...)
			}
			return steps
		}
	}
	return []string{x.stepByHand}
}

// odds renders an e-value, at most a billion.
func (t Renderer) odds(e float64) string {
	if e >= 1e9 {
		return t.texts().billion
	}
	return reason.Number(math.Floor(e))
}

// weighty gives the evidence that counts against a deploy, the heaviest first.
func weighty(all []watch.Evidence, verdict watch.Verdict) []watch.Evidence {
	causes := func(e watch.Evidence) bool {
		return e.Check == verdict.Cause && (verdict.Metric == "" || e.Metric == verdict.Metric)
	}
	var out []watch.Evidence
	for _, e := range all {
		// Some looks are always slow, and some orders always fail: shown only where it weighs.
		says := e.After.Failures > 0 && (e.Metric == watch.Failures || e.EValue >= notableOdds)
		if e.Excused.IsZero() && (causes(e) || says || e.Metric == "alert") {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b watch.Evidence) int {
		if causes(a) != causes(b) {
			if causes(a) {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.EValue, a.EValue)
	})
	return out
}

// notableOdds is the e-value from which on slowness and counters that did not decide are shown.
const notableOdds = 20

func (t Renderer) evidence(e watch.Evidence, now time.Time) string {
	x := t.texts()
	text := x.evidence
	switch {
	case e.Metric == watch.Latency:
		text = x.evidenceSlow
	case e.Metric == watch.Counted:
		text = x.evidenceCounted
	case e.OfNumber():
		text = x.evidenceNumber
	case e.Metric == "alert":
		text = x.evidenceAlert
	case e.Before.Looks == 0:
		text = x.evidenceNew
	}
	limit := t.reader(now).Duration(time.Duration(e.Limit * float64(time.Second)))
	if e.OfNumber() {
		limit = reason.Number(e.Limit)
	}
	line := fill(text, "check", e.Check, "limit", limit,
		"failures", strconv.Itoa(e.After.Failures), "looks", strconv.Itoa(e.After.Looks),
		"failures_before", strconv.Itoa(e.Before.Failures), "looks_before", strconv.Itoa(e.Before.Looks))
	if !e.Since.IsZero() {
		line += x.comma + fill(x.sinceWhen, "since", t.clock(e.Since, now))
	}
	if !e.Reason.IsZero() {
		line += x.colon + t.read(e.Reason, now)
	}
	return line
}

// looks sums what a watch saw.
func (t Renderer) looks(w *watch.Watch) string {
	looks, failures := 0, 0
	for _, c := range w.Checks {
		looks, failures = looks+c.After.Looks, failures+c.After.Failures
	}
	return fill(t.texts().looksOf, "looks", strconv.Itoa(looks), "failures", strconv.Itoa(failures), "checks", strconv.Itoa(len(w.Checks)))
}
