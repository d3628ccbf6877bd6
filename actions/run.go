package actions

import (
	"slices"
	"time"

	"guardian/internal/reason"
)

// State is where a run stands.
type State string

// The states of a run.
const (
	Queued           State = "waiting"           // another run of the service is not over; after it the guards are asked again
	AwaitingApproval State = "awaiting_approval" // a person is asked; see Run.Question
	Running          State = "running"
	Verifying        State = "verifying"
	Cured            State = "cured"     // what made the run necessary is over
	NotCured         State = "not_cured" // it is not
	Worse            State = "worse"     // checks that were up before the run are down now
	FailedRun        State = "failed"    // a step failed, or it was aborted
	Rejected         State = "rejected"  // a person said no
	Expired          State = "expired"   // nobody answered in time
	Refused          State = "refused"   // a guard said no
)

// Final tells whether a run in this state is over.
func (s State) Final() bool {
	switch s {
	case Queued, AwaitingApproval, Running, Verifying:
		return false
	case Cured, NotCured, Worse, FailedRun, Rejected, Expired, Refused:
		return true
	default:
		return true
	}
}

// words is the state in words.
func (s State) words() reason.Reason { return reason.New("run_state_" + string(s)) }

// TriggerKind is what started a run.
type TriggerKind string

// The triggers.
const (
	ByVerdict TriggerKind = "verdict"
	ByAlert   TriggerKind = "alert"
	ByPerson  TriggerKind = "person"
	ByDrill   TriggerKind = "drill"
	ByUndo    TriggerKind = "undo" // a rollback after which the service is worse is undone
)

// automatic tells whether a run starts without a person.
func (k TriggerKind) automatic() bool { return k == ByVerdict || k == ByAlert || k == ByUndo }

// Trigger is why a run exists.
type Trigger struct {
	Kind   TriggerKind `json:"kind"`
	Deploy string      `json:"deploy,omitempty"` // deploy ID
	Watch  string      `json:"watch,omitempty"`
	Alert  string      `json:"alert,omitempty"` // alert ID
	// AlertEpisode tells two firings of one alert apart: its FiredAt in Unix nanoseconds.
	AlertEpisode int64         `json:"alert_episode,omitempty"`
	Person       string        `json:"person,omitempty"` // the token's name
	Run          string        `json:"run,omitempty"`    // the run that is undone
	Reason       reason.Reason `json:"reason"`
	// Drill is the drill that it is a part of; "": none.
	Drill string `json:"drill,omitempty"`
}

// Rehearses tells whether a run is a part of a drill: it may not touch production, and counts for nothing.
func (t Trigger) Rehearses() bool { return t.Kind == ByDrill || t.Drill != "" }

// StepState is where a step of a run stands.
type StepState string

// The states of a step.
const (
	StepPending StepState = "pending"
	StepIntent  StepState = "intent"  // the intent is journalled; whether the step happened is not known yet
	StepDone    StepState = "done"    // it happened
	StepFailed  StepState = "failed"  // it was tried and did not succeed
	StepUnknown StepState = "unknown" // only a person can know whether it happened
	StepSkipped StepState = "skipped"
)

// StepRun is one step of a run.
type StepRun struct {
	Name    string        `json:"name"`
	Kind    string        `json:"kind"`
	State   StepState     `json:"state"`
	Intent  string        `json:"intent,omitempty"` // ID: the idempotency key that targets get
	Attempt int           `json:"attempt,omitempty"`
	Started time.Time     `json:"started,omitzero"`
	Ended   time.Time     `json:"ended,omitzero"`
	Output  string        `json:"output,omitempty"` // bounded and redacted
	Error   reason.Reason `json:"error,omitzero"`   // bounded and redacted
	// Resolved says how it was found out whether an intent without an outcome happened.
	Resolved reason.Reason `json:"resolved,omitzero"`

	// Group: steps in a row of one group are done at the same time; Shop is the one that the step is for;
	// Fallback: it is only done after another step failed.
	Group    string `json:"group,omitempty"`
	Shop     string `json:"shop,omitempty"`
	Fallback bool   `json:"fallback,omitempty"`
	// Skipped is why the step is not meant for this run; zero: it is.
	Skipped reason.Reason `json:"skipped,omitzero"`
}

