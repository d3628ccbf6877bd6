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
	// LastDeploy gives the deploy that was announced last; false when there was none.
	LastDeploy(ctx context.Context, service, environment string) (watch.Deploy, bool, error)
	// Runs gives the runs that were created since a time and all that are not over, newest first.
	Runs(ctx context.Context, service, environment string, since time.Time) ([]actions.Run, error)
	// KnownGoods gives the versions that passed a watch or were declared good when announced.
	KnownGoods(ctx context.Context, service, environment string) ([]actions.KnownGood, error)
	// FailedWatches gives the watches of an environment that ended Failed since a time; of a
	// service, or of all for "".
	FailedWatches(ctx context.Context, service, environment string, since time.Time) ([]FailedWatch, error)
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
}

// Present is how checks and alerts are at the moment of the decision.
type Present struct {
	Health   map[string]sample.Health      // by check; without an entry: Unknown
	Alerts   []rules.Alert                 // pending and firing
	Rechecks map[string]watch.RecheckStats // by check
}

// Decider decides by one configuration over one past. It has no state of its own.
type Decider struct {
	Settings *Settings
	Past     Past
}
