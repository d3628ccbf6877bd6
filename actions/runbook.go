package actions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// RunbookSettings is a runbook in the configuration.
type RunbookSettings struct {
	Name          string            `yaml:"name" doc:"The runbook's name."`
	Steps         []StepSettings    `yaml:"steps" doc:"The steps, in order."`
	Verify        VerifySettings    `yaml:"verify" doc:"How the result is verified after the last step."`
	Approval      ApprovalSettings  `yaml:"approval" doc:"How people approve a run that needs approval."`
	Cooldown      model.Duration    `yaml:"cooldown" doc:"Pause after a run in which no automatic run starts for the same service and environment."`
	MaxRunsPerDay int               `yaml:"max_runs_per_day" doc:"Maximum number of automatic runs within 24 hours per service and environment; 0: none."`
	OnFailure     string            `yaml:"on_failure" doc:"After a failed step: stop, continue with the next one, or fallback: skip the steps that are left and do those of fallback. Of a parallel group, after all its steps."`
	Require       []RequireSettings `yaml:"require" doc:"What must be so before the first step, looked at then; else the run is refused, also one that a person started. What cannot be seen is not so."`
	Fallback      []StepSettings    `yaml:"fallback" doc:"The steps, in order, after a step failed whose on_failure is fallback."`
	Worse         string            `yaml:"worse" doc:"When checks that were up before a rollback are down after it: hold (people are told, nothing else is put back), or undo: the version that was rolled back is put in place again, once. Guards are asked as before any run."`
}

// StepSettings is one step of a runbook in the configuration. The settings of the step's kind
// are under the kind's name as a key.
type StepSettings struct {
	Name       string         `yaml:"name" doc:"The step's name; default: its kind."`
	Timeout    model.Duration `yaml:"timeout" doc:"Timeout of one attempt."`
	Idempotent bool           `yaml:"idempotent" doc:"Doing this step twice has the same effect as doing it once: it may be repeated when its outcome is not known."`
	When       []string       `yaml:"when" doc:"Matchers as in routes, all of which must hold for the step to be done: of service, environment, kind (code, config, operation), from, to, trigger (verdict, alert, person, drill) and shop. One of shop holds when a shop that has the version matches, and always where the deploy named none: then all have it."`
	OnFailure  string         `yaml:"on_failure" doc:"After this step failed: stop, continue or fallback; default: as the runbook says."`
	Shops      []string       `yaml:"shops" doc:"The step is done for each of these shops that have the version, all at the same time; it reads {{.Shop}}."`
	Parallel   []StepSettings `yaml:"parallel" doc:"Steps that are done at the same time, in place of a kind: one for each shop or region, say. One that fails stops none of the others; what follows is decided when all are over."`

	// Kind is the key that Settings were under: docker, exec, webhook, …
	Kind string `yaml:"-"`
	// Settings is what Kind.Settings gave, with the configuration decoded into it.
	Settings any `yaml:"-"`
}

// VerifySettings says how a run verifies that the service is cured.
type VerifySettings struct {
	For       model.Duration `yaml:"for" doc:"Maximum time until what made the run necessary is over. It is longer when that is an alert whose rule looks back, or keeps firing, for longer, up to 30m."`
	Every     model.Duration `yaml:"every" doc:"Time between two looks of a check, and two readings of a counter or an alert."`
	Successes int            `yaml:"successes" doc:"Number of consecutive looks that must be up; more for a check that failed only sometimes."`
	Checks    []string       `yaml:"checks" doc:"Checks that must be up in addition to those that failed."`

	Success []CriterionSettings `yaml:"success" doc:"What must hold in addition, such as a share of orders that succeed over five minutes. What cannot be seen does not hold."`
}

// ApprovalSettings says how people are asked.
type ApprovalSettings struct {
	Timeout          model.Duration `yaml:"timeout" doc:"How long to wait for an answer; 0s: for ever."`
	OnTimeout        string         `yaml:"on_timeout" doc:"What happens without an answer: expire (the run is not started: everything stays as it is), approve (it starts: a rollback rolls back), or escalate (the people of the next step of the escalation that matches its message are asked, for as long again; after the last it expires)."`
	Quorum           int            `yaml:"quorum" doc:"How many different people must approve."`
	Roles            []string       `yaml:"roles" doc:"Roles that may answer; higher roles include lower ones."`
	AuthorMayApprove bool           `yaml:"author_may_approve" doc:"Whether who deployed may approve the rollback. With a quorum of two or more they never count. Where they do not count and the author of a deploy is neither one of people nor a token that may approve, one more person must approve."`
}

// The choices of on_failure, worse and on_timeout.
const (
	OnFailureStop     = "stop"
	OnFailureContinue = "continue"
	OnFailureFallback = "fallback"
	WorseHold         = "hold"
	WorseUndo         = "undo"
	OnTimeoutExpire   = "expire"
	OnTimeoutApprove  = "approve"
	OnTimeoutEscalate = "escalate"
)

