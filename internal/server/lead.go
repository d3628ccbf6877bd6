package server

import (
	"strings"

	"guardian/actions"
	"guardian/watch"
)

// Verdict summarises in a sentence or two how a watch ended or stands. Its reason has the details.
func (w locale) Verdict(v Watch) string {
	if v.State != watch.Failed || v.Verdict == nil {
		row, key := newWatchRow(v, w.now()), "lead."+string(v.State)
		return w.T(key, row.Looks, row.Failures)
	}
	if v.Verdict.ByRule {
		return w.T("lead.by_rule", v.Verdict.Cause)
	}
	for _, e := range v.Evidence {
		if e.Check == v.Verdict.Cause && !e.OfNumber() && (v.Verdict.Metric == "" || e.Metric == v.Verdict.Metric) {
			return w.against(e)
		}
	}
	return w.reader().Read(v.Reason)
}

// against renders the evidence against a deploy.
func (w locale) against(e watch.Evidence) string {
	a, b := e.After, e.Before
	var said strings.Builder
	switch e.Metric {
	case watch.Latency:
		said.WriteString(w.T("lead.slow", e.Check, a.Failures, a.Looks, w.Seconds(e.Limit)))
	case watch.Counted:
		said.WriteString(w.T("lead.counted", e.Check, a.Failures, a.Looks))
	default:
		said.WriteString(w.T("lead.looks", e.Check, a.Failures, a.Looks))
	}
	if b.Looks > 0 {
		said.WriteString(w.T("lead.before", b.Failures, b.Looks))
	}
	said.WriteString(w.T("lead.stop"))
	if !e.Since.IsZero() {
		said.WriteString(w.T("lead.since", w.clock(e.Since)))
	}
	if !e.Reason.IsZero() {
		said.WriteString(w.T("lead.says", w.reader().Read(e.Reason)))
	}
	return strings.TrimSpace(said.String())
}

// Why gives why a run asks a person; "" when its question contains that.
func (w locale) Why(r actions.Run) string {
	switch {
	case r.Question == nil || r.Question.Code != actions.AskApproval:
		return ""
	case r.Question.Why != "":
		return w.Word("why", r.Question.Why)
	case watch.IsDoubt(r.Question.Text):
		return ""
	case r.Trigger.Kind == actions.ByVerdict || r.Trigger.Kind == actions.ByAlert:
		return w.Word("why", r.Trigger.Kind)
	default:
		return ""
	}
}

// Note gives a text that a rule has for people in the reader's language where it has one:
// summary_zh before summary.
func (w locale) Note(annotations map[string]string, name string) string {
	if text := annotations[name+"_"+w.lang]; text != "" {
		return text
	}
	return annotations[name]
}
