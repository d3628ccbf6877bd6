package decide

import (
	"context"
	"time"

	"guardian/actions"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

// Past is what happened before the decision. The journal implements it for the service, and
// what was recorded, as it stood at the replayed moment, for a replay. Lists may hold more
// than was asked for in time, never less. Service and environment match exactly.
type Past interface {
	// LastDeploy gives the deploy of a kind that was announced last and not withdrawn; false when
	// there was none.
	LastDeploy(ctx context.Context, service, environment string, kind watch.Kind) (watch.Deploy, bool, error)
	// Runs gives the runs that were created since a time and all that are not over, newest first.
	Runs(ctx context.Context, service, environment string, since time.Time) ([]actions.Run, error)
	// KnownGoods gives the versions that passed a watch or were declared good when announced.
	KnownGoods(ctx context.Context, service, environment string) ([]actions.KnownGood, error)
	// FailedWatches gives the watches of an environment that ended Failed since a time; of a
	// service, or of all for "".
	FailedWatches(ctx context.Context, service, environment string, since time.Time) ([]FailedWatch, error)
	// Watches gives the watches of a service in all environments that are open or ended since a
	// time, the one that began last first, without those of deploys that were withdrawn.
	Watches(ctx context.Context, service string, since time.Time) ([]PastWatch, error)
	// Looks gives the looks of a check that began in [from, to), oldest first.
	Looks(ctx context.Context, check string, from, to time.Time) ([]watch.Look, error)
	// Counts gives how many looks and failures of a check were in the hours that begin in
	// [from, to).
	Counts(ctx context.Context, check string, from, to time.Time) (watch.Counts, error)
	// Readings gives what a service's counters stood at in [from, to].
	Readings(ctx context.Context, counter watch.CounterSettings, from, to time.Time) ([]watch.Reading, error)
}

// FailedWatch is a watch whose verdict was Failed.
type FailedWatch struct {
	Service     string
	Environment string
	Deploy      string    // its ID
	Switched    time.Time // when the deploy happened
	Ended       time.Time
	Watch       string            // its ID
	Symptoms    []actions.Symptom // what failed it
	Drill       bool              // it was a drill's
}

// FailedWatchOf gives a failed watch as decisions see it.
func FailedWatchOf(w *watch.Watch) FailedWatch {
	f := FailedWatch{Service: w.Service, Environment: w.Environment, Deploy: w.DeployID, Switched: w.Switched, Ended: w.Ended, Watch: w.ID, Drill: w.Drill != ""}
	if w.Verdict != nil {
		f.Symptoms = Symptoms(w, w.Verdict)
	}
	return f
}

// PastWatch is a watch as decisions about later ones see it.
type PastWatch struct {
	Service, Environment string
	PastDeploy
	Kind           watch.Kind
	State          watch.State
	Switched, From time.Time // when the deploy happened, as far as is known, and from when on its looks were judged
	Before         time.Time // where what it was compared with ends
	Started, Ended time.Time // Ended is zero while it is open
	// Suspect: it failed, or stands or ended with evidence against its version, or that is a drill's fault.
	Suspect bool
	// Unsure: it is not known whether the deploy happened.
	Unsure bool
	// Judged is how many judged looks the check had that had the fewest.
	Judged int
}

// PastDeploy is what a watch of the past was about.
type PastDeploy struct {
	Deploy, Version, Previous string   // the deploy's ID, its version, and the one that it said it replaced
	Shops                     []string // that got it; none: all
}

// PastWatchOf gives a watch as later decisions see it; false when they do not, because its deploy did
// not happen.
func PastWatchOf(w *watch.Watch) (_ PastWatch, seen bool) {
	return PastWatch{
		Service: w.Service, Environment: w.Environment,
		PastDeploy: PastDeploy{Deploy: w.DeployID, Version: w.Version, Previous: w.PreviousVersion, Shops: w.Shops},
		Kind:       w.Kind, State: w.State, Switched: w.Switched, From: w.From, Before: w.BeforeEnds(), Started: w.Started, Ended: w.Ended,
		Suspect: w.Suspect() || w.Drill != "", Unsure: w.Unsure, Judged: w.FewestJudged(),
	}, !w.Withdrawn
}

// Present is how checks and alerts are at the moment of the decision.
type Present struct {
	Health   map[string]sample.Health      // by check; without an entry: Unknown
	Alerts   []rules.Alert                 // pending and firing
	Rechecks map[string]watch.RecheckStats // by check
	// Open are the open watches of the service as they stand: the journal may be half a minute
	// behind.
	Open []*watch.Watch
	// RunsSince is since when the target of the service's rollback runs the deployed version;
	// zero when nothing tells.
	RunsSince time.Time
	// Answered are the versions that a check saw last, by check, oldest first.
	Answered map[string][]watch.Answered
	// Failing are the services under watch that fail, or did a moment ago; for a verdict's rollback.
	Failing []Failing
}

// Decider decides by one configuration over one past. It has no state of its own.
type Decider struct {
	Settings *Settings
	Past     Past
}