// Question is what a person is asked before a run goes on.
type Question struct {
	Code string        `json:"code"` // AskApproval or AskOutcome
	Text reason.Reason `json:"text"`
	// Why is the guard that asks; "" when the configuration requires an approval.
	Why  Code `json:"why,omitempty"`
	Step int  `json:"step"` // index of the step for AskOutcome
	// Until is when the question expires; zero: never.
	Until time.Time `json:"until,omitzero"`
	// The rest is of the runbook as it was when the question was asked: a reload does not
	// change it.
	OnTimeout string   `json:"on_timeout,omitempty"` // expire, approve or escalate
	Quorum    int      `json:"quorum,omitempty"`     // how many different people must approve
	Roles     []string `json:"roles,omitempty"`      // who may answer
	// Author are the names of the one whose approval does not count: who deployed what is rolled back.
	Author []string `json:"author,omitempty"`
	// Within is how many seconds each of those has who are asked one after the other (on_timeout: escalate), and
	// Escalated how many steps of the escalation are behind.
	Within    float64 `json:"within,omitempty"`
	Escalated int     `json:"escalated,omitempty"`
	// Breach is what those who are asked were told, so that they are told again when it worsens; nil: of a
	// build before, or nothing fails.
	Breach *Breach `json:"breach,omitempty"`
}

// Answer is a person's answer to a Question.
type Answer struct {
	By       string    `json:"by"`   // the token's name
	Role     string    `json:"role"` // the token's role: viewer, deployer, approver, admin
	At       time.Time `json:"at"`
	Decision string    `json:"decision"` // approve, reject; for AskOutcome: done, repeat, abort
	Note     string    `json:"note,omitempty"`
}

// CheckResult is one check in a verification, or another symptom: then Kind says which, and up
// means that it is over.
type CheckResult struct {
	Kind   SymptomKind   `json:"kind,omitempty"` // "": a check
	Check  string        `json:"check"`          // or the counter, or the rule
	Health string        `json:"health"`         // up, down, unknown
	Reason reason.Reason `json:"reason,omitzero"`
	At     time.Time     `json:"at"`
	Looks  int           `json:"looks"`
	Took   time.Duration `json:"-"` // of the last look
	// Excess is how many times what is tolerated it is, of a counter, traffic or a number; 0: not known.
	Excess float64 `json:"-"`
}

