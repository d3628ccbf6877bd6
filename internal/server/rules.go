package server

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"guardian/rules"
)

// Rules reads the rules that are evaluated.
type Rules interface {
	RuleGroups(ctx context.Context) ([]RuleGroup, error)
}

// RuleGroup is one group of a rule file.
type RuleGroup struct {
	Name           string
	File           string
	Interval       time.Duration
	Limit          int
	EvaluationTime time.Duration // how long the last evaluation took
	LastEvaluation time.Time
	Rules          []Rule
}

// Rule is one rule: alerting when Alerting is true, else recording.
type Rule struct {
	Alerting       bool
	Name           string // alert or record
	Query          string
	For            time.Duration
	KeepFiringFor  time.Duration
	Labels         map[string]string
	Annotations    map[string]string
	Health         string // ok, err, unknown
	LastError      string
	EvaluationTime time.Duration
	LastEvaluation time.Time
	Alerts         []rules.Alert // its pending and firing alerts
}

// promAlert is an alert in Prometheus' API.
type promAlert struct {
	Labels          map[string]string `json:"labels"`
	Annotations     map[string]string `json:"annotations"`
	State           string            `json:"state"`
	ActiveAt        *time.Time        `json:"activeAt,omitempty"`
	KeepFiringSince *time.Time        `json:"keepFiringSince,omitempty"`
	Value           string            `json:"value"`
}

type promRule struct {
	State          string            `json:"state,omitempty"`
	Name           string            `json:"name"`
	Query          string            `json:"query"`
	Duration       *float64          `json:"duration,omitempty"`
	KeepFiringFor  *float64          `json:"keepFiringFor,omitempty"`
	Labels         map[string]string `json:"labels"`
	Annotations    map[string]string `json:"annotations,omitempty"`
	Alerts         []promAlert       `json:"alerts,omitempty"`
	Health         string            `json:"health"`
	LastError      string            `json:"lastError,omitempty"`
	EvaluationTime float64           `json:"evaluationTime"`
	LastEvaluation time.Time         `json:"lastEvaluation"`
	Type           string            `json:"type"`
}

type promGroup struct {
	Name           string     `json:"name"`
	File           string     `json:"file"`
	Rules          []promRule `json:"rules"`
	Interval       float64    `json:"interval"`
	Limit          int        `json:"limit"`
	EvaluationTime float64    `json:"evaluationTime"`
	LastEvaluation time.Time  `json:"lastEvaluation"`
}

func (*Server) alerts(from Alerts) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		list, err := from.AlertList(r.Context())
		if err != nil {
			return err
		}
		open := []promAlert{}
		for _, a := range list {
			if a.State != rules.Resolved {
				open = append(open, asProm(a.Alert))
			}
		}
		return writeQuery(w, map[string]any{"alerts": open}, nil, nil)
	}
}

func asProm(a rules.Alert) promAlert {
	p := promAlert{
		Labels: orEmptyMap(a.Labels), Annotations: orEmptyMap(a.Annotations), State: string(a.State), ActiveAt: &a.ActiveAt,
		Value: strconv.FormatFloat(a.Value, 'e', -1, 64),
	}
	if !a.KeepFiringSince.IsZero() {
		p.KeepFiringSince = &a.KeepFiringSince
	}
	return p
}

func (s *Server) rules(from Rules) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		if err := params(w, r); err != nil {
			return err
		}
		kind := r.Form.Get("type")
		if kind != "" && kind != "alert" && kind != "record" {
			return badData("invalid parameter %q: not supported value %q", "type", kind)
		}
		groups, err := from.RuleGroups(r.Context())
		if err != nil {
			return err
		}
		wanted := func(param, value string) bool {
			return len(r.Form[param]) == 0 || slices.Contains(r.Form[param], value)
		}
		all := []promGroup{}
		for _, g := range groups {
			if !wanted("file[]", g.File) || !wanted("rule_group[]", g.Name) {
				continue
			}
			group := promGroup{
				Name: g.Name, File: g.File, Rules: []promRule{}, Interval: g.Interval.Seconds(), Limit: g.Limit,
				EvaluationTime: g.EvaluationTime.Seconds(), LastEvaluation: g.LastEvaluation,
			}
			for _, rule := range g.Rules {
				if wanted("rule_name[]", rule.Name) && (kind == "" || (kind == "alert") == rule.Alerting) {
					group.Rules = append(group.Rules, s.ruleAsProm(rule, r.Form.Get("exclude_alerts") == "true"))
				}
			}
			if len(group.Rules) > 0 || len(r.Form["rule_name[]"]) == 0 && kind == "" {
				all = append(all, group)
			}
		}
		return writeQuery(w, map[string]any{"groups": all}, nil, nil)
	}
}

func (s *Server) ruleAsProm(rule Rule, withoutAlerts bool) promRule {
	p := promRule{
		Name: rule.Name, Query: rule.Query, Labels: orEmptyMap(rule.Labels), Health: rule.Health,
		LastError: s.redactor.Redact(rule.LastError), EvaluationTime: rule.EvaluationTime.Seconds(), LastEvaluation: rule.LastEvaluation,
		Type: "recording",
	}
	if !rule.Alerting {
		return p
	}
	held, kept := rule.For.Seconds(), rule.KeepFiringFor.Seconds()
	p.Type, p.State, p.Duration, p.KeepFiringFor, p.Annotations = "alerting", "inactive", &held, &kept, rule.Annotations
	for _, a := range rule.Alerts {
		if a.State == rules.Firing || (a.State == rules.Pending && p.State != "firing") {
			p.State = string(a.State)
		}
		if !withoutAlerts && a.State != rules.Resolved {
			p.Alerts = append(p.Alerts, asProm(a))
		}
	}
	return p
}

func orEmptyMap(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
