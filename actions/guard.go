package actions

import (
	"maps"
	"slices"
	"time"

	"guardian/internal/reason"
	"guardian/internal/versions"
)

// Code names a guard's reason to refuse.
type Code string

// The guards' codes. A person may override those that Overridable says; never same_version,
// no_known_good, run_in_progress, other_environment, alert_over, not_started, no_step and precondition.
const (
	NoKnownGood       Code = "no_known_good"       // nothing to go back to
	NotKnownGood      Code = "not_known_good"      // the target never passed a watch and nobody declared it good
	SameVersion       Code = "same_version"        // the target is the version that is bad
	AlreadyRolledBack Code = "already_rolled_back" // one automatic rollback per deploy
	InCooldown        Code = "cooldown"            // the pause after the last run is not over
	DailyBudget       Code = "daily_budget"        // too many automatic runs within 24 hours
	NotReversible     Code = "not_reversible"      // the deploy was announced as one that cannot be rolled back
	RunInProgress     Code = "run_in_progress"     // another run of this service and environment is not over
	Brake             Code = "brake"               // many services failed at once: a person must approve
	Superseded        Code = "superseded"          // the bad version is no longer the current one
	Late              Code = "late"                // it was queued for too long: a person must decide
	OnHold            Code = "hold"                // people stopped everything automatic: a person must approve
	Frozen            Code = "freeze"              // a freeze does not allow rollbacks: a person must approve
	UnprovenTarget    Code = "unproven_target"     // the target never passed a watch, or a proven release lies between: a person must approve
	OtherEnvironment  Code = "other_environment"   // it is about an environment that the service is not configured for
	AlertOver         Code = "alert_over"          // the alert that started it resolved while it was queued
	NotStarted        Code = "not_started"         // the configuration no longer starts it for its alert
	NoStep            Code = "no_step"             // no step of the runbook is meant for it
	NotMet            Code = "precondition"        // a precondition of the runbook is not met, or could not be seen
)

// Refusal is one guard's no.
type Refusal struct {
	Code   Code          `json:"code"`
	Detail reason.Reason `json:"detail"`         // also says what to do about it
	Until  time.Time     `json:"until,omitzero"` // when it ends by itself; zero: it does not
}

// Overridable tells whether a person may have the run in spite of this refusal.
func (r Refusal) Overridable() bool {
	switch r.Code {
	case NotKnownGood, AlreadyRolledBack, InCooldown, DailyBudget, NotReversible, Brake, Superseded, OnHold, Frozen, Late, UnprovenTarget:
		return true
	case NoKnownGood, SameVersion, RunInProgress, OtherEnvironment, AlertOver, NotStarted, NoStep, NotMet:
		return false
	default:
		return false
	}
}

// Asks tells that the run may start once a person has approved it (the brake, a hold, a freeze, a target
// that is not as well proven as what lies between).
func (r Refusal) Asks() bool {
	return r.Code == Brake || r.Code == OnHold || r.Code == Frozen || r.Code == UnprovenTarget
}

// words is the refusal as the reason of a run.
func (r Refusal) words() reason.Reason {
	return reason.New("run_refused", "guard", string(r.Code), "why", r.Detail)
}

// NewSuperseded is the refusal of a rollback whose bad version is no longer the current one.
func NewSuperseded(from, current string) Refusal {
	return Refusal{Code: Superseded, Detail: reason.New("guard_superseded", "version", from, "current", current)}
}

// NewLate is the refusal of a run that was queued for too long.
func NewLate(queued time.Duration) Refusal {
	return Refusal{Code: Late, Detail: reason.New("guard_late", "queued", queued)}
}

// NewAlertOver is the refusal of a queued run whose alert has resolved.
func NewAlertOver() Refusal {
	return Refusal{Code: AlertOver, Detail: reason.New("guard_alert_over")}
}

// NewNotStarted is the refusal of a queued run that no entry of on_alert starts any more.
func NewNotStarted(runbook string) Refusal {
	return Refusal{Code: NotStarted, Detail: reason.New("guard_not_started", "runbook", runbook)}
}

// Unneeded tells that nothing is left to do about a run that is refused for this: what it was for is over,
// or somebody took it out of the configuration.
func (r Refusal) Unneeded() bool { return r.Code == AlertOver || r.Code == NotStarted }

