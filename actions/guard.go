package actions

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"guardian/internal/reason"
)

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
	Late              Code = "late"                // it waited too long for another run to end: a person must decide
	Frozen            Code = "freeze"              // a freeze does not allow rollbacks: a person must approve
)

// Refusal is one guard's no.
type Refusal struct {
	Code   Code          `json:"code"`
	Detail reason.Reason `json:"detail"`         // also what to do about it
	Until  time.Time     `json:"until,omitzero"` // when it ends by itself; zero: it does not
}

// Overridable tells whether a person who says "anyway" gets past it.
func (r Refusal) Overridable() bool {
	switch r.Code {
	case NotKnownGood, AlreadyRolledBack, InCooldown, DailyBudget, NotReversible, Brake, Superseded, Frozen, Late:
		return true
	case NoKnownGood, SameVersion, RunInProgress:
		return false
	default:
		return false
	}
}

// Asks tells that the run may be, but a person must approve it first (the brake, a freeze).
func (r Refusal) Asks() bool { return r.Code == Brake || r.Code == Frozen }

// KnownGood is a version that passed a watch, or was declared good by a person, and since
// when that is known.
type KnownGood struct {
	Version string
	At      time.Time
}

// RolledBack is a version that a successful rollback replaced.
type RolledBack struct {
	Version string
	At      time.Time
}

// FailedVerdict is one service's Failed verdict.
type FailedVerdict struct {
	Service string
	At      time.Time
}

// BrakeLimit says when automatic runs need a person: when MaxFailingServices different
// services had a Failed verdict within Within. MaxFailingServices zero: never.
type BrakeLimit struct {
	MaxFailingServices int
	Within             time.Duration
}

// Freeze is a calendar window in which nothing is rolled back without a person.
type Freeze struct {
	Detail reason.Reason // which one, and how long
	Until  time.Time
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
	// Override: a person wants the run whatever the guards say. What no person may override
	// stays, and NotKnownGood does unless the person named the version.
	Override  bool
	Named     bool // a person chose To themselves
	KnownGood []KnownGood
	// RolledBack are the versions that successful rollbacks replaced.
	RolledBack []RolledBack
	// Runs are those of this service and environment: every one that is not over, those of
	// Deploy, and those of the last day or the cool-down, whichever is longer.
	Runs []Run
	// Verdicts are the Failed ones of all services of this environment within Brake.Within.
	Verdicts []FailedVerdict
	Brake    BrakeLimit
	Freeze   *Freeze       // the one that lasts and does not allow rollbacks; nil: none
	Cooldown time.Duration // of the runbook
	// MaxRunsPerDay is how many runs the runbook lets start by themselves within 24 hours.
	MaxRunsPerDay int
}

// Guard decides whether a run may be: no refusal, and it may. It is pure.
//
// What protects from the guardian itself (already_rolled_back, cooldown, daily_budget, brake, freeze)
// holds for runs that start by themselves, by a verdict or an alert; a drill is free of it. A
// person meets the cool-down too, so as to know of it, and may say "anyway".
func Guard(f Facts, now time.Time) []Refusal {
	automatic := f.Trigger == ByVerdict || f.Trigger == ByAlert
	var rs []Refusal
	rs = append(rs, guardVersions(f)...)
	rs = append(rs, guardOpenRuns(f)...)
	if f.Trigger != ByDrill {
		rs = append(rs, guardCooldown(f, now)...)
	}
	if automatic {
		rs = append(rs, guardOnce(f)...)
		rs = append(rs, guardBudget(f, now)...)
		rs = append(rs, guardBrake(f, now)...)
		rs = append(rs, guardFreeze(f)...)
	}
	if f.Override {
		rs = slices.DeleteFunc(rs, func(r Refusal) bool { return r.Overridable() && (r.Code != NotKnownGood || f.Named) })
	}
	return rs
}

