package actions

import (
	"time"

	"guardian/internal/reason"
)

// State is where a run stands.
type State string

// The states of a run.
const (
	Queued           State = "waiting"           // another run of the service is not over: after it the guards are asked again
	AwaitingApproval State = "awaiting_approval" // a person is asked; see Run.Question
	Running          State = "running"
	Verifying        State = "verifying"
	Cured            State = "cured"     // the checks that failed are up again
	NotCured         State = "not_cured" // they still fail
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

// TriggerKind is what started a run.
type TriggerKind string

// The triggers.
const (
	ByVerdict TriggerKind = "verdict"
	ByAlert   TriggerKind = "alert"
	ByPerson  TriggerKind = "person"
	ByDrill   TriggerKind = "drill"
)

// Trigger is why a run exists.
type Trigger struct {
	Kind   TriggerKind `json:"kind"`
	Deploy string      `json:"deploy,omitempty"` // deploy ID
	Watch  string      `json:"watch,omitempty"`
	Alert  string      `json:"alert,omitempty"` // alert ID
	// AlertEpisode tells two firings of one alert apart: its FiredAt in Unix nanoseconds.
	AlertEpisode int64         `json:"alert_episode,omitempty"`
	Person       string        `json:"person,omitempty"` // the token's name
	Reason       reason.Reason `json:"reason"`
}

// StepState is where a step of a run stands.
type StepState string

// The states of a step.
const (
	StepPending StepState = "pending"
	StepIntent  StepState = "intent"  // the intent is journalled; whether it happened is open
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
	Output  string        `json:"output,omitempty"` // kept, bounded, redacted
	Error   reason.Reason `json:"error,omitzero"`   // redacted
	// Resolved says who or what settled an intent that a crash left open.
	Resolved reason.Reason `json:"resolved,omitzero"`
}

// Question is what a person is asked while a run waits.
type Question struct {
	Code string        `json:"code"` // "approval" or "outcome_unknown"
	Text reason.Reason `json:"text"`
	// Why is the guard that asks; "" when the configuration wants a person's word.
	Why  Code `json:"why,omitempty"`
	Step int  `json:"step"` // index of the step for outcome_unknown
	// Until is when the question expires; zero: it waits for ever.
	Until time.Time `json:"until,omitzero"`
	// The terms under which it was asked: a reload does not change them.
	OnTimeout string   `json:"on_timeout,omitempty"` // expire or approve
	Quorum    int      `json:"quorum,omitempty"`     // how many different people must approve
	Roles     []string `json:"roles,omitempty"`      // who may answer
}

// Answer is a person's answer to a Question.
type Answer struct {
	By       string    `json:"by"`   // the token's name
	Role     string    `json:"role"` // the token's role: viewer, deployer, approver, admin
	At       time.Time `json:"at"`
	Decision string    `json:"decision"` // approve, reject; for outcome_unknown: done, repeat, abort
	Note     string    `json:"note,omitempty"`
}

// CheckResult is one check in a verification.
type CheckResult struct {
	Check  string        `json:"check"`
	Health string        `json:"health"` // up, down, unknown
	Reason reason.Reason `json:"reason,omitzero"`
	At     time.Time     `json:"at"`
	Looks  int           `json:"looks"`
}

// Run is one execution of a runbook: a value that is journalled whole at every change.
type Run struct {
	ID          string        `json:"id"`
	Service     string        `json:"service"`
	Environment string        `json:"environment"`
	Runbook     string        `json:"runbook"`
	Rev         int           `json:"rev"` // how often it was recorded: of two values of a run, the higher one is newer
	Trigger     Trigger       `json:"trigger"`
	Rollback    bool          `json:"rollback"`       // puts a version back; otherwise it is any other act
	From        string        `json:"from,omitempty"` // the version that is bad
	To          string        `json:"to,omitempty"`   // the version to put back
	State       State         `json:"state"`
	Reason      reason.Reason `json:"reason,omitzero"` // why it is in this state

	Created time.Time `json:"created"`
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`

	Steps    []StepRun `json:"steps"`
	Question *Question `json:"question,omitempty"`
	Answers  []Answer  `json:"answers,omitempty"`

	// Failing are the checks that made it necessary; Healthy those of the service that were
	// up when it began: one of these down afterwards means Worse.
	Failing      []string      `json:"failing,omitempty"`
	Healthy      []string      `json:"healthy,omitempty"`
	Verification []CheckResult `json:"verification,omitempty"`
}

// Entry is one line of the ledger: appended, never changed.
type Entry struct {
	Run    string        `json:"run"`
	Step   int           `json:"step"` // -1: about the run
	Intent string        `json:"intent,omitempty"`
	What   string        `json:"what"` // created, waits, turn, intent, outcome, asked, answered, resolved, verified, ended
	Detail reason.Reason `json:"detail,omitzero"`
	By     string        `json:"by,omitempty"`
	At     time.Time     `json:"at"`
}
