package actions

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// NumberSettings is a number with a limit, as a condition.
type NumberSettings struct {
	Name   string   `yaml:"name" doc:"What messages and pages call it; default: the check or the query."`
	Query  string   `yaml:"query" doc:"PromQL of a number, such as the share of orders that succeeded. Of several series the worst counts. Without a value the condition is not met."`
	Min    *float64 `yaml:"min" doc:"The number must be at least this."`
	Max    *float64 `yaml:"max" doc:"The number must be at most this."`
	Source string   `yaml:"source" doc:"Which of rule_sources answers the query; without, the guardian's own series."`
}

// CriterionSettings is what a cure must show beside that its symptoms are over.
type CriterionSettings struct {
	NumberSettings `yaml:",inline"`
	For            model.Duration `yaml:"for" doc:"How long it must hold without a break; default: as many looks as verify.successes."`
}

// RequireSettings is what must be so before the first step.
type RequireSettings struct {
	NumberSettings `yaml:",inline"`
	Check          string `yaml:"check" doc:"A check that must be up, such as one of kind backup: then the backup is fresh. In place of query."`
	Is             string `yaml:"is" doc:"What the check must be: up or down."`
}

// The healths that a precondition asks for.
const (
	requireUp   = "up"
	requireDown = "down"
)

// NewRequireSettings gives the defaults of a precondition.
func NewRequireSettings() RequireSettings { return RequireSettings{Is: requireUp} }

// Title gives the name of a number, or its query.
func (s *NumberSettings) Title() string {
	if s.Name != "" {
		return s.Name
	}
	return strings.TrimSpace(s.Query)
}

// validate gives every mistake.
func (s *NumberSettings) validate() (errs []error) {
	e, err := parser.NewParser(parser.Options{}).ParseExpr(s.Query)
	switch b, _ := e.(*parser.BinaryExpr); {
	case strings.TrimSpace(s.Query) == "":
		errs = append(errs, errors.New("query: is missing"))
	case err != nil:
		errs = append(errs, fmt.Errorf("query: %q is no PromQL: %w", s.Query, err))
	case b != nil && b.Op.IsComparisonOperator():
		errs = append(errs, errors.New("query: is a comparison, which has no value where it is false or where nothing is known; give the number alone, and its limit as min or max"))
	}
	if (s.Min == nil) == (s.Max == nil) {
		errs = append(errs, errors.New("query: goes with one of min and max; two limits are two entries"))
	}
	return errs
}

// symptom is the number as something that must be over: within its limit.
func (s *NumberSettings) symptom() Symptom {
	out := Symptom{Kind: SymptomQuery, Name: s.Title(), Query: s.Query, Source: s.Source}
	if s.Min != nil {
		out.Limit, out.Lower = *s.Min, true
	} else if s.Max != nil {
		out.Limit = *s.Max
	}
	return out
}

// Validate joins every mistake.
func (s *CriterionSettings) Validate() error {
	errs := s.validate()
	if s.For < 0 {
		errs = append(errs, errors.New("for: must not be negative"))
	}
	return errors.Join(errs...)
}

// symptom is the criterion as something that must be over.
func (s *CriterionSettings) symptom() Symptom {
	out := s.NumberSettings.symptom()
	out.Hold = time.Duration(s.For).Seconds()
	return out
}

// Validate joins every mistake.
func (s *RequireSettings) Validate() error {
	var errs []error
	switch query := s.Query != "" || s.Min != nil || s.Max != nil; {
	case s.Check != "" && query:
		errs = append(errs, errors.New("check: goes without query; two conditions are two entries"))
	case s.Check == "" && !query:
		errs = append(errs, errors.New("check: is missing; name a check, or set query with min or max"))
	case query:
		errs = append(errs, s.validate()...)
	}
	if err := OneOf("is", s.Is, requireUp, requireDown); err != nil {
		errs = append(errs, err)
	}
	if s.Check == "" && s.Is == requireDown {
		errs = append(errs, errors.New("is: goes with check"))
	}
	return errors.Join(errs...)
}

// Requirement is what must be so before the first step.
type Requirement struct {
	Symptom // a check, or a query
	Title   string
	Is      string // up or down
}

// requirement is the precondition as it is asked.
func (s *RequireSettings) requirement() Requirement {
	if s.Check == "" {
		return Requirement{Symptom: s.symptom(), Title: s.Title(), Is: requireUp}
	}
	return Requirement{Symptom: Symptom{Kind: SymptomCheck, Name: s.Check}, Title: cmp.Or(s.Name, s.Check), Is: s.Is}
}
