package replay

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"guardian/actions"
	"guardian/notifiers"
	"guardian/rules"
	"guardian/watch"
)

// Report is what a replay came to, beside what really happened. Times are UTC.
type Report struct {
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	Config      string    `json:"config"`
	Step        string    `json:"step"` // the longest time between two evaluations of a rule
	Evaluations int64     `json:"evaluations"`
	// Same says that nothing differs: this configuration would have done what was done.
	Same    bool     `json:"same"`
	Alerts  []Alert  `json:"alerts"`
	Watches []Watch  `json:"watches"`
	Acts    []Act    `json:"acts"`   // runbooks that alerts would have started
	Counts  []Count  `json:"counts"` // of notices
	Notices []Notice `json:"notices"`
	Quiet   int      `json:"quiet"` // notices that a silence, a maintenance or a calendar kept back
	Notes   []string `json:"notes"`
}

// Match is how something that was replayed compares with what happened.
type Match string

// The matches.
const (
	Same     Match = "same"
	Moved    Match = "moved"     // both, at other times
	Changed  Match = "changed"   // both, with another end
	OnlyThen Match = "only_then" // it happened, and would not have
	OnlyNow  Match = "only_now"  // it would have, and did not
	// Between is an alert that came and went between two evaluations of the replay.
	Between Match = "between"
)

// Alert is one firing of an alert.
type Alert struct {
	Match  Match             `json:"match"`
	Rule   string            `json:"rule"`
	Tier   rules.Tier        `json:"tier"`
	Labels map[string]string `json:"labels"`
	Then   *Firing           `json:"then"`
	Now    *Firing           `json:"now"`
}

// Firing is from when until when an alert fired.
type Firing struct {
	Fired    time.Time `json:"fired"`
	Resolved time.Time `json:"resolved,omitzero"` // zero: it went on
}

// Watch is the watch of one deploy.
type Watch struct {
	Match   Match     `json:"match"`
	ID      string    `json:"id"`
	Deploy  string    `json:"deploy"`
	Service string    `json:"service"`
	Version string    `json:"version"`
	At      time.Time `json:"at"` // when it was announced
	Then    *Verdict  `json:"then"`
	Now     *Verdict  `json:"now"`
}

// Verdict is how a watch ended.
type Verdict struct {
	State    watch.State `json:"state"`
	At       time.Time   `json:"at,omitzero"` // zero: not yet
	Reason   string      `json:"reason,omitempty"`
	Rollback *Rollback   `json:"rollback"` // of a failed one
}

// Outcome is what a Failed verdict leads to.
type Outcome string

// The outcomes.
const (
	RolledBack Outcome = "rolled_back" // by itself
	Asked      Outcome = "asked"       // a person
	Queued     Outcome = "queued"      // behind another run, to the end of the time
	Refused    Outcome = "refused"     // by a guard
	OnlyTold   Outcome = "only_told"   // observe, or no runbook
)

// Rollback is what was done about a failed deploy, or would have been.
type Rollback struct {
	Outcome Outcome    `json:"outcome"`
	Runbook string     `json:"runbook,omitempty"`
	To      string     `json:"to,omitempty"`
	Mode    watch.Mode `json:"mode,omitempty"`
	At      time.Time  `json:"at,omitzero"`
	State   string     `json:"state,omitempty"` // of the run that there was
	Reasons []string   `json:"reasons,omitempty"`
}

// Act is a runbook that an alert starts.
type Act struct {
	At      time.Time         `json:"at"`
	Alert   string            `json:"alert"`
	Labels  map[string]string `json:"labels"`
	Runbook string            `json:"runbook"`
	Mode    watch.Mode        `json:"mode"`
	// Match, Then and Now compare the run that it started with the one that it would start.
	Match Match   `json:"match"`
	Then  Outcome `json:"then,omitempty"` // empty: there was no run
	Now   Outcome `json:"now,omitempty"`

	run *run
}

