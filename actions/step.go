package actions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"guardian/internal/flags"
	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/internal/windows"
)

// Outcome is what became of an intent that a crash or a lost answer left without one. The
// zero value is Unclear.
type Outcome uint8

// The answers of Step.Status.
const (
	Unclear     Outcome = iota // the target cannot be asked, or does not tell
	Happened                   // the effect is there
	NotHappened                // the effect is not there, and nothing of it is left half-done
	Pending                    // the target works on it: it is asked again until the step's timeout
	Failed                     // it was tried and did not succeed, so that it must not be tried again by itself
)

// String gives "unclear", "happened", "not_happened", "pending" or "failed".
func (o Outcome) String() string {
	switch o {
	case Happened:
		return "happened"
	case NotHappened:
		return "not_happened"
	case Pending:
		return "pending"
	case Failed:
		return "failed"
	case Unclear:
		return "unclear"
	default:
		return "unclear"
	}
}

// ErrUnclear is wrapped by the error of a Step.Do that cannot tell whether its effect
// happened (the answer was lost, the time was over). Any other error of Do means: it was
// tried and did not succeed.
var ErrUnclear = errors.New("it is not known whether it happened")

// Step is one act on a target: an engine, a deploy tool, a machine.
//
// Do acts once. It gives what a person wants to read about it, bounded by MaxOutput and
// redacted, also when it fails. The same Intent may reach Do twice only when Status said
// NotHappened, when the step is idempotent, or when a person asked for it.
//
// Status tells whether an intent happened whose outcome nobody recorded. It may finish or
// undo what was left half-done. Its detail is what the target said, bounded and redacted.
type Step interface {
	Do(ctx context.Context, call Call) (output string, err error)
	Status(ctx context.Context, call Call) (outcome Outcome, detail reason.Reason, err error)
}

// Call is what a step is called with.
type Call struct {
	Intent     string  // the idempotency key: the same for every attempt of this step of this run
	Run        Run     // for templates
	Step       StepRun // for templates
	Idempotent bool    // the runbook says that doing it twice does no harm
	// Vars are added to what templates see; the built-in names win.
	Vars map[string]string
}

// Kind is one kind of step: how its settings look and how a step is built of them.
type Kind struct {
	// Settings gives a pointer to the kind's settings with their defaults. Settings have a
	// method Validate() error, which joins every mistake.
	Settings func() any
	// Build makes the step: no dial, no file, no goroutine.
	Build func(settings any, env Env) (Step, error)
}

// NewKind is the kind of step that is built of settings of type S.
func NewKind[S any, T Step](defaults func() *S, build func(S, Env) (T, error)) Kind {
	return Kind{
		Settings: func() any { return defaults() },
		Build: func(settings any, env Env) (Step, error) {
			s, ok := settings.(*S)
			if !ok {
				return nil, fmt.Errorf("settings are a %T, not a %T", settings, s)
			}
			step, err := build(*s, env)
			if err != nil {
				return nil, err
			}
			return step, nil
		},
	}
}

// Flags keeps kill switches; flags.Board is one.
type Flags interface {
	// Change writes a change, unless its intent was written last. flags.ErrUnknown and a
	// flags.InvalidError say that nothing was written.
	Change(ctx context.Context, c flags.Change) (flags.State, error)
	// Last reads the last change of a flag; zero: there was none.
	Last(ctx context.Context, name string) (flags.Change, error)
}

// Windows keeps announced windows; windows.Board is one.
type Windows interface {
	// Announce writes a window, unless its intent announced one. A windows.InvalidError says that nothing
	// was written.
	Announce(ctx context.Context, w windows.Window) (windows.Window, error)
	// Announced reads the window that an intent announced; false: none.
	Announced(ctx context.Context, intent string) (windows.Window, bool, error)
}

// Env is what a step may use of the process that it lives in.
type Env struct {
	Log       *slog.Logger
	Redactor  *secret.Redactor // nil: nothing is redacted
	Now       func() time.Time
	UserAgent string
	Flags     Flags
	Windows   Windows
	Sightings Sightings // nil: nothing was recorded
}
