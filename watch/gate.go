package watch

import (
	"slices"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/rules"
)

// GateReason is one reason why a gate is closed.
type GateReason struct {
	Code   string        `json:"code"`           // freeze, run_in_progress, rollback_waits, cool_down, alert, backup
	Until  time.Time     `json:"until,omitzero"` // zero: until what it names is over
	Detail reason.Reason `json:"detail"`         // why, and what to do
}

// The codes of a closed gate.
const (
	CodeFreeze   = "freeze"
	CodeRun      = "run_in_progress"
	CodeWaits    = "rollback_waits" // for an approval, or for the end of another run
	CodeCoolDown = "cool_down"
	CodeAlert    = "alert"
	CodeBackup   = "backup"
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
	// Why is said by whoever announced it; zero: it is configured.
	Why reason.Reason `json:"why,omitzero"`
}

// Act is what is to be done to a service, and what the gate is asked for.
type Act string

// The acts.
const (
	ActDeploy   Act = "deploy"
	ActRollback Act = "rollback"
)

// Rollback is what gates and Accept need to know of a run that puts a version back.
type Rollback struct {
	Run         string
	Service     string
	Environment string
	From, To    string    // versions; To is "" when an operation is undone
	Created     time.Time // UTC
	Ended       time.Time // zero: in progress
	Acted       bool      // it began to change something
	// PutBack reports whether the version was put in place. One that failed before, was refused, rejected
	// or expired put nothing back: there is nothing to cool down after, and a fix may be needed.
	PutBack bool
	// Queued reports whether it waits for the end of another run, Asks whether it waits for an approval.
	Queued, Asks bool
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
	// Backup is the check that must be up before a deploy, and how it is now; zero: none is asked.
	Backup Backup
}

// Backup is a check that proves that there is a backup.
type Backup struct {
	Check  string
	Health sample.Health
}

// Gate gives the reasons why the service may not be deployed (or, with ActRollback, rolled back)
// now. Without any, it may.
//
// Failing checks are never a reason: a failing service must be able to receive its fix. An
// alert closes the gate only when its rule has the label blocks_deploy, is critical, and names
// this service or none. A rollback is stopped by freezes that do not allow it and by another
// run, but not by cool-downs and alerts: what they protect from is what makes it necessary. A backup
// that a deploy needs must be proven: Unknown is no proof.
func Gate(f GateFacts, now time.Time) []GateReason {
	act := f.Act
	if act == "" {
		act = ActDeploy
	}
	var reasons []GateReason
	for _, z := range f.Freezes {
		if z.stops(f.Service, act, now) {
			reasons = append(reasons, GateReason{
				Code: CodeFreeze, Until: clean(z.To),
				Detail: z.lasts(),
			})
		}
	}
	for _, r := range f.Rollbacks {
		if why, ok := r.closes(f, act, now); ok {
			reasons = append(reasons, why)
		}
	}
	for _, a := range f.Alerts {
		if act == ActDeploy && closes(a, f) {
			reasons = append(reasons, GateReason{
				Code:   CodeAlert,
				Detail: reason.New("alert_blocks_deploys", "rule", a.Rule, "since", a.ActiveAt),
			})
		}
	}
	if b := f.Backup; act == ActDeploy && b.Check != "" && b.Health != sample.Up {
		why := reason.New("backup_not_seen", "check", b.Check)
		if b.Health == sample.Down {
			why = reason.New("backup_not_good", "check", b.Check)
		}
		reasons = append(reasons, GateReason{Code: CodeBackup, Detail: why})
	}
	return reasons
}

// GateDetails gives all of some reasons in one; none for none.
func GateDetails(closed []GateReason) reason.Reason {
	all := make([]reason.Reason, len(closed))
	for i, r := range closed {
		all[i] = r.Detail
	}
	return reason.Join(all...)
}

// closes gives the reason for which a rollback closes the gate; false when it does not.
func (r Rollback) closes(f GateFacts, act Act, now time.Time) (GateReason, bool) {
	if r.Service != f.Service || environment(r.Environment) != environment(f.Environment) {
		return GateReason{}, false
	}
	switch until := r.Ended.Add(f.CoolDown); {
	case r.Ended.IsZero() && r.Asks:
		return GateReason{Code: CodeWaits, Detail: r.words("asks")}, true
	case r.Ended.IsZero() && r.Queued:
		return GateReason{Code: CodeWaits, Detail: r.words("queued")}, true
	case r.Ended.IsZero():
		return GateReason{Code: CodeRun, Detail: r.words("under_way")}, true
	case act == ActDeploy && r.PutBack && now.Before(until):
		return GateReason{Code: CodeCoolDown, Until: clean(until), Detail: r.words("cooling_down", "at", r.Ended, "cool_down", f.CoolDown)}, true
	default:
		return GateReason{}, false
	}
}

// words says where a rollback stands, or where undoing an operation does, which has no version to go back to.
func (r Rollback) words(where string, more ...any) reason.Reason {
	code := "rollback_" + where
	if r.To == "" {
		code = "undo_" + where
	}
	return reason.New(code, append([]any{"run", r.Run, "service", r.Service, "version", r.To, "from", r.From}, more...)...)
}

// stops reports whether the freeze forbids an act on a service now; To is exclusive.
func (z Freeze) stops(service string, act Act, now time.Time) bool {
	return !now.Before(z.From) && now.Before(z.To) &&
		(len(z.Services) == 0 || slices.Contains(z.Services, service)) &&
		!slices.Contains(z.Allow, act)
}

// lasts says that it is a freeze, and what to do.
func (z Freeze) lasts() reason.Reason {
	if z.Why.IsZero() {
		return reason.New("freeze_lasts", "freeze", z.Name, "until", z.To)
	}
	return reason.New("freeze_announced", "freeze", z.Name, "until", z.To, "why", z.Why)
}

// closes reports whether an alert closes the gate.
func closes(a rules.Alert, f GateFacts) bool {
	e := a.Labels["environment"]
	return a.State == rules.Firing && a.Tier == rules.Critical && a.Labels[BlocksDeploy] == "true" &&
		(a.Service() == "" || a.Service() == f.Service) &&
		(e == "" || e == environment(f.Environment))
}
