package decide

import (
	"slices"
	"time"

	"guardian/internal/reason"
	"guardian/oncall"
	"guardian/rules"
)

// Escalated is how far an alert that fires was escalated. It is kept in the journal, so that a
// restart or a takeover neither repeats nor loses a step.
type Escalated struct {
	Alert   string    `json:"alert"`
	FiredAt time.Time `json:"fired_at"` // with the alert's ID: one firing of it
	Policy  string    `json:"policy"`   // the escalation
	// Tier is the highest that the alert had; a higher one begins with the first step again.
	Tier rules.Tier `json:"tier"`
	// Round and Step are the last step that was taken, both from 0; Step is -1 before the first.
	Round int       `json:"round"`
	Step  int       `json:"step"`
	At    time.Time `json:"at,omitzero"`      // when that was
	Next  time.Time `json:"next_at,omitzero"` // when the next step is due; zero: there is none
	// Acked is when it was acknowledged, and AckedTier the highest tier that it had until then.
	Acked     time.Time  `json:"acked,omitzero"`
	AckedTier rules.Tier `json:"acked_tier,omitempty"`
	// Receivers are those that it notified, sorted: they hear of the alert's end.
	Receivers []string `json:"receivers,omitempty"`
}

// IsZero reports whether an alert is not escalated at all.
func (e Escalated) IsZero() bool { return e.Alert == "" }

// Equal reports whether two are the same, whatever the time zones of their times.
func (e Escalated) Equal(o Escalated) bool {
	return e.Alert == o.Alert && e.FiredAt.Equal(o.FiredAt) && e.Policy == o.Policy && e.Tier == o.Tier &&
		e.Round == o.Round && e.Step == o.Step && e.At.Equal(o.At) && e.Next.Equal(o.Next) &&
		e.Acked.Equal(o.Acked) && e.AckedTier == o.AckedTier && slices.Equal(e.Receivers, o.Receivers)
}

// Standing says where the escalation stands; zero for none.
func (e Escalated) Standing() reason.Reason {
	switch {
	case e.IsZero():
		return reason.Reason{}
	case e.stopped():
		return reason.New("escalation_stopped", "escalation", e.Policy)
	case e.Step < 0:
		return reason.New("escalation_not_begun", "escalation", e.Policy)
	case e.Next.IsZero():
		return reason.New("escalation_done", "escalation", e.Policy, "at", e.At)
	default:
		return reason.New("escalation_next", "escalation", e.Policy, "step", e.Step+1, "at", e.At, "next", e.Next)
	}
}

// stopped reports whether an acknowledgement holds the next step up: its tier has not risen since.
func (e Escalated) stopped() bool { return !e.Acked.IsZero() && !above(e.Tier, e.AckedTier) }

// EscalationFacts is what is known of an alert that may be escalated.
type EscalationFacts struct {
	Labels map[string]string // of its notice
	Before Escalated         // zero: it was not escalated yet
	Acked  time.Time         // when it was acknowledged; zero: it was not
	Muted  bool              // by a silence, a maintenance, a time interval or another alert
	Roster *oncall.Roster
}

// EscalationStep is a step that is due.
type EscalationStep struct {
	oncall.Told
	Policy string
	Round  int // from 0
	Step   int // from 0
	Steps  int // how many the policy has
	// Unanswered is since when nobody acknowledged the alert.
	Unanswered time.Time
}

// Reason says what the step is, for the journal: of the alert of a rule.
func (s EscalationStep) Reason(rule string) reason.Reason {
	names := make([]string, len(s.People))
	for i, p := range s.People {
		names[i] = p.Shown()
	}
	why := reason.New("escalated", "rule", rule, "step", s.Step+1, "steps", s.Steps, "escalation", s.Policy, "receivers", s.Receivers, "people", names)
	if len(s.Receivers) == 0 {
		why.Code = "escalated_to_nobody"
	}
	return why
}

// Because says why the step is due now, for its notice.
func (s EscalationStep) Because() reason.Reason {
	if s.Step == 0 && s.Round == 0 {
		return reason.New("escalation_begins", "escalation", s.Policy)
	}
	return reason.New("escalation_goes_on", "escalation", s.Policy, "since", s.Unanswered)
}

// RoutedTo gives the receivers that routes choose for an alert with these labels.
func (s *Settings) RoutedTo(labels map[string]string) []string {
	if s.Routes == nil {
		return nil
	}
	var receivers []string
	for _, t := range s.Routes.Match(labels) {
		receivers = append(receivers, t.Receiver)
	}
	return receivers
}

// Escalate decides which step of its escalation is due for an alert, and how far it is escalated
// then. Several are due when the first of them reach nobody: nobody waits for an answer that
// cannot come. A step that became due while no guardian ran is taken once, and those after it
// wait as long as ever. An acknowledgement stops the escalation until the alert resolves or its
// tier rises; while something mutes the alert nothing is due.
func (s *Settings) Escalate(al rules.Alert, f EscalationFacts, now time.Time) (due []EscalationStep, after Escalated) {
	policy, ok := s.escalationOf(f.Labels)
	if !ok || al.State != rules.Firing {
		return nil, Escalated{}
	}
	now = now.UTC().Round(0) // as the journal gives it back
	e := f.Before
	if e.Alert != al.ID || !e.FiredAt.Equal(al.FiredAt) || e.Policy != policy.Name {
		e = Escalated{Alert: al.ID, FiredAt: al.FiredAt, Policy: policy.Name, Tier: al.Tier, Step: -1, Next: now}
	}
	if above(al.Tier, e.Tier) {
		e.Tier, e.Round, e.Step, e.Next = al.Tier, 0, -1, now
	}
	if !e.Acked.Equal(f.Acked) {
		e.Acked, e.AckedTier = f.Acked, e.Tier
	}
	if f.Muted || e.stopped() {
		return nil, e
	}
	for !e.Next.IsZero() && !now.Before(e.Next) {
		if e.Step++; e.Step >= len(policy.Steps) { // or, after a reload, there are fewer
			e.Round, e.Step = e.Round+1, 0
		}
		step := policy.Steps[e.Step]
		told := f.Roster.Tells(step, now)
		due = append(due, EscalationStep{Told: told, Policy: policy.Name, Round: e.Round, Step: e.Step, Steps: len(policy.Steps), Unanswered: al.FiredAt})
		e.At, e.Next, e.Receivers = now, now, union(e.Receivers, told.Receivers)
		if told.Waits {
			e.Next = now.Add(step.Waits())
		}
		if last := len(policy.Steps) - 1; e.Step >= last && e.Round >= policy.Rounds-1 {
			e.Next = time.Time{}
		}
	}
	return due, e
}

// escalationOf finds the escalation of alerts with these labels: the first that matches.
func (s *Settings) escalationOf(labels map[string]string) (oncall.Policy, bool) {
	for _, p := range s.Escalations {
		if p.Matches(labels) {
			return p, true
		}
	}
	return oncall.Policy{}, false
}

// union is what is in either of two lists, sorted.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// above reports whether a tier is more severe than another.
func above(t, than rules.Tier) bool {
	severity := map[rules.Tier]int{rules.Info: 1, rules.Warning: 2, rules.Critical: 3}
	return severity[t] > severity[than]
}
