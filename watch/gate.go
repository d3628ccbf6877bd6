package watch

import (
	"time"

	"guardian/rules"
)

// Reason is one reason why a gate is closed.
type Reason struct {
	Code   string    `json:"code"`           // freeze, run_in_progress, cool_down, alert
	Until  time.Time `json:"until,omitzero"` // zero: until what it names is over
	Detail string    `json:"detail"`         // in English, says what to do
}

// The codes of a closed gate.
const (
	CodeFreeze   = "freeze"
	CodeRun      = "run_in_progress"
	CodeCoolDown = "cool_down"
	CodeAlert    = "alert"
)

// BlocksDeploy is the label with which a rule closes the gate while it fires: "true".
const BlocksDeploy = "blocks_deploy"

// Freeze is a calendar window in which services may not be deployed.
type Freeze struct {
	Name     string    `json:"name"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Services []string  `json:"services,omitempty"` // empty: all
	Allow    []Act     `json:"allow,omitempty"`
}

// Act is what somebody wants to do through the gate.
type Act string

// The acts that ask the gate.
const (
	ActDeploy   Act = "deploy"
	ActRollback Act = "rollback"
)

// Rollback is what gates and Accept need to know of a run that puts a version back.
type Rollback struct {
	Run         string
	Service     string
	Environment string
	From, To    string    // versions
	Created     time.Time // UTC
	Ended       time.Time // zero: in progress
	// Acted says that it changed something: a run that was refused, rejected or expired
	// before its first step begins no cool-down.
	Acted bool
}

// GateFacts is everything that Gate reads.
type GateFacts struct {
	Service     string
	Environment string
	Act         Act // default ActDeploy
	Freezes     []Freeze
	// Rollbacks are the runs of any service; those of others are ignored.
	Rollbacks []Rollback
	CoolDown  time.Duration // after a rollback ended
	// Alerts are those that fire now.
	Alerts []rules.Alert
}

// Gate says why the service may not be deployed now; nothing: it may.
func Gate(f GateFacts, now time.Time) []Reason { return nil }
