package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

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

// promAlerting and promRecording are the two kinds of rules in Prometheus' API.
type promAlerting struct {
	State          string            `json:"state"`
	Name           string            `json:"name"`
	Query          string            `json:"query"`
	Duration       float64           `json:"duration"`
	KeepFiringFor  float64           `json:"keepFiringFor"`
	Labels         map[string]string `json:"labels"`
	Annotations    map[string]string `json:"annotations"`
	Alerts         []promAlert       `json:"alerts"`
	Health         string            `json:"health"`
	LastError      string            `json:"lastError,omitempty"`
	EvaluationTime float64           `json:"evaluationTime"`
	LastEvaluation time.Time         `json:"lastEvaluation"`
	Type           string            `json:"type"`
}

type promRecording struct {
	Name           string            `json:"name"`
	Query          string            `json:"query"`
	Labels         map[string]string `json:"labels"`
	Health         string            `json:"health"`
	LastError      string            `json:"lastError,omitempty"`
	EvaluationTime float64           `json:"evaluationTime"`
	LastEvaluation time.Time         `json:"lastEvaluation"`
	Type           string            `json:"type"`
}

type promGroup struct {
	Name           string    `json:"name"`
	File           string    `json:"file"`
	Rules          []any     `json:"rules"`
	Interval       float64   `json:"interval"`
	Limit          int       `json:"limit"`
	EvaluationTime float64   `json:"evaluationTime"`
	LastEvaluation time.Time `json:"lastEvaluation"`
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

// rulesQuery is which groups and rules are asked for, and how many groups at once.
type rulesQuery struct {
	form          url.Values
	kind          string // alert, record; "": both
	withoutAlerts bool
	selectors     [][]*labels.Matcher // of the rules' labels
	limit         int                 // of groups; 0: none
	from          string              // the token of the group to begin with
}

func parseRulesQuery(r *http.Request) (rulesQuery, error) {
	q := rulesQuery{form: r.Form, kind: strings.ToLower(r.Form.Get("type")), from: r.Form.Get("group_next_token")}
	if q.kind != "" && q.kind != "alert" && q.kind != "record" {
		return rulesQuery{}, badData("invalid parameter %q: not supported value %q", "type", q.kind)
	}
	var err error
	if text := r.Form.Get("exclude_alerts"); text != "" {
		if q.withoutAlerts, err = strconv.ParseBool(strings.ToLower(text)); err != nil {
			return rulesQuery{}, badData("invalid parameter %q: error converting exclude_alerts: %w", "exclude_alerts", err)
		}
	}
	if q.selectors, err = matchers(r); err != nil {
		return rulesQuery{}, err
	}
	switch text := r.Form.Get("group_limit"); {
	case text != "":
		if q.limit, err = strconv.Atoi(text); err != nil || q.limit <= 0 {
			return rulesQuery{}, badData("invalid parameter %q: group_limit needs to be a number greater than 0", "group_limit")
		}
	case q.from != "":
		return rulesQuery{}, badData("invalid parameter %q: group_limit needs to be present in order to paginate over the groups", "group_next_token")
	}
	return q, nil
}

// rulesParams are the parameters of rules. Grafana sends those that end in [] without it, too, as Mimir
// spells them.
func rulesParams() []string {
	return []string{
		"type", "rule_name[]", "rule_group[]", "file[]", "rule_name", "rule_group", "file", "match[]", "exclude_alerts", "group_limit", "group_next_token",
	}
}

// of gives what is asked for by a parameter, in either spelling.
func (q rulesQuery) of(param string) []string {
	return slices.Concat(q.form[param], q.form[strings.TrimSuffix(param, "[]")])
}

// wants tells whether one of a parameter's values is asked for: any, where there is none.
func (q rulesQuery) wants(param, value string) bool {
	all := q.of(param)
	return len(all) == 0 || slices.Contains(all, value)
}

func (q rulesQuery) wantsRule(r Rule) bool {
	if !q.wants("rule_name[]", r.Name) || q.kind != "" && (q.kind == "alert") != r.Alerting {
		return false
	}
	return len(q.selectors) == 0 || slices.ContainsFunc(q.selectors, func(ms []*labels.Matcher) bool {
		return !slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return !m.Matches(r.Labels[m.Name]) })
	})
}

// all tells whether groups without rules are asked for, too.
func (q rulesQuery) all() bool {
	return len(q.of("rule_name[]")) == 0 && q.kind == "" && len(q.selectors) == 0 && q.limit == 0
}

// groupToken is what names a group where a list goes on.
func groupToken(g RuleGroup) string {
	sum := sha256.Sum256([]byte(g.File + ";" + g.Name))
	return hex.EncodeToString(sum[:])
}

func (s *Server) rules(from Rules) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		q, err := parseRulesQuery(r)
		if err != nil {
			return err
		}
		groups, err := from.RuleGroups(r.Context())
		if err != nil {
			return err
		}
		if q.from != "" {
			i := slices.IndexFunc(groups, func(g RuleGroup) bool { return groupToken(g) == q.from })
			if i < 0 {
				return badData("invalid parameter %q: invalid group_next_token '%s'. were rule groups changed?", "group_next_token", q.from)
			}
			groups = groups[i:]
		}
		answer := map[string]any{}
		all := []promGroup{}
		for _, g := range groups {
			group, ok := s.groupAsProm(g, q)
			if !ok {
				continue
			}
			if q.limit > 0 && len(all) == q.limit {
				answer["groupNextToken"] = groupToken(g)
				break
			}
			all = append(all, group)
		}
		answer["groups"] = all
		return writeQuery(w, answer, nil, nil)
	}
}

// groupAsProm gives what is asked for of a group; false when that is nothing.
func (s *Server) groupAsProm(g RuleGroup, q rulesQuery) (promGroup, bool) {
	if !q.wants("file[]", g.File) || !q.wants("rule_group[]", g.Name) {
		return promGroup{}, false
	}
	group := promGroup{
		Name: g.Name, File: g.File, Rules: []any{}, Interval: g.Interval.Seconds(), Limit: g.Limit,
		EvaluationTime: g.EvaluationTime.Seconds(), LastEvaluation: g.LastEvaluation,
	}
	for _, rule := range g.Rules {
		if q.wantsRule(rule) {
			group.Rules = append(group.Rules, s.ruleAsProm(rule, q.withoutAlerts))
		}
	}
	return group, len(group.Rules) > 0 || q.all()
}

func (s *Server) ruleAsProm(rule Rule, withoutAlerts bool) any {
	wrong, took := s.redactor.Redact(rule.LastError), rule.EvaluationTime.Seconds()
	if !rule.Alerting {
		return promRecording{
			Name: rule.Name, Query: rule.Query, Labels: orEmptyMap(rule.Labels), Health: rule.Health, LastError: wrong,
			EvaluationTime: took, LastEvaluation: rule.LastEvaluation, Type: "recording",
		}
	}
	p := promAlerting{
		Name: rule.Name, Query: rule.Query, Labels: orEmptyMap(rule.Labels), Annotations: orEmptyMap(rule.Annotations), Health: rule.Health,
		LastError: wrong, EvaluationTime: took, LastEvaluation: rule.LastEvaluation, Type: "alerting",
		State: "inactive", Duration: rule.For.Seconds(), KeepFiringFor: rule.KeepFiringFor.Seconds(), Alerts: []promAlert{},
	}
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