// Guard decides whether a run may start: it may when there is no refusal. It is pure.
//
// The guards that keep automation from doing harm (already_rolled_back, daily_budget, brake,
// hold, freeze, unproven_target) apply to runs that a verdict or an alert starts. The cool-down applies to people
// too, who may override it. None of them apply to a drill. Undoing a rollback goes back to a version that
// is known to be bad, at once and once per rollback, whatever the cool-down and the budget are.
func Guard(f Facts, now time.Time) []Refusal {
	var rs []Refusal
	rs = append(rs, guardVersions(f)...)
	rs = append(rs, guardOpenRuns(f)...)
	rs = append(rs, guardSteps(f)...)
	if f.Trigger != ByDrill {
		rs = append(rs, guardEnvironment(f)...)
		rs = append(rs, guardCooldown(f, now)...)
	}
	if f.Trigger.automatic() {
		rs = append(rs, guardOnce(f)...)
		rs = append(rs, guardBudget(f, now)...)
		rs = append(rs, guardHold(f)...)
		rs = append(rs, guardBrake(f, now)...)
		rs = append(rs, guardFreeze(f)...)
		rs = append(rs, guardTarget(f)...)
	}
	if f.Override {
		rs = slices.DeleteFunc(rs, func(r Refusal) bool { return r.Overridable() && (r.Code != NotKnownGood || f.Named) })
	}
	return rs
}

// guardVersions looks at the version that is put back and the one that it replaces.
func guardVersions(f Facts) []Refusal {
	if !f.Rollback {
		return nil
	}
	var rs []Refusal
	refuse := func(c Code, detail reason.Reason) { rs = append(rs, Refusal{Code: c, Detail: detail}) }
	switch {
	case f.Versionless:
	case f.To == "":
		_, why := Target(f)
		refuse(NoKnownGood, why)
	case versions.Same(f.To, f.From) || versions.Same(f.To, f.Current):
		refuse(SameVersion, reason.New("guard_same_version", "version", f.To))
	case f.Trigger == ByUndo: // it ran until a moment ago, and that it is bad is known
	case !f.proven(f.To):
		refuse(NotKnownGood, reason.New("guard_not_known_good", "version", f.To))
	}
	if f.Trigger == ByDrill {
		return rs
	}
	if f.Current != "" && f.From != "" && !versions.Same(f.Current, f.From) {
		rs = append(rs, NewSuperseded(f.From, f.Current))
	}
	if !f.Reversible {
		refuse(NotReversible, reason.New("guard_not_reversible"))
	}
	return rs
}

// proven tells whether a version is known to be good, or ran healthy.
func (f Facts) proven(version string) bool {
	return slices.ContainsFunc(f.Goods(), func(k KnownGood) bool { return versions.Same(k.Version, version) }) ||
		slices.ContainsFunc(f.Ran, func(r Release) bool { return r.Proof == Healthy && versions.Same(r.Version, version) })
}

// guardTarget asks a person about a target that ran healthy and never passed a watch, and about
// going back over a release that passed or ran healthy: what came with it would be lost. Releases
// that failed, were taken back or were superseded with evidence against them are stepped over.
func guardTarget(f Facts) []Refusal {
	if !f.Rollback || f.Unasked || f.To == "" {
		return nil
	}
	for _, r := range f.Ran {
		switch {
		case versions.Same(r.Version, f.To) && r.Proof == Healthy:
			return []Refusal{{Code: UnprovenTarget, Detail: reason.New("guard_target_never_passed", "version", f.To)}}
		case versions.Same(r.Version, f.To):
			return nil
		case f.replaces(r.Version) && (r.Proof == Passed || r.Proof == Healthy || r.Once):
			return []Refusal{{Code: UnprovenTarget, Detail: reason.New("guard_target_skips", "version", f.To, "skipped", r.Version)}}
		}
	}
	return nil
}

// guardEnvironment keeps what happened in one environment from changing another: a runbook acts
// in the environment that its service is configured for, whatever the run is about.
func guardEnvironment(f Facts) []Refusal {
	if f.Configured == "" || f.Configured == f.Environment {
		return nil
	}
	return []Refusal{{
		Code:   OtherEnvironment,
		Detail: reason.New("guard_other_environment", "service", f.Service, "environment", f.Environment, "configured", f.Configured),
	}}
}

// guardSteps refuses a run of which no step is meant for it.
func guardSteps(f Facts) []Refusal {
	if !f.NoStep {
		return nil
	}
	return []Refusal{{Code: NoStep, Detail: reason.New("guard_no_step", "runbook", f.Runbook)}}
}