// guardVersions looks at what would be put back in place of what.
func guardVersions(f Facts) []Refusal {
	if !f.Rollback {
		return nil
	}
	var rs []Refusal
	refuse := func(c Code, detail reason.Reason) { rs = append(rs, Refusal{Code: c, Detail: detail}) }
	good := slices.ContainsFunc(f.Goods(), func(k KnownGood) bool { return k.Version == f.To })
	switch {
	case f.To == "":
		_, why := Target(f)
		refuse(NoKnownGood, why)
	case f.To == f.From || f.To == f.Current:
		refuse(SameVersion, reason.Text(fmt.Sprintf("%s is the version that runs now; choose another one", f.To)))
	case !good:
		refuse(NotKnownGood, reason.Text(fmt.Sprintf("%s never passed a watch and nobody declared it good, or it was taken back since; list it under known_good, or override", f.To)))
	}
	if f.Trigger == ByDrill {
		return rs
	}
	if f.Current != "" && f.From != "" && f.Current != f.From {
		rs = append(rs, NewSuperseded(f.From, f.Current))
	}
	if !f.Reversible {
		refuse(NotReversible, reason.Text("the deploy was announced with reversible: false; a person must decide how to take it back"))
	}
	return rs
}

// NewSuperseded is the refusal of a rollback whose bad version is no longer the current one.
func NewSuperseded(from, current string) Refusal {
	return Refusal{Code: Superseded, Detail: reason.Text(fmt.Sprintf("%s is no longer the current version, %s is", from, current))}
}

// NewLate is the refusal of a rollback that was queued for too long.
func NewLate(waited time.Duration) Refusal {
	return Refusal{Code: Late, Detail: reason.Text(fmt.Sprintf("the verdict is %s old, for so long another run of the service was not over; look at the service and decide", waited.Round(time.Second)))}
}

// guardOpenRuns keeps two runs from working on one service at once. One that waits for its
// turn keeps nobody from theirs: it asks again.
func guardOpenRuns(f Facts) []Refusal {
	for _, r := range f.Runs {
		if open(r) {
			return []Refusal{{Code: RunInProgress, Detail: reason.Text(fmt.Sprintf("run %s of runbook %s is %s; wait for its end or abort it", r.ID, r.Runbook, r.State))}}
		}
	}
	return nil
}

// Wait takes out of what the guards said that another run is not over, when this run can wait
// for its end: a verdict's, to which nothing else says no, behind a run that puts no version
// back, such as one that an alert of the same bad deploy began. Why says for what it waits; ""
// when it does not. Behind a rollback nothing waits: after that one a person must decide.
func Queue(f Facts, rs []Refusal) (behind reason.Reason, rest []Refusal) {
	if f.Trigger != ByVerdict || slices.ContainsFunc(f.Runs, func(r Run) bool { return r.Rollback && open(r) }) {
		return reason.Reason{}, rs
	}
	for _, r := range rs {
		switch {
		case r.Code == RunInProgress:
			behind = r.Detail
		case r.Asks():
			rest = append(rest, r)
		default:
			return reason.Reason{}, rs
		}
	}
	return behind, rest
}

// open: not over, and not only waiting for its turn.
func open(r Run) bool { return !r.State.Final() && r.State != Queued }

// guardOnce allows one automatic rollback per deploy.
func guardOnce(f Facts) []Refusal {
	if !f.Rollback || f.Deploy == "" {
		return nil
	}
	for _, r := range f.Runs {
		if r.Rollback && r.Trigger.Deploy == f.Deploy && r.Trigger.Kind == ByVerdict && acted(r) {
			return []Refusal{{Code: AlreadyRolledBack, Detail: reason.Text(fmt.Sprintf("run %s has rolled this deploy back already and ended %s; a person must decide what is next", r.ID, r.State))}}
		}
	}
	return nil
}

// guardCooldown holds the pause after the last run of the same sort.
func guardCooldown(f Facts, now time.Time) []Refusal {
	var until time.Time
	var last Run
	for _, r := range f.Runs {
		if r.Ended.IsZero() || !sameSort(f, r) || !acted(r) {
			continue
		}
		if u := r.Ended.Add(f.Cooldown); u.After(until) {
			until, last = u, r
		}
	}
	if !until.After(now) {
		return nil
	}
	return []Refusal{{
		Code:   InCooldown,
		Detail: reason.Text(fmt.Sprintf("run %s ended at %s; the cool-down lasts until %s", last.ID, last.Ended.Format(time.RFC3339), until.Format(time.RFC3339))),
		Until:  until,
	}}
}