// OnlyStopsHarm tells whether all that the runbook does is to set kill switches and to announce windows.
func (s *RunbookSettings) OnlyStopsHarm() bool {
	for _, st := range s.All() {
		if !stopsHarm(st.Kind) {
			return false
		}
	}
	return len(s.Steps) > 0
}

// NewRunbookSettings gives the defaults of a runbook.
func NewRunbookSettings() RunbookSettings {
	return RunbookSettings{
		Verify: VerifySettings{
			For:       model.Duration(5 * time.Minute),
			Every:     model.Duration(10 * time.Second),
			Successes: 3,
		},
		Approval: ApprovalSettings{
			Timeout:          model.Duration(30 * time.Minute),
			OnTimeout:        OnTimeoutExpire,
			Quorum:           1,
			Roles:            []string{"approver"},
			AuthorMayApprove: true,
		},
		Cooldown:      model.Duration(30 * time.Minute),
		MaxRunsPerDay: 3,
		OnFailure:     OnFailureStop,
		Worse:         WorseHold,
	}
}

// NewStepSettings gives the defaults of a step.
func NewStepSettings() StepSettings {
	return StepSettings{Timeout: model.Duration(5 * time.Minute)}
}

// Validate joins every mistake of the runbook and its steps.
func (s *RunbookSettings) Validate() error {
	var errs []error
	if s.Name == "" {
		errs = append(errs, errors.New("name: is missing"))
	}
	if len(s.Steps) == 0 {
		errs = append(errs, errors.New("steps: a runbook needs at least one step"))
	}
	seen := map[string]bool{}
	errs = append(errs, validateSteps("steps", s.Steps, seen)...)
	errs = append(errs, validateSteps("fallback", s.Fallback, seen)...)
	errs = append(errs, s.validateFallback()...)
	for i := range s.Require {
		if err := s.Require[i].Validate(); err != nil {
			errs = append(errs, fmt.Errorf("require[%d]: %w", i, err))
		}
	}
	if s.Cooldown < 0 {
		errs = append(errs, errors.New("cooldown: must not be negative"))
	}
	if s.MaxRunsPerDay < 0 {
		errs = append(errs, errors.New("max_runs_per_day: must not be negative"))
	}
	if err := OneOf("on_failure", s.OnFailure, OnFailureStop, OnFailureContinue, OnFailureFallback); err != nil {
		errs = append(errs, err)
	}
	if err := OneOf("worse", s.Worse, WorseHold, WorseUndo); err != nil {
		errs = append(errs, err)
	}
	if err := s.Verify.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("verify: %w", err))
	}
	if err := s.Approval.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("approval: %w", err))
	}
	return errors.Join(errs...)
}

// validateFallback gives the mistakes of what follows a failed step.
func (s *RunbookSettings) validateFallback() (errs []error) {
	wanted := s.OnFailure == OnFailureFallback
	for i := range s.Steps {
		wanted = wanted || s.Steps[i].OnFailure == OnFailureFallback ||
			slices.ContainsFunc(s.Steps[i].Parallel, func(st StepSettings) bool { return st.OnFailure == OnFailureFallback })
	}
	switch {
	case wanted && len(s.Fallback) == 0:
		errs = append(errs, errors.New("fallback: is missing, and on_failure says fallback; list its steps"))
	case !wanted && len(s.Fallback) > 0:
		errs = append(errs, errors.New("fallback: is never reached; set on_failure: fallback at the runbook or at a step"))
	}
	return errs
}

// Validate joins every mistake of the step and of its kind's settings.
func (s *StepSettings) Validate() error {
	_, errs := parseWhen(s.When)
	if s.OnFailure != "" {
		if err := OneOf("on_failure", s.OnFailure, OnFailureStop, OnFailureContinue, OnFailureFallback); err != nil {
			errs = append(errs, err)
		}
	}
	if s.IsGroup() {
		return errors.Join(append(errs, s.validateGroup()...)...)
	}
	errs = append(errs, s.validateShops()...)
	if s.Timeout <= 0 {
		errs = append(errs, errors.New("timeout: must be more than zero"))
	}
	if s.Kind == "" {
		errs = append(errs, errors.New("says nothing to do: add the key of a kind, such as exec or webhook, or parallel"))
	}
	if v, ok := s.Settings.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.Kind, err))
		}
	}
	return errors.Join(errs...)
}

// Title gives the step's name, or that of its kind.
func (s *StepSettings) Title() string {
	switch {
	case s.Name != "":
		return s.Name
	case s.IsGroup():
		return "parallel"
	default:
		return s.Kind
	}
}

