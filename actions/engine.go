package actions

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrLostLease says that this guardian no longer acts: another one has the lease. A Ledger
// gives it (wrapped or not) for a write that was fenced; Advance gives it and has stopped
// without acting.
var ErrLostLease = errors.New("this guardian no longer holds the lease")

// Ledger keeps runs durably. Record returns when the run, as it is now, and the entries are
// on disk, in one transaction; it gives ErrLostLease when another guardian has taken over.
type Ledger interface {
	Record(ctx context.Context, run Run, entries ...Entry) error
}

// Verifier looks at one check now, out of its schedule. An error means that it could not be
// looked at, which is neither up nor down.
type Verifier interface {
	Look(ctx context.Context, check string) (CheckResult, error)
}

// Options is what an Engine is made of. All fields but Registerer and Observer are needed.
type Options struct {
	Books    func(name string) (*Book, bool)
	Ledger   Ledger
	Verifier Verifier
	Now      func() time.Time
	Log      *slog.Logger
	// Registerer takes the metrics; nil: none are registered.
	Registerer prometheus.Registerer
	// LeaseValid tells, at the last moment before an act, whether this guardian may still act.
	LeaseValid func() bool
	// Observer hears of every run after each of its changes was recorded, in order per run.
	// It must not block.
	Observer func(Run)
}

// Engine runs runbooks. It owns no goroutine: whoever calls Advance does the work.
type Engine struct {
	o Options
}

// NewEngine makes an engine. It does nothing until it is called.
func NewEngine(o Options) (*Engine, error) { return &Engine{o: o}, nil }

// Request is a run that somebody wants.
type Request struct {
	ID          string // "r_" and a ULID
	Service     string
	Environment string
	Runbook     string
	Trigger     Trigger
	Rollback    bool
	From, To    string
	Failing     []string // the checks that made it necessary
	Healthy     []string // the service's checks that are up now
	// Approve, when not "", is why a person must approve first.
	Approve string
	// Refusals is what Guard said.
	Refusals []Refusal
}

// Create makes a run and records it: Refused when a guard said no, AwaitingApproval when a
// person must approve (Request.Approve, or a refusal that Asks), else Running. It does not
// act: call Advance.
func (e *Engine) Create(ctx context.Context, req Request) (Run, error) { return Run{}, nil }

// Advance takes a run from where it stands to where it must wait or ends, and gives it as it
// was recorded last. A run of any state may be given, also one that a crash left in the
// middle of a step. One call at a time works on a run: another one gets ErrRunIsActing.
//
// When ctx ends during a step, the step is left as an open intent for the next Advance to
// resolve, and ctx's error is given.
func (e *Engine) Advance(ctx context.Context, run Run) (Run, error) { return run, nil }

// Answer applies a person's answer and records it. The run does not act: call Advance when
// its state is Running.
func (e *Engine) Answer(ctx context.Context, run Run, a Answer) (Run, error) { return run, nil }

// Abort ends a run for a person. When it is being advanced, the step under way is let to its
// end first: the run is given as it stands, and Advance ends it.
func (e *Engine) Abort(ctx context.Context, run Run, by, note string) (Run, error) { return run, nil }
