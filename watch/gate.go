package watch

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/reason"
	"guardian/rules"
)

// GateReason is one reason why a gate is closed.
type GateReason struct {
	Code   string        `json:"code"`           // freeze, run_in_progress, cool_down, alert
	Until  time.Time     `json:"until,omitzero"` // zero: until what it names is over
	Detail reason.Reason `json:"detail"`         // says what to do
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
	// Acted says that it began to change something. A run that waits for approval, or was
	// refused, rejected or expired, neither closes the gate nor begins a cool-down: the fix may
	// come first.
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

// Gate says why the service may not be deployed (or, with ActRollback, rolled back) now;
// nothing: it may.
//
// That checks are red is never a reason: a red service must be able to receive its fix. An
// alert closes the gate only when its rule says so (blocks_deploy), is critical, and names this
// service or none. A rollback is stopped by freezes that do not allow it and by another run,
// not by cool-downs and alerts: those guard what makes it necessary.
func Gate(f GateFacts, now time.Time) []GateReason {
	act := f.Act
	if act == "" {
		act = ActDeploy
	}
	var reasons []GateReason
	for _, z := range f.Freezes {
		if z.stops(f.Service, act, now) {
			reasons = append(reasons, GateReason{
				Code:   CodeFreeze,
				Until:  clean(z.To),
				Detail: reason.Text(fmt.Sprintf("Freeze %s lasts until %s; wait, or take the service out of it.", z.Name, z.To.UTC().Format(time.RFC3339))),
			})
		}
	}
	for _, r := range f.Rollbacks {
		if r.Service != f.Service || environment(r.Environment) != environment(f.Environment) {
			continue
		}
		switch until := r.Ended.Add(f.CoolDown); {
		case !r.Acted:
		case r.Ended.IsZero():
			reasons = append(reasons, GateReason{
				Code:   CodeRun,
				Detail: reason.Text(fmt.Sprintf("Run %s puts %s back to %s; wait until it ended, or abort it.", r.Run, f.Service, r.To)),
			})
		case act == ActDeploy && now.Before(until):
			reasons = append(reasons, GateReason{
				Code:   CodeCoolDown,
				Until:  clean(until),
				Detail: reason.Text(fmt.Sprintf("Run %s put %s back to %s at %s; the cool-down of %s is not over.", r.Run, f.Service, r.To, r.Ended.UTC().Format(time.RFC3339), model.Duration(f.CoolDown))),
			})
		}
	}
	for _, a := range f.Alerts {
		if act == ActDeploy && closes(a, f) {
			reasons = append(reasons, GateReason{
				Code:   CodeAlert,
				Detail: reason.Text(fmt.Sprintf("Alert %s fires since %s and its rule blocks deploys; wait until it is resolved.", a.Rule, a.ActiveAt.UTC().Format(time.RFC3339))),
			})
		}
	}
	return reasons
}

// stops tells whether the freeze forbids an act on a service now; To is exclusive.
func (z Freeze) stops(service string, act Act, now time.Time) bool {
	return !now.Before(z.From) && now.Before(z.To) &&
		(len(z.Services) == 0 || slices.Contains(z.Services, service)) &&
		!slices.Contains(z.Allow, act)
}

// closes tells whether an alert closes the gate.
func closes(a rules.Alert, f GateFacts) bool {
	e := a.Labels["environment"]
	return a.State == rules.Firing && a.Tier == rules.Critical && a.Labels[BlocksDeploy] == "true" &&
		(a.Service() == "" || a.Service() == f.Service) &&
		(e == "" || e == environment(f.Environment))
}
