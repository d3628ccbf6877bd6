package rules

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"guardian/internal/reason"
)

// Health is the outcome of a rule's last evaluation.
type Health string

// The healths of a rule. The zero value means that it was never evaluated.
const (
	HealthOK      Health = "ok"
	HealthErr     Health = "err"     // the query failed, or its answer could not be used
	HealthUnknown Health = "unknown" // at least one check that it reads is blind
)

// GroupState is the state of a group between evaluations. It is a value: Eval takes one and
// gives the next, and the zero value is the state of a group that was never evaluated.
type GroupState struct {
	Rules map[string]RuleState `json:"rules,omitempty"` // by Rule.Key
}

// RuleState is the state of one rule between evaluations.
type RuleState struct {
	Alerts []Alert         `json:"alerts,omitempty"` // pending, firing, and resolved within the last 15 minutes
	Series []labels.Labels `json:"series,omitempty"` // what a recording rule recorded last

	Health   Health        `json:"health,omitempty"`
	Reason   reason.Reason `json:"reason,omitzero"` // why it is not ok
	LastEval time.Time     `json:"last_eval,omitzero"`

	instances map[uint64]instance // what the last result expanded to, by the hash of its labels
}

// Alerts lists every alert of the state, by rule key and labels.
func (s GroupState) Alerts() []Alert {
	var all []Alert
	for _, k := range sortedKeys(s.Rules) {
		all = append(all, s.Rules[k].Alerts...)
	}
	return all
}

// Restore gives the state of the group with those of the alerts that are its own, including
// since when they are active, firing and kept firing. Alerts of rules that the group no longer
// has are included; Carry ends them.
func (g *Group) Restore(alerts []Alert) GroupState {
	s := GroupState{Rules: map[string]RuleState{}}
	for _, a := range alerts {
		if a.File != g.FileID || a.Group != g.Name {
			continue
		}
		rs := s.Rules[a.RuleKey]
		rs.Alerts = append(rs.Alerts, a)
		s.Rules[a.RuleKey] = rs
	}
	return s
}

// Restore gives the states of all groups from the alerts of a former process, by Group.Key.
// The evaluation lists the alerts that ended because their rule is gone.
func Restore(groups []*Group, alerts []Alert, now time.Time) (map[string]GroupState, Evaluation) {
	old := map[string]GroupState{}
	for _, a := range alerts {
		if a.Origin != nil {
			continue // no rule's
		}
		g := Group{FileID: a.File, Name: a.Group}
		if _, ok := old[g.Key()]; !ok {
			old[g.Key()] = g.Restore(alerts)
		}
	}
	return Carry(groups, old, now)
}

// Carry takes states, by Group.Key, over to the groups of a new configuration. A rule keeps
// its state when its group, name and labels are the same. The evaluation has what ends with
// the rules that are gone: their firing alerts are resolved, their series get stale markers.
func Carry(groups []*Group, states map[string]GroupState, now time.Time) (map[string]GroupState, Evaluation) {
	next := make(map[string]GroupState, len(groups))
	ended := Evaluation{At: now}
	have := map[string]map[string]bool{}
	for _, g := range groups {
		have[g.Key()] = map[string]bool{}
		s := GroupState{Rules: map[string]RuleState{}}
		for _, r := range g.Rules {
			have[g.Key()][r.Key] = true
			if rs, ok := states[g.Key()].Rules[r.Key]; ok {
				rs.instances = nil // the templates may be others
				s.Rules[r.Key] = rs
			}
		}
		next[g.Key()] = s
	}
	for _, gk := range sortedKeys(states) {
		for _, rk := range sortedKeys(states[gk].Rules) {
			if !have[gk][rk] {
				ended.end(states[gk].Rules[rk], now)
			}
		}
	}
	return next, ended
}

// end finishes a rule that is no longer configured.
func (e *Evaluation) end(rs RuleState, now time.Time) {
	r := &Rule{} // its labels are not known any more
	for _, a := range rs.Alerts {
		switch a.State {
		case Firing:
			e.Recorded = append(e.Recorded, stale(r.alertSeries(a), now), stale(r.forStateSeries(a), now))
			a.State, a.ResolvedAt = Resolved, now
			e.Changes = append(e.Changes, Change{From: Firing, To: Resolved, Alert: a})
		case Pending:
			e.Recorded = append(e.Recorded, stale(r.alertSeries(a), now), stale(r.forStateSeries(a), now))
			e.Changes = append(e.Changes, Change{From: Pending, Alert: a})
		case Resolved:
		}
	}
	for _, l := range rs.Series {
		e.Recorded = append(e.Recorded, stale(l, now))
	}
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
