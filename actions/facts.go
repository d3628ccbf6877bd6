package actions

import (
	"slices"
	"time"

	"guardian/internal/reason"
)

// Facts is everything that Guard, Queue and Target read.
type Facts struct {
	Service     string
	Environment string
	// Configured is the environment that the service is configured for, in which its runbooks act;
	// "" for a service that is not configured.
	Configured string
	Runbook    string
	Trigger    TriggerKind
	Rollback   bool   // puts a version back
	From       string // the version that is bad
	To         string // the version to put back
	Current    string // the version announced last for this service and environment; "": not known
	Deploy     string // the deploy that is rolled back; "": none
	Reversible bool   // of that deploy; true when there is none
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
	Freeze   *Freeze       // the current one, when it does not allow rollbacks; nil: none
	Cooldown time.Duration // of the runbook
	// MaxRunsPerDay is how many runs of the runbook may start automatically within 24 hours.
	MaxRunsPerDay int
}

// KnownGood is a version that passed a watch, or was declared good by a person, and since
// when that is known. The configuration declares versions good without a time.
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

// Goods are the versions that are known to be good and were not rolled back since. What the
// configuration lists stays: a person decides what is in there now.
func (f Facts) Goods() []KnownGood {
	return slices.DeleteFunc(slices.Clone(f.KnownGood), func(k KnownGood) bool {
		return !k.At.IsZero() && slices.ContainsFunc(f.RolledBack, func(t RolledBack) bool {
			return t.Version == k.Version && t.At.After(k.At)
		})
	})
}

// Target chooses the version to put back: the newest known good one that is neither From nor
// Current. It gives version "" when there is none, and why in either case.
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
		return "", reason.New("target_none", "service", f.Service)
	}
	if best.At.IsZero() {
		return best.Version, reason.New("target_declared_good", "version", best.Version)
	}
	return best.Version, reason.New("target_newest_good", "version", best.Version, "since", best.At)
}
