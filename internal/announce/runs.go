package announce

import (
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

// Run is the notice of a run's present state: started, waiting for a person (and for what),
// verifying, or how it ended. All notices of a run have one tier, critical or for a drill info,
// so that they all have the same recipients.
func (t Renderer) Run(r actions.Run, now time.Time) notifiers.Notice {
	w := t.textsOf(watch.Kind(r.Kind))
	if r.SetsFlagsOnly() {
		w.runStarted, w.runCured = w.runSets, w.runSet
	} else {
		w = w.ofHealth(r)
	}
	names := t.runNames(r, now)
	n := t.run(r, string(r.State), notifiers.Neutral, now)
	n.StateOf = "run/" + r.ID
	put := func(text [2]string) {
		n.Title = fill(text[0], names...)
		n.Text = fill(text[1], names...)
	}
	switch r.State {
	case actions.AwaitingApproval:
		n.Mention, n.Tone = true, notifiers.Warn
		switch {
		case r.Question != nil && r.Question.Code == "outcome_unknown":
			n.Event, n.Labels["notice_event"] = "outcome_unknown", "outcome_unknown"
			n.Tone = notifiers.Bad
			put(w.runUnknown)
			n.Steps = w.stepsUnknown
		default:
			put(w.runAsks)
			n.Steps = []string{w.stepApprove, w.stepReject}
		}
		t.question(&n, r, names, now)
	case actions.Queued:
		n.Tone = notifiers.Warn
		put(w.runWaits)
		n.Steps = []string{w.stepWait, w.stepAbort}
	case actions.Running:
		put(w.runStarted)
		n.Steps = []string{w.stepWait, w.stepAbort}
	case actions.Verifying:
		put(w.runVerifying)
	case actions.Cured:
		n.Tone = notifiers.Good
		put(w.runCured)
		if r.Rollback && r.WasFailing() {
			n.Steps = w.stepsCured
		}
	case actions.NotCured, actions.Worse:
		n.Mention = true
		var text [2]string
		n.Tone, text, n.Steps = w.notHelped(r)
		put(text)
	case actions.FailedRun:
		n.Tone, n.Mention = notifiers.Bad, true
		put(w.runFailed)
		n.Steps = w.failedSteps(r)
	case actions.Rejected:
		put(w.runRejected)
	case actions.Expired:
		n.Tone, n.Mention = notifiers.Bad, true
		put(w.runExpired)
		n.Steps = []string{w.stepRollBack}
		if !r.Rollback {
			n.Steps = []string{w.stepActByHand}
		}
	case actions.Refused:
		n.Tone, n.Mention = notifiers.Bad, true
		put(w.runRefused)
		n.Steps = []string{w.stepByHand}
		if !r.Rollback {
			n.Steps = []string{w.stepActByHand}
		}
	}
	if r.Trigger.Rehearses() {
		n.Mention = false
	}
	t.runFacts(&n, r, now)
	return n
}

// question adds what a run asks, until when, and of how many people.
func (t Renderer) question(n *notifiers.Notice, r actions.Run, names []string, now time.Time) {
	w, q := t.texts(), r.Question
	if q == nil {
		return
	}
	if !q.Until.IsZero() {
		fact(n, w.until, t.stamp(q.Until))
		text := w.untilExpires
		switch q.OnTimeout {
		case actions.OnTimeoutApprove:
			text = w.untilApproves
		case actions.OnTimeoutEscalate:
			text = w.untilEscalates
		}
		n.Text += "\n" + fill(text, names...)
	}
	if q.Quorum > 1 {
		fact(n, w.quorum, fill(w.quorumOf, "need", strconv.Itoa(q.Quorum), "have", strconv.Itoa(approvals(r))))
	}
	fact(n, w.question, t.read(q.Text, now))
}

// AskedNext is the notice to the next people of an escalation: nobody answered the question of a run.
func (t Renderer) AskedNext(r actions.Run, s decide.EscalationStep, now time.Time) notifiers.Notice {
	w, n := t.texts(), t.Run(r, now)
	n.Event, n.Labels["notice_event"] = "escalated", "escalated"
	names := []string{"step", strconv.Itoa(s.Step + 1), "steps", strconv.Itoa(s.Steps), "title", n.Title, "age", t.span(now.Sub(s.Unanswered)), "schedule", s.Unmanned}
	n.Title = fill(w.escalated, names...)
	text := fill(w.askedNext, names...)
	if s.Unmanned != "" {
		text += " " + fill(w.escalatedUnmanned, names...)
	}
	n.Text = text + "\n" + n.Text
	fact(&n, w.escalation, s.Policy)
	fact(&n, w.notified, t.people(s.People))
	for _, p := range s.People {
		n.People = append(n.People, contact(p))
	}
	return n
}

// Worsened is the notice that what a run is to end worsens while it waits for an approval, and why.
func (t Renderer) Worsened(r actions.Run, why reason.Reason, now time.Time) notifiers.Notice {
	w, n, names := t.texts(), t.Run(r, now), t.runNames(r, now)
	n.Event, n.Labels["notice_event"] = "worsened", "worsened"
	n.Tone = notifiers.Bad
	n.Title = fill(w.worsened, names...)
	n.Text = fill(w.worsenedText, "why", t.read(why, now)) + strings.TrimPrefix(n.Text, fill(w.runAsks[1], names...))
	return n
}

// Refused is the notice that guards do not allow a run, and why.
func (t Renderer) Refused(r actions.Run, refusals []actions.Refusal, now time.Time) notifiers.Notice {
	r.State = actions.Refused
	n := t.Run(r, now)
	if dropped(refusals) {
		w, names := t.texts(), t.runNames(r, now)
		n.Title, n.Text = fill(w.runDropped[0], names...), fill(w.runDropped[1], names...)
		n.Tone, n.Mention, n.Steps = notifiers.Neutral, false, nil
	}
	n.Text = t.refusals(n.Text, refusals, now)
	if r.Rollback && !dropped(refusals) {
		n.Steps = t.textsOf(watch.Kind(r.Kind)).instead(refusals, t.runNames(r, now)...)
	}
	return n
}

// notHelped gives tone, text and advice about a run that is over and that helped nothing, as far as was seen.
func (x texts) notHelped(r actions.Run) (tone notifiers.Tone, text [2]string, steps []string) {
	switch {
	case r.State == actions.Worse && r.UndoNext:
		return notifiers.Bad, x.runWorse, x.stepsWorseUndo
	case r.State == actions.Worse && r.Rollback:
		return notifiers.Bad, x.runWorse, x.stepsWorse
	case r.State == actions.Worse:
		return notifiers.Bad, x.runWorse, x.stepsWorseOther
	case r.Unseen():
		return notifiers.Warn, x.runUnseen, x.stepsUnseen
	case r.Rollback:
		return notifiers.Bad, x.runNotCured, x.stepsNotCured
	default:
		return notifiers.Bad, x.runNotCuredOther, x.stepsNotCuredOther
	}
}

// dropped tells whether a run is refused because nothing is left to do.
func dropped(refusals []actions.Refusal) bool {
	return len(refusals) > 0 && !slices.ContainsFunc(refusals, func(f actions.Refusal) bool { return !f.Unneeded() })
}

// ofHealth gives the texts about a run that was begun while nothing failed, or of which nothing was verified: it
// cures nothing.
func (x texts) ofHealth(r actions.Run) texts {
	if !r.WasFailing() {
		x.runStarted, x.runCured = x.runStartedWell, x.runDone
	}
	if len(r.Verification) == 0 {
		x.runCured = x.runDoneUnverified
	}
	if r.OnlyStopsHarm() {
		x.runStarted = x.runSets
	}
	return x
}

// failedSteps is what to do about a run whose step failed.
func (x texts) failedSteps(r actions.Run) []string {
	if !r.Rollback {
		return x.stepsFailedOther
	}
	return x.stepsFailed
}

// refusals gives a text with the guards' refusals below it.
func (t Renderer) refusals(text string, refusals []actions.Refusal, now time.Time) string {
	w := t.texts()
	lines := []string{text}
	for _, f := range refusals {
		line := t.read(f.Detail, now)
		if !f.Until.IsZero() {
			line += fill(w.guardUntil, "until", t.clock(f.Until, now))
		}
		lines = append(lines, "· "+line)
	}
	return strings.Join(lines, "\n")
}

// StepFailed is the notice that step i of a run failed.
func (t Renderer) StepFailed(r actions.Run, i int, now time.Time) notifiers.Notice {
	w := t.textsOf(watch.Kind(r.Kind))
	n := t.run(r, "step_failed", notifiers.Bad, now)
	if i < 0 || i >= len(r.Steps) {
		i = max(len(r.Steps)-1, 0)
	}
	step := actions.StepRun{}
	if i < len(r.Steps) {
		step = r.Steps[i]
	}
	names := append(t.runNames(r, now), "step", step.Name, "n", strconv.Itoa(i+1), "of", strconv.Itoa(len(r.Steps)))
	n.Title = fill(w.stepFailed, names...)
	text := w.stepFailedOn
	if !r.FellBack.IsZero() && !step.Fallback {
		text = w.stepFailedFalls
	} else if r.State == actions.FailedRun {
		text = w.stepFailedText
	}
	n.Text = fill(text, names...)
	n.Mention = !r.Trigger.Rehearses()
	fact(&n, w.problem, t.read(step.Error, now))
	fact(&n, w.output, step.Output)
	n.Steps = w.failedSteps(r)
	t.runFacts(&n, r, now)
	return n
}

// run is what all notices of a run have in common.
func (t Renderer) run(r actions.Run, event string, tone notifiers.Tone, now time.Time) notifiers.Notice {
	tier := critical
	if r.Trigger.Rehearses() {
		tier = info
	}
	labels := map[string]string{
		"service": r.Service, "environment": r.Environment,
		"runbook": r.Runbook, "trigger": string(r.Trigger.Kind),
	}
	return t.notice(runKey(r), "run", event, tier, tone, labels, now)
}

// runKey is the key of the notices about a run: that of the verdict or alert that led to it, so that
// they are one conversation and come in order.
func runKey(r actions.Run) string {
	switch {
	case r.Trigger.Watch != "":
		return watchKey(r.Trigger.Watch)
	case r.Trigger.Alert != "":
		return alertKey(r.Trigger.Alert)
	default:
		return "run/" + r.ID
	}
}

// runNames are the values for the placeholders of texts about a run.
func (t Renderer) runNames(r actions.Run, now time.Time) []string {
	w := t.texts()
	service := inEnvironment(r.Service, r.Environment)
	what := fill(w.whatRuns(r), "runbook", r.Runbook, "service", service, "from", r.From, "to", r.To)
	if r.Trigger.Rehearses() {
		what = fill(w.runDrill, "what", what)
	}
	end := r.Ended
	if end.IsZero() {
		end = now
	}
	until, left, step, n := "", "", "", "0"
	if q := r.Question; q != nil {
		until, left = t.clock(q.Until, now), t.span(q.Until.Sub(now))
		if q.Step >= 0 && q.Step < len(r.Steps) {
			step, n = r.Steps[q.Step].Name, strconv.Itoa(q.Step+1)
		}
	}
	by, note := "", ""
	if len(r.Answers) > 0 {
		last := r.Answers[len(r.Answers)-1]
		by, note = last.By, last.Note
		if note != "" {
			note = w.colon + note
		}
	}
	return []string{
		"what", what, "service", service, "runbook", r.Runbook, "from", r.From, "to", r.To,
		"took", t.span(end.Sub(r.Created)), "until", until, "left", left, "question_step", step, "question_n", n,
		"by", by, "note", note, "steps", w.stepCount(len(r.Planned())),
	}
}

// whatRuns names what a run is, by what is known of it.
func (x texts) whatRuns(r actions.Run) string {
	operation := r.Kind == string(watch.Operation)
	switch {
	case !r.Rollback && r.Service == "":
		return x.runAlone
	case !r.Rollback:
		return x.runOther
	case operation && r.From == "":
		return x.runUndoLast
	case operation:
		return x.runUndo
	case r.From != "" && r.To != "":
		return x.runBack
	case r.To != "":
		return x.runBackTo
	case r.From != "":
		return x.runBackFrom
	default:
		return x.runBackAlone
	}
}

// stepCount is how many steps a run has.
func (x texts) stepCount(n int) string {
	if n == 1 {
		return x.oneStep
	}
	return fill(x.manySteps, "n", strconv.Itoa(n))
}

func (t Renderer) runFacts(n *notifiers.Notice, r actions.Run, now time.Time) {
	w := t.texts()
	cause := w.triggers[r.Trigger.Kind]
	if r.Trigger.Person != "" {
		cause += w.colon + r.Trigger.Person
	}
	if !r.Trigger.Reason.IsZero() {
		cause += w.comma + t.read(r.Trigger.Reason, now)
	}
	fact(n, w.trigger, cause)
	var checks []string
	for _, c := range r.Verification {
		line := c.Check + w.colon + w.healthOf(c)
		if !c.Reason.IsZero() {
			line += w.comma + t.read(c.Reason, now)
		}
		checks = append(checks, line)
	}
	if len(checks) == 0 && (r.State.Final() || r.State == actions.Queued || n.Event == "step_failed") {
		fact(n, w.reason, t.read(r.Reason, now)) // after a verification it says what the checks say
	}
	if len(checks) == 0 && !r.State.Final() {
		fact(n, w.failing, strings.Join(r.Failing, w.list))
	}
	fact(n, w.verification, strings.Join(checks, w.list))
	if begun(r) {
		var steps []string
		for _, s := range r.Planned() {
			steps = append(steps, s.Name+w.colon+w.steps[s.State])
		}
		fact(n, w.stepList, strings.Join(steps, w.list))
	}
	fact(n, w.asked, t.stamp(r.Created))
	if r.State.Final() {
		fact(n, w.took, t.span(r.Ended.Sub(r.Created)))
	}
	t.link(n, w.linkRun, "rollbacks", r.ID)
	t.link(n, w.linkWatch, "watches", r.Trigger.Watch)
	t.link(n, w.linkService, "services", r.Service)
}

// healthOf is what was seen of a check, or of another symptom, in its own words.
func (x texts) healthOf(c actions.CheckResult) string {
	if s := x.symptoms[c.Kind][c.Health]; s != "" {
		return s
	}
	return x.healths[c.Health]
}

// begun tells whether a step of the run has been tried, so that its steps are listed.
func begun(r actions.Run) bool {
	touched := func(s actions.StepRun) bool { return s.State != actions.StepPending && s.State != actions.StepSkipped }
	return slices.ContainsFunc(r.Steps, touched)
}

// approvals counts the people who approved.
func approvals(r actions.Run) int {
	who := map[string]bool{}
	for _, a := range r.Answers {
		if a.Decision == "approve" {
			who[a.By] = true
		}
	}
	return len(who)
}