// undoneOnce allows a rollback to be undone once.
func undoneOnce(f Facts) []Refusal {
	for _, r := range f.Runs {
		if r.Trigger.Kind == ByUndo && r.Trigger.Run == f.Undoes {
			return []Refusal{{Code: AlreadyRolledBack, Detail: reason.New("guard_already_undone", "run", r.ID, "state", r.State.words())}}
		}
	}
	return nil
}

// guardOnce allows one automatic rollback per deploy, and each to be undone once.
func guardOnce(f Facts) []Refusal {
	if f.Trigger == ByUndo {
		return undoneOnce(f)
	}
	if !f.Rollback || f.Deploy == "" {
		return nil
	}
	for _, r := range f.Runs {
		if r.Rollback && r.Trigger.Deploy == f.Deploy && r.Trigger.Kind == ByVerdict && acted(r) {
			return []Refusal{{Code: AlreadyRolledBack, Detail: reason.New("guard_already_rolled_back", "run", r.ID, "state", r.State.words())}}
		}
	}
	return nil
}

// guardCooldown holds the pause after the last run of the same sort.
func guardCooldown(f Facts, now time.Time) []Refusal {
	var until time.Time
	var last Run
	for _, r := range f.Runs {
		if !sameSort(f, r) || !acted(r) {
			continue
		}
		if u := r.Ended.Add(f.Cooldown); u.After(until) {
			until, last = u, r
		}
	}
	if !until.After(now) || f.Trigger == ByUndo {
		return nil
	}
	return []Refusal{{
		Code: InCooldown, Until: until,
		Detail: reason.New("guard_cooldown", "run", last.ID, "ended", last.Ended, "until", until),
	}}
}

const day = 24 * time.Hour

// guardBudget limits the number of automatic runs within 24 hours.
func guardBudget(f Facts, now time.Time) []Refusal {
	var started []time.Time
	for _, r := range f.Runs {
		if r.Trigger.Kind.automatic() && sameSort(f, r) && acted(r) && r.Created.After(now.Add(-day)) {
			started = append(started, r.Created)
		}
	}
	if len(started) < f.MaxRunsPerDay || f.Trigger == ByUndo {
		return nil
	}
	refusal := Refusal{Code: DailyBudget, Detail: reason.New("guard_daily_budget", "runs", len(started), "max", f.MaxRunsPerDay)}
	if f.MaxRunsPerDay > 0 {
		slices.SortFunc(started, time.Time.Compare)
		refusal.Until = started[len(started)-f.MaxRunsPerDay].Add(day)
	}
	return []Refusal{refusal}
}

// guardBrake asks a person when many services failed at once: then something that they share
// is more likely the cause than the last deploy of each.
func guardBrake(f Facts, now time.Time) []Refusal {
	if f.Brake.MaxFailingServices <= 0 {
		return nil
	}
	failing := map[string]bool{}
	for _, v := range f.Verdicts {
		if v.At.After(now.Add(-f.Brake.Within)) && !v.At.After(now) {
			failing[v.Service] = true
		}
	}
	if len(failing) < f.Brake.MaxFailingServices {
		return nil
	}
	return []Refusal{{
		Code:   Brake,
		Detail: reason.New("guard_brake", "number", len(failing), "within", f.Brake.Within, "services", slices.Sorted(maps.Keys(failing))),
	}}
}

// guardHold asks a person about everything while people hold what is automatic.
func guardHold(f Facts) []Refusal {
	if f.Hold == nil {
		return nil
	}
	return []Refusal{{Code: OnHold, Detail: f.Hold.Detail, Until: f.Hold.Until}}
}

// guardFreeze asks a person about a rollback in a window in which nothing is to be changed.
func guardFreeze(f Facts) []Refusal {
	if !f.Rollback || f.Freeze == nil {
		return nil
	}
	return []Refusal{{Code: Frozen, Detail: f.Freeze.Detail, Until: f.Freeze.Until}}
}

// sameSort tells whether a run counts towards the cool-down and budget of this one: all
// rollbacks share one, every other runbook has its own. Drills count towards none.
func sameSort(f Facts, r Run) bool {
	if r.Trigger.Rehearses() {
		return false
	}
	if f.Rollback {
		return r.Rollback
	}
	return r.Runbook == f.Runbook
}

// acted tells whether a run did anything: one that was refused, rejected or expired did not.
func acted(r Run) bool { return r.State != Refused && !r.Started.IsZero() }