// Run is one execution of a runbook: a value that is journalled whole at every change.
type Run struct {
	ID          string        `json:"id"`
	Service     string        `json:"service"`
	Environment string        `json:"environment"`
	Runbook     string        `json:"runbook"`
	Rev         int           `json:"rev"` // how often it was recorded: of two values of a run, the one with the higher Rev is newer
	Trigger     Trigger       `json:"trigger"`
	Rollback    bool          `json:"rollback"`       // puts a version back; otherwise it is any other act
	Kind        string        `json:"kind,omitempty"` // what is rolled back: code, config or operation
	From        string        `json:"from,omitempty"` // the version that is bad
	To          string        `json:"to,omitempty"`   // the version to put back; "" when an operation is undone
	State       State         `json:"state"`
	Reason      reason.Reason `json:"reason,omitzero"` // why it is in this state

	// Shops are those that have the version that is rolled back; none: all.
	Shops []string `json:"shops,omitempty"`

	// Irreversible: the deploy that is rolled back was announced as one that cannot be; a person wanted
	// the run all the same.
	Irreversible bool `json:"irreversible,omitempty"`

	Created time.Time `json:"created"`
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`

	Steps []StepRun `json:"steps"`
	// FellBack is why the fallback's steps are done; zero: they are not.
	FellBack reason.Reason `json:"fell_back,omitzero"`
	// Required is what was seen of the preconditions, before the first step.
	Required []CheckResult `json:"required,omitempty"`
	Question *Question     `json:"question,omitempty"`
	Answers  []Answer      `json:"answers,omitempty"`
	// Asked are the receivers of those to whom its question was escalated: they hear what becomes of it.
	Asked []string `json:"asked,omitempty"`

	// Symptoms are what made it necessary, and Failing the checks that were down then. Healthy are
	// those of the service that were up: one of these down afterwards means Worse.
	Symptoms     []Symptom     `json:"symptoms,omitempty"`
	Failing      []string      `json:"failing,omitempty"`
	Healthy      []string      `json:"healthy,omitempty"`
	Verification []CheckResult `json:"verification,omitempty"`
	// UndoNext: the service is worse after this rollback, and the runbook says to undo it then.
	UndoNext bool `json:"undo_next,omitempty"`
	// VerifyingSince is when it began to be verified, whichever guardian goes on with that. Runs of
	// earlier builds do not have it.
	VerifyingSince time.Time `json:"verifying_since,omitzero"`
}

// resume lets the run go on with its steps.
func (r *Run) resume(why reason.Reason) {
	r.State, r.Question, r.Reason = Running, nil, why
}

// end closes the run and the steps that are not over.
func (r *Run) end(state State, why reason.Reason, now time.Time) {
	r.State, r.Reason, r.Question, r.Ended = state, why, nil, now
	for i := range r.Steps {
		switch s := &r.Steps[i]; s.State {
		case StepPending:
			s.State = StepSkipped
		case StepIntent:
			s.State, s.Ended = StepUnknown, now
		case StepDone, StepFailed, StepUnknown, StepSkipped:
		}
	}
}

// Planned are the steps that the run does, as far as it went: without those that are not meant for it, and
// without the fallback's while nothing failed.
func (r Run) Planned() []StepRun {
	return slices.DeleteFunc(slices.Clone(r.Steps), func(s StepRun) bool {
		return !s.Skipped.IsZero() || s.Fallback && r.FellBack.IsZero()
	})
}

// fall skips the steps that are left, so that the fallback's come next.
func (r *Run) fall(why reason.Reason) {
	r.FellBack = why
	for i := range r.Steps {
		if s := &r.Steps[i]; s.State == StepPending && !s.Fallback {
			s.State = StepSkipped
		}
	}
}

// failedSteps gives the names of the steps that failed.
func (r Run) failedSteps() []string {
	var names []string
	for _, s := range r.Steps {
		if s.State == StepFailed {
			names = append(names, s.Name)
		}
	}
	return names
}

// SetsFlagsOnly tells whether all that the run does is to set kill switches, and no rollback.
func (r Run) SetsFlagsOnly() bool { return r.only(func(kind string) bool { return kind == "flag" }) }

// OnlyStopsHarm tells whether all that the run does is to set kill switches and to announce windows,
// and no rollback. That cures nothing: the run is over when it is done, and keeps no rollback waiting.
func (r Run) OnlyStopsHarm() bool { return r.only(stopsHarm) }

// stopsHarm tells whether a step of a kind changes nothing of what other runbooks change.
func stopsHarm(kind string) bool { return kind == "flag" || kind == "freeze" || kind == "maintenance" }

// FallbackActs tells whether a step of the fallback is done that changes more than kill switches and windows.
func (r Run) FallbackActs() bool {
	return slices.ContainsFunc(r.Steps, func(s StepRun) bool { return s.Fallback && s.State == StepDone && !stopsHarm(s.Kind) })
}

func (r Run) only(is func(kind string) bool) bool {
	return !r.Rollback && len(r.Steps) > 0 && !slices.ContainsFunc(r.Steps, func(s StepRun) bool { return !is(s.Kind) })
}

// clone copies what a run shares with its copies, so that changing one does not change the
// others.
func (r Run) clone() Run {
	r.Steps = slices.Clone(r.Steps)
	r.Answers = slices.Clone(r.Answers)
	r.Verification, r.Required = slices.Clone(r.Verification), slices.Clone(r.Required)
	if r.Question != nil {
		q := *r.Question
		r.Question = &q
	}
	r.Asked = slices.Clone(r.Asked)
	return r
}
