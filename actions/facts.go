package actions

import (
	"slices"
	"time"

	"guardian/internal/reason"
	"guardian/internal/versions"
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
	Rollback   bool     // puts a version back
	Shops      []string // that have the version From; none: all
	NoStep     bool     // no step of the runbook is meant for the run
	Undoes     string   // the run that is undone; "": none
	StopsHarm  bool     // the runbook sets kill switches or announces windows, and does nothing else
	Own        Run      // the run itself, when it waits in the queue; zero: it is new
	From       string   // the version that is bad
	To         string   // the version to put back
	Current    string   // the version announced last for this service and environment; "": not known
	Deploy     string   // the deploy that is rolled back; "": none
	Reversible bool     // of that deploy; true when there is none
	Kind       string   // of that deploy
	// Override: a person wants the run whatever the guards say. What no person may override
	// stays, and NotKnownGood does unless the person named the version.
	Override  bool
	Named     bool // a person chose To themselves
	KnownGood []KnownGood
	// Bad are the versions that something speaks against.
	Bad []Bad
	// Ran are the versions that ran before From, the newest first, as far back as was looked.
	Ran []Release
	// Versionless: what is undone put no version in place, so that none is put back.
	Versionless bool
	// Unasked: nobody is asked about a target that never passed, or that skips a proven release.
	Unasked bool
	// Runs are those of this service and environment: every one that is not over, those of
	// Deploy, and those of the last day or the cool-down, whichever is longer.
	Runs []Run
	// Verdicts are the Failed ones of all services of this environment within Brake.Within, and beside them
	// the services whose deploys are watched and that fail, since when they do.
	Verdicts []FailedVerdict
	Brake    BrakeLimit
	Freeze   *Freeze       // the current one, when it does not allow rollbacks; nil: none
	Hold     *Freeze       // the current hold of everything automatic; nil: none
	Cooldown time.Duration // of the runbook
	// MaxRunsPerDay is how many runs of the runbook may start automatically within 24 hours.
	MaxRunsPerDay int
}

// KnownGood is a version that passed a watch, or was declared good by a person, and since
// when that is known. The configuration declares versions good without a time.
type KnownGood struct {
	Version string
	At      time.Time
	Kind    string // what the version is of: code or config; "" is code
}

// Bad is a version that failed a watch, was superseded with evidence against it, or was taken back
// by a rollback or by people, and when.
type Bad struct {
	Version string
	At      time.Time
	// TakenBack: another version was put in its place.
	TakenBack bool
}

// Proof is what is known of a version that ran.
type Proof string

// The proofs.
const (
	Passed   Proof = "passed"   // it is known to be good, and nothing speaks against it since
	Healthy  Proof = "healthy"  // enough looks saw it run, and nothing speaks against it; it never passed
	Unproven Proof = "unproven" // too little was seen of it
	Suspect  Proof = "bad"      // something speaks against it
)

// Release is a version that ran.
type Release struct {
	Version string
	Since   time.Time // when it began to run; zero: not known
	Proof   Proof
	// Once: it is known to have been good once, and nobody took it back since.
	Once bool
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

// Goods are the versions that are known to be good and that nothing speaks against since.
func (f Facts) Goods() []KnownGood {
	return slices.DeleteFunc(slices.Clone(f.KnownGood), func(k KnownGood) bool { return k.Version == "" || f.bad(k.Version, k.At) })
}

// bad tells whether something speaks against a version since a time.
func (f Facts) bad(version string, since time.Time) bool {
	return slices.ContainsFunc(f.Bad, func(b Bad) bool { return b.At.After(since) && versions.Same(b.Version, version) })
}

// replaces tells whether a version is another one than those that are to be replaced.
func (f Facts) replaces(version string) bool {
	return version != "" && !versions.Same(version, f.From) && !versions.Same(version, f.Current)
}

// Target chooses the version to put back: what ran before From, if it passed or ran healthy, else
// going back in the order in which versions ran, else the newest of the other known good ones. It
// is neither From nor Current, and nothing speaks against it. It gives version "" when there is
// none, and why in either case.
func Target(f Facts) (version string, why reason.Reason) {
	for _, r := range f.Ran {
		if !f.replaces(r.Version) {
			continue
		}
		switch r.Proof {
		case Passed:
			return r.Version, reason.New("target_ran_before", "version", r.Version, "since", r.Since)
		case Healthy:
			return r.Version, reason.New("target_ran_healthy", "version", r.Version, "since", r.Since)
		case Unproven, Suspect:
		}
	}
	var best *KnownGood
	for _, k := range f.Goods() {
		if f.replaces(k.Version) && (best == nil || k.At.After(best.At)) {
			best = &k
		}
	}
	if best == nil && f.Kind == "config" && len(f.Ran) == 0 {
		return "", reason.New("target_no_config", "version", f.From)
	}
	if best == nil {
		return "", reason.New("target_none", "service", f.Service)
	}
	if best.At.IsZero() {
		return best.Version, reason.New("target_declared_good", "version", best.Version)
	}
	return best.Version, reason.New("target_newest_good", "version", best.Version, "since", best.At)
}