// Validate joins every mistake.
func (s *VerifySettings) Validate() error {
	var errs []error
	if s.For < 0 {
		errs = append(errs, errors.New("for: must not be negative"))
	}
	if s.Every <= 0 {
		errs = append(errs, errors.New("every: must be more than zero"))
	}
	if s.Successes < 1 {
		errs = append(errs, errors.New("successes: must be at least 1"))
	}
	if need := time.Duration(s.Every) * time.Duration(s.Successes-1); s.For > 0 && time.Duration(s.For) < need {
		errs = append(errs, fmt.Errorf("for: %d looks every %s take %s; allow at least that", s.Successes, s.Every, model.Duration(need)))
	}
	for i := range s.Success {
		one := &s.Success[i]
		if err := one.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("success[%d]: %w", i, err))
		}
		if s.For <= one.For {
			errs = append(errs, fmt.Errorf("success[%d]: for: %s cannot be seen within the %s of verify.for; set that to more, such as twice as much", i, one.For, s.For))
		}
	}
	return errors.Join(errs...)
}

// Validate joins every mistake.
func (s *ApprovalSettings) Validate() error {
	var errs []error
	if s.Timeout < 0 {
		errs = append(errs, errors.New("timeout: must not be negative"))
	}
	if s.Quorum < 1 {
		errs = append(errs, errors.New("quorum: must be at least 1"))
	}
	if len(s.Roles) == 0 {
		errs = append(errs, errors.New("roles: name at least one, or nobody may answer"))
	}
	if err := OneOf("on_timeout", s.OnTimeout, OnTimeoutExpire, OnTimeoutApprove, OnTimeoutEscalate); err != nil {
		errs = append(errs, err)
	}
	if s.OnTimeout != OnTimeoutExpire && s.Timeout == 0 {
		errs = append(errs, fmt.Errorf("timeout: on_timeout %s needs a time limit", s.OnTimeout))
	}
	return errors.Join(errs...)
}

// OneOf gives the error of a setting that is none of its choices; nil: it is one.
func OneOf(key, got string, choices ...string) error {
	if slices.Contains(choices, got) {
		return nil
	}
	return fmt.Errorf("%s: %q is not one of %s", key, got, strings.Join(choices, ", "))
}

// Runbook is a runbook that can be run.
type Runbook struct {
	Name          string
	Steps         []RunbookStep
	Verify        Verify
	Approval      Approval
	Cooldown      time.Duration
	MaxRunsPerDay int // runs that may start automatically within 24 hours
	OnFailure     string
	Require       []Requirement
	Worse         string // hold or undo; "": hold
}

// RunbookStep is one step of a runbook. Those of a fallback follow all others.
type RunbookStep struct {
	Name       string
	Kind       string
	Timeout    time.Duration
	Idempotent bool
	Step       Step
	Settings   any // of the step's kind, for Preview

	When      When
	OnFailure string // "": as the runbook says, or in a fallback stop
	Group     string // steps in a row of one group are done at the same time; "": it is alone
	Shop      string // that it is for; "": none
	Fallback  bool
}

// Verify says how a run verifies that the service is cured. With For zero it does not: then
// a run is cured when its steps are done.
type Verify struct {
	For       time.Duration
	Every     time.Duration
	Successes int
	Checks    []string
	Success   []Symptom // criteria: queries that must be within their limits
}

// Approval says how people are asked.
type Approval struct {
	Timeout   time.Duration // zero: for ever
	OnTimeout string        // expire, approve or escalate
	Quorum    int
	Roles     []string
	// AuthorExcluded: the approval of who deployed does not count, as with any quorum above one.
	AuthorExcluded bool
}

// NewRunbook builds a runbook of its settings; kinds are the kinds of steps that there are
// (Builtin). All mistakes are joined.
func NewRunbook(s RunbookSettings, kinds map[string]Kind, env Env) (*Runbook, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("runbook %s: %w", s.Name, err)
	}
	b := &Runbook{
		Name: s.Name,
		Verify: Verify{
			For: time.Duration(s.Verify.For), Every: time.Duration(s.Verify.Every),
			Successes: s.Verify.Successes, Checks: s.Verify.Checks,
		},
		Approval: Approval{
			Timeout: time.Duration(s.Approval.Timeout), OnTimeout: s.Approval.OnTimeout,
			Quorum: s.Approval.Quorum, Roles: s.Approval.Roles, AuthorExcluded: !s.Approval.AuthorMayApprove,
		},
		Cooldown: time.Duration(s.Cooldown), MaxRunsPerDay: s.MaxRunsPerDay, OnFailure: s.OnFailure, Worse: s.Worse,
	}
	for i := range s.Require {
		b.Require = append(b.Require, s.Require[i].requirement())
	}
	for i := range s.Verify.Success {
		b.Verify.Success = append(b.Verify.Success, s.Verify.Success[i].symptom())
	}
	l := lister{kinds: kinds, env: env}
	l.add("steps", s.Steps, RunbookStep{})
	l.add("fallback", s.Fallback, RunbookStep{Fallback: true})
	b.Steps = l.all
	if err := errors.Join(prefixed("runbook "+s.Name+": ", l.errs)...); err != nil {
		return nil, err
	}
	return b, nil
}