// Count is how many notices of a tier a receiver gets.
type Count struct {
	Receiver string `json:"receiver"`
	Tier     string `json:"tier"`
	Then     int    `json:"then"`
	Now      int    `json:"now"`

	// edge counts those so close to the end of the time that a moment's delay puts them beyond it.
	edge int
}

// Notice is one that would have been sent.
type Notice struct {
	At       time.Time `json:"at"`
	Receiver string    `json:"receiver"`
	Tier     string    `json:"tier"`
	Kind     string    `json:"kind"`
	Event    string    `json:"event"`
	Title    string    `json:"title"`
}

// slack is how much later than its time something may come in a running guardian: a look
// takes its time, an evaluation waits for one under way.
const slack = 15 * time.Second

// cover says when there are no samples for some of the time.
func (r *Report) cover(s Samples) {
	r.Notes = []string{}
	first, last, ok := s.Span()
	switch {
	case !ok:
		r.Notes = append(r.Notes, "there are no samples at all: every check is blind")
	case first.After(r.From):
		r.Notes = append(r.Notes, fmt.Sprintf("samples begin at %s: what was before is unknown", first.Format(time.RFC3339)))
	case last.Add(5 * time.Minute).Before(r.To):
		r.Notes = append(r.Notes, fmt.Sprintf("samples end at %s: what came after is unknown", last.Format(time.RFC3339)))
	}
}

// keyOf tells alerts apart across configurations: rules that moved to another file are the
// same ones.
func keyOf(a rules.Alert) string {
	var b strings.Builder
	b.WriteString(a.Rule)
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		fmt.Fprintf(&b, "\xff%s\xfe%s", name, a.Labels[name])
	}
	return b.String()
}

// compareAlerts pairs the firings of the journal with those of the replay: in order, those
// that overlap when each is widened by what an evaluation may be late.
func (r *Report) compareAlerts(then []rules.Alert, now []*episode, e *evaluation) {
	r.Alerts = []Alert{}
	byKey := map[string][]*episode{}
	for _, ep := range now {
		byKey[keyOf(ep.alert)] = append(byKey[keyOf(ep.alert)], ep)
	}
	paired := map[*episode]bool{}
	for _, a := range then {
		if e.leaves(a.Rule) {
			continue
		}
		late := e.stepOf(a.Rule) + slack
		was := &Firing{a.FiredAt, a.ResolvedAt}
		out := Alert{Match: OnlyThen, Rule: a.Rule, Tier: a.Tier, Labels: a.Labels, Then: was}
		for _, ep := range byKey[keyOf(a)] {
			is := &Firing{ep.fired, ep.ended}
			if paired[ep] || !overlap(was, is, late) {
				continue
			}
			paired[ep] = true
			out.Now, out.Match = is, Same
			if !near(was.Fired, is.Fired, late, r.From) || !nearEnd(was.Resolved, is.Resolved, late, r.To) {
				out.Match = Moved
			}
			break
		}
		if out.Now == nil && !a.ResolvedAt.IsZero() && a.ResolvedAt.Sub(a.FiredAt) <= e.stepOf(a.Rule) {
			out.Match = Between
		}
		r.Alerts = append(r.Alerts, out)
	}
	for _, ep := range now {
		if !paired[ep] {
			r.Alerts = append(r.Alerts, Alert{
				Match: OnlyNow, Rule: ep.alert.Rule, Tier: ep.alert.Tier, Labels: ep.alert.Labels, Now: &Firing{ep.fired, ep.ended},
			})
		}
	}
	sortedBy(r.Alerts, func(a Alert) time.Time {
		if a.Then != nil {
			return a.Then.Fired
		}
		return a.Now.Fired
	})
}

func overlap(x, y *Firing, late time.Duration) bool {
	return (y.Resolved.IsZero() || x.Fired.Before(y.Resolved.Add(late))) && (x.Resolved.IsZero() || y.Fired.Before(x.Resolved.Add(late)))
}

// near tells whether two beginnings are the same; those before the time are not compared.
func near(x, y time.Time, late time.Duration, from time.Time) bool {
	return x.Before(from) && y.Before(from.Add(late)) || x.Sub(y).Abs() <= late
}

