package notifiers

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"guardian/internal/secret"
)

// Channel hands notices to one messenger. Send renders a notice within the messenger's
// limits and makes one call. Its answers:
//
//   - nil: the messenger said in its body that it has taken the message;
//   - *Retry: it did not, or its answer was lost; the same notice may be sent again;
//   - *Permanent: it never will, and the error says what to change.
//
// Errors hold no secret and no address. A Channel is used by one goroutine at a time, keeps
// no queue and does not retry: the Dispatcher does.
type Channel interface {
	Send(ctx context.Context, n Notice) error
}

// Kind is one kind of messenger: how its settings look and how a channel is built of them.
type Kind struct {
	// Settings gives a pointer to the kind's settings with their defaults. The settings have
	// a method Validate() error, which joins every mistake.
	Settings func() any
	// Build makes the channel of settings that Settings gave: no dial, no file, no goroutine.
	Build func(settings any, env Env) (Channel, error)
	// Budget is what the messenger bears; a receiver uses it unless it is told otherwise.
	Budget Budget
}

// Env is what a channel may use of the process that it lives in. The zero value works.
type Env struct {
	Log       *slog.Logger
	Redactor  *secret.Redactor  // learns the channel's secrets when it is built
	Transport http.RoundTripper // nil: http.DefaultTransport
	Now       func() time.Time  // for signatures; nil: the clock
	UserAgent string
}

// Builtin gives the kinds that the guardian knows, by their key in a receiver's settings.
func Builtin() map[string]Kind {
	return map[string]Kind{
		"slack":    slackKind(),
		"dingtalk": dingtalkKind(),
		"webhook":  webhookKind(),
	}
}

// Build makes a channel of kind name out of kinds; an unknown kind is an error that lists
// the known ones.
func Build(kinds map[string]Kind, name string, settings any, env Env) (Channel, error) {
	kind, ok := kinds[name]
	if !ok {
		known := slices.Sorted(maps.Keys(kinds))
		return nil, fmt.Errorf("messenger %q is not known; choose one of %s", name, strings.Join(known, ", "))
	}
	return kind.Build(settings, env)
}

// Retry says that a notice was not taken, or that the answer was lost, and that it may be
// sent again.
type Retry struct { //nolint:errname // an answer first: callers read notifiers.Retry
	// After is how long the messenger wants no calls at all; 0: it did not say.
	After time.Duration
	// Penalty says that After is a punishment: the receiver is not called meanwhile, and its
	// notices go to the fallback.
	Penalty bool
	Err     error // redacted
}

// Error implements error.
func (e *Retry) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Retry) Unwrap() error { return e.Err }

// Permanent says that sending the same notice again cannot help.
type Permanent struct { //nolint:errname // as Retry
	Err  error  // redacted
	Hint string // what to change; may be empty
}

// Error implements error.
func (e *Permanent) Error() string {
	if e.Hint == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + ": " + e.Hint
}

// Unwrap gives the cause.
func (e *Permanent) Unwrap() error { return e.Err }

// Budget is how many calls a messenger bears. The zero value is no limit.
type Budget struct {
	Limit    int           // calls in any stretch of Per; 0: no limit
	Per      time.Duration // the window's length; default 1m
	Reserved int           // of Limit, kept for critical notices
	Spacing  time.Duration // the least pause between two calls
	// MergeAt is how many waiting notices are merged into one message even while the budget
	// lasts: a storm is one message. 0: 6; negative: only when the budget is short.
	MergeAt int
}
