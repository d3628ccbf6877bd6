package actions

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// RunbookSettings is a runbook in the configuration.
type RunbookSettings struct {
	Name          string           `yaml:"name" doc:"The runbook's name."`
	Steps         []StepSettings   `yaml:"steps" doc:"The steps, in order."`
	Verify        VerifySettings   `yaml:"verify" doc:"How the result is verified after the last step."`
	Approval      ApprovalSettings `yaml:"approval" doc:"How people approve a run that needs approval."`
	Cooldown      model.Duration   `yaml:"cooldown" doc:"Pause after a run in which no automatic run starts for the same service and environment."`
	MaxRunsPerDay int              `yaml:"max_runs_per_day" doc:"Maximum number of automatic runs within 24 hours per service and environment; 0: none."`
	OnFailure     string           `yaml:"on_failure" doc:"After a failed step: stop, or continue with the next one."`
}

// StepSettings is one step of a runbook in the configuration. The settings of the step's kind
// are under the kind's name as a key.
type StepSettings struct {
	Name       string         `yaml:"name" doc:"The step's name; default: its kind."`
	Timeout    model.Duration `yaml:"timeout" doc:"Timeout of one attempt."`
	Idempotent bool           `yaml:"idempotent" doc:"Doing this step twice has the same effect as doing it once: it may be repeated when its outcome is not known."`

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
}

// ApprovalSettings says how people are asked.
type ApprovalSettings struct {
	Timeout          model.Duration `yaml:"timeout" doc:"How long to wait for an answer; 0s: for ever."`
	OnTimeout        string         `yaml:"on_timeout" doc:"What happens without an answer: expire (the run is not started: everything stays as it is), approve (it starts: a rollback rolls back), or escalate (the people of the next step of the escalation that matches its message are asked, for as long again; after the last it expires)."`
	Quorum           int            `yaml:"quorum" doc:"How many different people must approve."`
	Roles            []string       `yaml:"roles" doc:"Roles that may answer; higher roles include lower ones."`
	AuthorMayApprove bool           `yaml:"author_may_approve" doc:"Whether who deployed may approve the rollback. With a quorum of two or more they never count. Where they do not count and the author of a deploy is neither one of people nor a token that may approve, one more person must approve."`
}

// The choices of on_failure and on_timeout.
const (
	OnFailureStop     = "stop"
	OnFailureContinue = "continue"
	OnTimeoutExpire   = "expire"
	OnTimeoutApprove  = "approve"
	OnTimeoutEscalate = "escalate"
)

// OnlyStopsHarm tells whether all that the runbook does is to set kill switches and to announce windows.
func (s *RunbookSettings) OnlyStopsHarm() bool {
	return len(s.Steps) > 0 && !slices.ContainsFunc(s.Steps, func(st StepSettings) bool { return !stopsHarm(st.Kind) })
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
	for i, st := range s.Steps {
		name := st.Title()
		if seen[name] {
			errs = append(errs, fmt.Errorf("steps[%d]: the name %q is taken by an earlier step; give each step a name of its own", i, name))
		}
		seen[name] = true
		if err := st.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("steps[%d]: %w", i, err))
		}
	}
	if s.Cooldown < 0 {
		errs = append(errs, errors.New("cooldown: must not be negative"))
	}
	if s.MaxRunsPerDay < 0 {
		errs = append(errs, errors.New("max_runs_per_day: must not be negative"))
	}
	if err := OneOf("on_failure", s.OnFailure, OnFailureStop, OnFailureContinue); err != nil {
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

// Validate joins every mistake of the step and of its kind's settings.
func (s *StepSettings) Validate() error {
	var errs []error
	if s.Timeout <= 0 {
		errs = append(errs, errors.New("timeout: must be more than zero"))
	}
	if s.Kind == "" {
		errs = append(errs, errors.New("says nothing to do: add the key of a kind, such as exec or webhook"))
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
	if s.Name != "" {
		return s.Name
	}
	return s.Kind
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
}

// RunbookStep is one step of a runbook.
type RunbookStep struct {
	Name       string
	Kind       string
	Timeout    time.Duration
	Idempotent bool
	Step       Step
	Settings   any // of the step's kind, for Preview
}

// Verify says how a run verifies that the service is cured. With For zero it does not: then
// a run is cured when its steps are done.
type Verify struct {
	For       time.Duration
	Every     time.Duration
	Successes int
	Checks    []string
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
		Cooldown: time.Duration(s.Cooldown), MaxRunsPerDay: s.MaxRunsPerDay, OnFailure: s.OnFailure,
	}
	var errs []error
	for i, st := range s.Steps {
		kind, ok := kinds[st.Kind]
		if !ok {
			errs = append(errs, fmt.Errorf("runbook %s: steps[%d]: no kind %q; choose one of %s",
				s.Name, i, st.Kind, strings.Join(slices.Sorted(maps.Keys(kinds)), ", ")))
			continue
		}
		step, err := kind.Build(st.Settings, env)
		if err != nil {
			errs = append(errs, fmt.Errorf("runbook %s: steps[%d]: %s: %w", s.Name, i, st.Kind, err))
			continue
		}
		b.Steps = append(b.Steps, RunbookStep{
			Name: st.Title(), Kind: st.Kind, Timeout: time.Duration(st.Timeout), Idempotent: st.Idempotent, Step: step, Settings: st.Settings,
		})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return b, nil
}