// nearEnd does so for ends; none, and one after the time, are the same.
func nearEnd(x, y time.Time, late time.Duration, to time.Time) bool {
	over := func(t time.Time) bool { return t.IsZero() || !t.Before(to.Add(-late)) }
	return over(x) && over(y) || !x.IsZero() && !y.IsZero() && x.Sub(y).Abs() <= late
}

// compareWatches pairs watches by their deploy.
func (r *Report) compareWatches(p *past, now []*watched) {
	r.Watches = []Watch{}
	seen := map[string]bool{}
	for _, e := range now {
		seen[e.deploy.ID] = true
		w := Watch{
			Match: OnlyNow, ID: e.w.ID, Deploy: e.deploy.ID, Service: e.deploy.Service, Version: e.deploy.Version, At: e.deploy.Announced,
			Now: &Verdict{State: e.w.State, At: e.w.Ended, Reason: e.w.Reason.String(), Rollback: e.rollback(r.To)},
		}
		if was, ok := p.watches[e.deploy.ID]; ok {
			w.Then = r.verdictOf(p, was)
			w.Match = compareVerdicts(w.Then, w.Now)
		}
		r.Watches = append(r.Watches, w)
	}
	for _, d := range p.deploys {
		was, ok := p.watches[d.ID]
		if !ok || seen[d.ID] || d.Announced.Before(r.From) {
			continue
		}
		r.Watches = append(r.Watches, Watch{
			Match: OnlyThen, ID: was.ID, Deploy: d.ID, Service: d.Service, Version: d.Version, At: d.Announced, Then: r.verdictOf(p, was),
		})
	}
	sortedBy(r.Watches, func(w Watch) time.Time { return w.At })
}

// verdictOf is how a recorded watch stood at the end of the time.
func (r *Report) verdictOf(p *past, w watch.Watch) *Verdict {
	if w.Ended.IsZero() || !w.Ended.Before(r.To) {
		return &Verdict{State: watch.Watching}
	}
	v := &Verdict{State: w.State, At: w.Ended, Reason: w.Reason.String()}
	if w.State != watch.Failed {
		return v
	}
	v.Rollback = &Rollback{Outcome: OnlyTold, Mode: w.Mode}
	run := p.runOf(func(x actions.Run) bool { return x.Trigger.Deploy == w.DeployID && x.Trigger.Kind == actions.ByVerdict })
	if run != nil {
		v.Rollback = &Rollback{Outcome: outcomeOf(*run), Runbook: run.Runbook, To: run.To, Mode: w.Mode, At: run.Created, State: string(run.State)}
	}
	return v
}

// outcomeOf says what a decision about a run came to: a run that a person was asked about
// stays asked, whatever they said.
func outcomeOf(run actions.Run) Outcome {
	switch {
	case run.State == actions.Refused:
		return Refused
	case run.State == actions.Queued:
		return Queued
	case run.State == actions.Rejected, run.State == actions.Expired, len(run.Answers) > 0, run.Question != nil:
		return Asked
	case run.State.Final() && run.Started.IsZero(): // a person aborted it before anything was done
		return Asked
	default:
		return RolledBack
	}
}

// rollback is what the replayed verdict led to by a time.
func (e *watched) rollback(to time.Time) *Rollback {
	if e.w.State != watch.Failed {
		return nil
	}
	req := e.plan.Request
	if req == nil {
		return &Rollback{Outcome: OnlyTold, Mode: e.w.Mode, Reasons: []string{"the service names no rollback runbook"}}
	}
	plan := &Rollback{Outcome: OnlyTold, Runbook: req.Runbook, To: req.To, Mode: e.w.Mode, At: e.w.Ended}
	for _, no := range req.Refusals {
		plan.Reasons = append(plan.Reasons, fmt.Sprintf("%s: %s", no.Code, no.Detail))
	}
	if e.run != nil {
		is := e.run.at(to)
		plan.Outcome, plan.To, plan.State = outcomeOf(is), is.To, string(is.State)
		if plan.Outcome == Asked && !is.Started.IsZero() {
			plan.Reasons = append(plan.Reasons, "a person approved it then")
		}
	}
	return plan
}

