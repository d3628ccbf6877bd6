package decide

import (
	"math"
	"slices"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/oncall"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

// AskNext decides to whom the question of a run goes that nobody answered in time: to the people of the next
// step of the escalation for the labels of the run's notices that reaches anybody. Each step is taken once, how
// often ever the escalation repeats them for alerts. False: nobody is left.
func (s *Settings) AskNext(run actions.Run, labels map[string]string, roster *oncall.Roster, now time.Time) (EscalationStep, bool) {
	policy, ok := s.escalationOf(labels)
	if !ok || run.Question == nil || roster == nil {
		return EscalationStep{}, false
	}
	for i := run.Question.Escalated; i < len(policy.Steps); i++ {
		if told := roster.Tells(policy.Steps[i], now); len(told.Receivers) > 0 {
			return EscalationStep{Told: told, Policy: policy.Name, Step: i, Steps: len(policy.Steps), Unanswered: run.Created}, true
		}
	}
	return EscalationStep{}, false
}

// Asking is the step as a run keeps it.
func (s EscalationStep) Asking() *actions.Asking {
	a := &actions.Asking{Escalation: s.Policy, Step: s.Step, Steps: s.Steps, Receivers: s.Receivers}
	for _, p := range s.People {
		a.People = append(a.People, p.Shown())
	}
	return a
}

// When a breach is worse than what people were told.
const (
	// WorseEvery is the least time between two times at which people are told of one question, so that what
	// breaks one after the other is told together.
	WorseEvery = 2 * time.Minute
	// worseTimes is how many times larger an excess must be.
	worseTimes = 3
	// ExcessOver is the time over which a counter is read to say how large its excess is.
	ExcessOver = counterSettles
)

// breachOf is how bad it is with a service: which of its checks are down, and the highest tier of the alerts
// about it that fire. What counters exceed is not in it.
func (s *Settings) breachOf(service, environment string, p Present) actions.Breach {
	b := actions.Breach{Down: s.inHealth(service, sample.Down, p)}
	slices.Sort(b.Down)
	for _, al := range p.Alerts {
		if al.State == rules.Firing && watch.Concerns(al, service, environment, nil) && above(al.Tier, rules.Tier(b.Tier)) {
			b.Tier = string(al.Tier)
		}
	}
	return b
}

// BreachOf is how bad it is with the service of a run; excess is by how many times its counters, traffic and
// numbers are beyond what is tolerated.
func (s *Settings) BreachOf(run actions.Run, p Present, excess map[string]float64) actions.Breach {
	b := s.breachOf(run.Service, run.Environment, p)
	b.Excess = excess
	return b
}

// Worsens decides whether a breach worsens while a question about it waits, so that people are told again. It
// does when, since they were told last,
//
//   - more checks of the service are down: one that was not among those that people were told of,
//   - an alert about the service fires of a higher tier than any before, or
//   - a counter, traffic or a number exceeds what is tolerated three times as much as it did.
//
// What was bad and is better is forgotten only when the question is over: what comes and goes is told once.
// After people were told, at least WorseEvery must pass. The breach that is given is what people know then.
func Worsens(told, is actions.Breach, now time.Time) (why reason.Reason, known actions.Breach) {
	known = actions.Breach{At: now, Down: union(told.Down, is.Down), Tier: told.Tier, Excess: map[string]float64{}}
	var all []reason.Reason
	if more := slices.DeleteFunc(slices.Clone(known.Down), func(c string) bool { return slices.Contains(told.Down, c) }); len(more) > 0 {
		all = append(all, reason.New("worse_checks", "checks", more, "number", len(is.Down)))
	}
	if above(rules.Tier(is.Tier), rules.Tier(told.Tier)) {
		known.Tier = is.Tier
		all = append(all, reason.New("worse_tier", "tier", reason.New("tier_"+is.Tier)))
	}
	for _, name := range union(keys(told.Excess), keys(is.Excess)) {
		before, times := told.Excess[name], is.Excess[name]
		known.Excess[name] = max(before, times)
		if before > 0 && times >= worseTimes*before {
			all = append(all, reason.New("worse_excess", "name", name, "times", math.Round(times*10)/10, "before", math.Round(before*10)/10))
		}
	}
	if now.Sub(told.At) < WorseEvery {
		return reason.Reason{}, told
	}
	return reason.Join(all...), known
}

func keys(m map[string]float64) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	return all
}
