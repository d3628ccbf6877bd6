package ruletest

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// The types of a test file, as promtool has them. They are decoded with the YAML library
// that promtool uses, strictly, so that the same files are refused.

type testFile struct {
	RuleFiles          []string       `yaml:"rule_files"`
	EvaluationInterval model.Duration `yaml:"evaluation_interval,omitempty"`
	GroupEvalOrder     []string       `yaml:"group_eval_order"`
	Tests              []testGroup    `yaml:"tests"`
	FuzzyCompare       bool           `yaml:"fuzzy_compare,omitempty"`
}

type testGroup struct {
	Interval        model.Duration `yaml:"interval"`
	InputSeries     []inputSeries  `yaml:"input_series"`
	AlertRuleTests  []alertTest    `yaml:"alert_rule_test,omitempty"`
	PromqlExprTests []exprTest     `yaml:"promql_expr_test,omitempty"`
	ExternalLabels  labels.Labels  `yaml:"external_labels,omitempty"`
	ExternalURL     string         `yaml:"external_url,omitempty"`
	Name            string         `yaml:"name,omitempty"`
	StartTimestamp  startTimestamp `yaml:"start_timestamp,omitempty"`
}

type inputSeries struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

type alertTest struct {
	EvalTime  model.Duration  `yaml:"eval_time"`
	Alertname string          `yaml:"alertname"`
	ExpAlerts []expectedAlert `yaml:"exp_alerts"`
}

type expectedAlert struct {
	ExpLabels      map[string]string `yaml:"exp_labels"`
	ExpAnnotations map[string]string `yaml:"exp_annotations"`
}

type exprTest struct {
	Expr       string           `yaml:"expr"`
	EvalTime   model.Duration   `yaml:"eval_time"`
	ExpSamples []expectedSample `yaml:"exp_samples"`
}

type expectedSample struct {
	Labels    string  `yaml:"labels"`
	Value     float64 `yaml:"value"`
	Histogram string  `yaml:"histogram"` // when it is set, Value is ignored
}

// startTimestamp is RFC 3339, or seconds since 1970.
type startTimestamp struct{ time.Time }

// UnmarshalYAML implements yaml.Unmarshaler.
func (t *startTimestamp) UnmarshalYAML(unmarshal func(any) error) error {
	var s string
	if err := unmarshal(&s); err != nil {
		return err
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		whole, part := math.Modf(f)
		t.Time = time.Unix(int64(whole), int64(part*float64(time.Second))).UTC()
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return fmt.Errorf("cannot parse %q to a valid timestamp", s)
	}
	t.Time = at
	return nil
}

// start gives the time of the first evaluation.
func (tg *testGroup) start() time.Time {
	if tg.StartTimestamp.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return tg.StartTimestamp.Time
}

// length gives the latest time that is tested, from the start.
func (tg *testGroup) length() time.Duration {
	var d model.Duration
	for _, a := range tg.AlertRuleTests {
		d = max(d, a.EvalTime)
	}
	for _, e := range tg.PromqlExprTests {
		d = max(d, e.EvalTime)
	}
	return time.Duration(d)
}

// load gives the input series as promqltest's load command.
func (tg *testGroup) load() string {
	var sb strings.Builder
	fmt.Fprintf(&sb, "load %v\n", short(tg.Interval))
	for _, s := range tg.InputSeries {
		fmt.Fprintf(&sb, "  %v %v\n", s.Series, s.Values)
	}
	return sb.String()
}

func short(d model.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