// compareActs pairs the runs that alerts started with those that they would start.
func (r *Report) compareActs(p *past, j *judging) {
	r.Acts = []Act{}
	paired := map[string]bool{}
	for _, a := range j.acts {
		a.Match = OnlyNow
		switch {
		case a.run == nil: // observed only, or the firing has a run
			a.Match = Same
		case a.run.was == nil:
			a.Now = outcomeOf(a.run.at(r.To))
		default:
			a.Then, a.Now = outcomeOf(*a.run.was), outcomeOf(a.run.at(r.To))
			paired[a.run.was.ID] = true
			if a.Match = Same; a.Then != a.Now {
				a.Match = Changed
			}
		}
		r.Acts = append(r.Acts, a)
	}
	for _, was := range p.runs {
		if was.Trigger.Kind != actions.ByAlert || was.Created.Before(r.From) || paired[was.ID] {
			continue
		}
		r.Acts = append(r.Acts, Act{
			At: was.Created, Alert: was.Trigger.Alert, Runbook: was.Runbook, Match: OnlyThen, Then: outcomeOf(was),
		})
	}
	sortedBy(r.Acts, func(a Act) time.Time { return a.At })
}

func compareVerdicts(then, now *Verdict) Match {
	if then.State != now.State {
		return Changed
	}
	x, y := then.Rollback, now.Rollback
	if x != nil && y != nil && (x.Outcome != y.Outcome || x.Outcome != OnlyTold && x.To != y.To) {
		return Changed
	}
	if then.At.Sub(now.At).Abs() > slack {
		return Moved
	}
	return Same
}

// compareNotices counts who is told.
func (r *Report) compareNotices(then []notifiers.Delivery, t *telling, e *evaluation) {
	r.Counts = []Count{}
	type key struct{ receiver, tier string }
	counts := map[key]*Count{}
	count := func(receiver, tier string) *Count {
		k := key{receiver, tier}
		if counts[k] == nil {
			counts[k] = &Count{Receiver: receiver, Tier: tier}
		}
		return counts[k]
	}
	end := r.To.Add(-e.longestStep() - slack)
	for _, d := range then {
		kind := cmp.Or(d.Notice.Kind, d.Notice.Labels["kind"]) // a label, in journals of before
		if told(kind) && !e.leaves(d.Notice.Labels["alertname"]) {
			c := count(d.Receiver, d.Notice.Tier)
			c.Then++
			c.edge += within(d.Notice.Created, end)
		}
	}
	for _, n := range t.notices {
		c := count(n.Receiver, n.Tier)
		c.Now++
		c.edge += within(n.At, end)
	}
	for _, c := range counts {
		r.Counts = append(r.Counts, *c)
	}
	slices.SortFunc(r.Counts, func(x, y Count) int {
		return cmp.Or(strings.Compare(x.Receiver, y.Receiver), strings.Compare(x.Tier, y.Tier))
	})
	r.Notices, r.Quiet = sortedBy(append([]Notice{}, t.notices...), func(n Notice) time.Time { return n.At }), t.quiet
}

// within counts one for a time after an end.
func within(at, end time.Time) int {
	if at.After(end) {
		return 1
	}
	return 0
}

// differs reports whether more or fewer were told, the end of the time apart.
func (c Count) differs() bool { return max(c.Then-c.Now, c.Now-c.Then) > c.edge }

// conclude says whether anything differs.
func (r *Report) conclude() {
	differs := slices.ContainsFunc(r.Alerts, func(a Alert) bool { return a.Match != Same && a.Match != Between }) ||
		slices.ContainsFunc(r.Watches, func(w Watch) bool { return w.Match != Same }) ||
		slices.ContainsFunc(r.Acts, func(a Act) bool { return a.Match != Same }) ||
		slices.ContainsFunc(r.Counts, Count.differs)
	r.Same = !differs
}
