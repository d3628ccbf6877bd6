package actions

import "time"

// Code names a guard's reason to refuse.
type Code string

// The guards' codes. A person may override those that Overridable says; never same_version,
// no_known_good and run_in_progress.
const (
	NoKnownGood       Code = "no_known_good"       // nothing to go back to
	NotKnownGood      Code = "not_known_good"      // the target never passed a watch and nobody declared it good
	SameVersion       Code = "same_version"        // the target is the version that is bad
	AlreadyRolledBack Code = "already_rolled_back" // one automatic rollback per deploy
	InCooldown        Code = "cooldown"            // the pause after the last run is not over
	DailyBudget       Code = "daily_budget"        // too many automatic runs within 24 hours
	NotReversible     Code = "not_reversible"      // the deploy was announced as one that cannot be taken back
	RunInProgress     Code = "run_in_progress"     // another run of this service and environment is not over
	Brake             Code = "brake"               // many services went red at once: a person must approve
	Superseded        Code = "superseded"          // the bad version is no longer the current one
)

// Refusal is one guard's no.
type Refusal struct {
	Code   Code      `json:"code"`
	Detail string    `json:"detail"`         // in English, says what to do
	Until  time.Time `json:"until,omitzero"` // when it ends by itself; zero: it does not
}

// Overridable tells whether a person who says "anyway" gets past it.
func (r Refusal) Overridable() bool { return false }

// Asks tells that the run may be, but a person must approve it first (the brake).
func (r Refusal) Asks() bool { return r.Code == Brake }

// KnownGood is a version that passed a watch, or was declared good by a person, and since
// when that is known.
type KnownGood struct {
	Version string
	At      time.Time
}

// FailedVerdict is one service's Failed verdict.
type FailedVerdict struct {
	Service string
	At      time.Time
}

// BrakeLimit says when automatic runs need a person: Services different services with a
// Failed verdict within Within. Services zero: never.
type BrakeLimit struct {
	Services int
	Within   time.Duration
}

// Facts is everything that Guard and Target read.
type Facts struct {
	Service     string
	Environment string
	Runbook     string
	Trigger     TriggerKind
	Rollback    bool   // puts a version back
	From        string // the version that is bad
	To          string // the version to put back
	Current     string // the version announced last for this service and environment; "": not known
	Deploy      string // the deploy that is taken back; "": none
	Reversible  bool   // of that deploy; true when there is none
	// Override: a person has read the refusals and said "anyway".
	Override  bool
	KnownGood []KnownGood
	// Runs are those of this service and environment: every one that is not over, those of
	// Deploy, and those of the last day or the cool-down, whichever is longer.
	Runs []Run
	// Verdicts are the Failed ones of all services of this environment within Brake.Within.
	Verdicts []FailedVerdict
	Brake    BrakeLimit
	Cooldown time.Duration // of the runbook
	Daily    int           // of the runbook
}

// Guard decides whether a run may be: no refusal, and it may. It is pure.
func Guard(f Facts, now time.Time) []Refusal { return nil }

// Target chooses the version to put back: the newest known good one that is not From. Why
// says so in words, also when there is none (version "").
func Target(f Facts) (version, why string) { return "", "" }