const day = 24 * time.Hour

// guardBudget holds the number of automatic runs within 24 hours.
func guardBudget(f Facts, now time.Time) []Refusal {
	var begun []time.Time
	for _, r := range f.Runs {
		automatic := r.Trigger.Kind == ByVerdict || r.Trigger.Kind == ByAlert
		if automatic && sameSort(f, r) && acted(r) && r.Created.After(now.Add(-day)) {
			begun = append(begun, r.Created)
		}
	}
	if len(begun) < f.MaxRunsPerDay {
		return nil
	}
	refusal := Refusal{Code: DailyBudget, Detail: reason.Text(fmt.Sprintf("%d runs started by themselves within 24 hours, the runbook allows %d; a person must decide", len(begun), f.MaxRunsPerDay))}
	if f.MaxRunsPerDay > 0 {
		slices.SortFunc(begun, time.Time.Compare)
		refusal.Until = begun[len(begun)-f.MaxRunsPerDay].Add(day)
	}
	return []Refusal{refusal}
}

// guardBrake asks a person when many services went red at once: what they share is then
// more likely at fault than each one's last deploy.
func guardBrake(f Facts, now time.Time) []Refusal {
	if f.Brake.MaxFailingServices <= 0 {
		return nil
	}
	red := map[string]bool{}
	for _, v := range f.Verdicts {
		if v.At.After(now.Add(-f.Brake.Within)) && !v.At.After(now) {
			red[v.Service] = true
		}
	}
	if len(red) < f.Brake.MaxFailingServices {
		return nil
	}
	return []Refusal{{
		Code: Brake,
		Detail: reason.Text(fmt.Sprintf("%d services failed within %s (%s): look for what they share before rolling back",
			len(red), f.Brake.Within, strings.Join(slices.Sorted(maps.Keys(red)), ", "))),
	}}
}

// guardFreeze asks a person about a rollback in a window in which nothing is to be changed.
func guardFreeze(f Facts) []Refusal {
	if !f.Rollback || f.Freeze == nil {
		return nil
	}
	return []Refusal{{Code: Frozen, Detail: f.Freeze.Detail, Until: f.Freeze.Until}}
}

// sameSort: rollbacks share one budget, other acts have one per runbook.
func sameSort(f Facts, r Run) bool {
	if r.Trigger.Kind == ByDrill {
		return false
	}
	if f.Rollback {
		return r.Rollback
	}
	return r.Runbook == f.Runbook
}

// acted: a run that was refused, rejected or expired did nothing to anything.
func acted(r Run) bool { return r.State != Refused && !r.Started.IsZero() }

// Goods are the versions that are known to be good and were not taken back since. What the
// configuration lists stays: that is a person's word of today.
func (f Facts) Goods() []KnownGood {
	return slices.DeleteFunc(slices.Clone(f.KnownGood), func(k KnownGood) bool {
		return !k.At.IsZero() && slices.ContainsFunc(f.RolledBack, func(t RolledBack) bool {
			return t.Version == k.Version && t.At.After(k.At)
		})
	})
}

// Target chooses the version to put back: the newest known good one that is neither From nor
// Current. Why says so in words, also when there is none (version "").
func Target(f Facts) (version string, why reason.Reason) {
	var best *KnownGood
	for _, k := range f.Goods() {
		if k.Version == "" || k.Version == f.From || k.Version == f.Current {
			continue
		}
		if best == nil || k.At.After(best.At) {
			best = &k
		}
	}
	if best == nil {
		return "", reason.Text(fmt.Sprintf("no version of %s but the bad one is known to be good; let one pass a watch, or list it under known_good", f.Service))
	}
	if best.At.IsZero() {
		return best.Version, reason.Text(fmt.Sprintf("%s was declared good in the configuration", best.Version))
	}
	return best.Version, reason.Text(fmt.Sprintf("%s is the newest known good version, since %s", best.Version, best.At.Format(time.RFC3339)))
}
