package api

import (
	"context"

	"guardian/internal/alerting"
	"guardian/internal/server"
	"guardian/rules"
)

// ruleReader implements server.Rules. Only the leader evaluates rules.
type ruleReader struct {
	running func() Running
	leader  leader
}

// RuleGroups implements server.Rules.
func (rr ruleReader) RuleGroups(context.Context) ([]server.RuleGroup, error) {
	leading, ok := rr.leader()
	var all []server.RuleGroup
	for _, g := range rr.running().Config.Groups {
		var state rules.GroupState
		var last alerting.Evaluation
		if ok {
			state, last = leading.Alerts.State(g.Key())
		}
		all = append(all, groupOf(g, state, last))
	}
	return all, nil
}

// groupOf is a group of rules as the API shows it.
func groupOf(g *rules.Group, state rules.GroupState, last alerting.Evaluation) server.RuleGroup {
	v := server.RuleGroup{
		Name: g.Name, File: g.File, Interval: g.Interval, Limit: g.Limit, LastEvaluation: last.At, EvaluationTime: last.Took,
	}
	for _, r := range g.Rules {
		s := state.Rules[r.Key]
		rule := server.Rule{
			Alerting: r.Alert != "", Name: r.Name(), Query: r.Expr, For: r.For, KeepFiringFor: r.KeepFiringFor,
			Labels: r.Labels, Annotations: r.Annotations, Health: string(s.Health), LastEvaluation: s.LastEval, EvaluationTime: last.Took,
		}
		if s.Health == "" {
			rule.Health = "unknown"
		}
		if s.Health != rules.HealthOK {
			rule.LastError = s.Reason.String()
		}
		for _, al := range s.Alerts {
			if al.State != rules.Resolved {
				rule.Alerts = append(rule.Alerts, al)
			}
		}
		v.Rules = append(v.Rules, rule)
	}
	return v
}
