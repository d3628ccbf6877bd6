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

// Channel sends notices to one messenger. Send renders a notice within the messenger's
// limits and makes one call. It returns:
//
//   - nil: the messenger confirmed in the body of its answer that it accepted the message;
//   - *Retry: the call failed or its answer was lost; the same notice may be sent again;
//   - *Permanent: the call can never succeed; the error says what to change.
//
// Errors contain neither secrets nor the webhook's address. A Channel is used by one
// goroutine at a time, unless its budget says Parallel. It has no queue and does not retry; the Dispatcher does.
type Channel interface {
	Send(ctx context.Context, n Notice) error
}

// Kind is one kind of messenger: its settings and how a channel is built from them.
type Kind struct {
	// Settings returns a pointer to the kind's settings with their defaults. They have a method
	// Validate() error, which joins all mistakes.
	Settings func() any
	// Build makes a channel from filled-in settings, without any I/O or goroutine.
	Build func(settings any, env Env) (Channel, error)
	// Budget is the messenger's documented rate limit, the default for its receivers.
	Budget Budget
	// Links reports whether people read the messages and can follow a link in them.
	Links bool
}

// Env holds the dependencies of a channel. The zero value works.
type Env struct {
	Log       *slog.Logger
	Redactor  *secret.Redactor  // the channel's secrets are added to it when it is built
	Transport http.RoundTripper // nil: http.DefaultTransport
	Now       func() time.Time  // for signatures; nil: time.Now
	UserAgent string
	// Receiver is the receiver's name, and ExternalURL where people reach the guardian's pages, for
	// payloads that have them.
	Receiver, ExternalURL string
}

// Builtin returns all kinds of messengers, by their key in a receiver's configuration.
func Builtin() map[string]Kind {
	return map[string]Kind{
		"slack":    slackKind(),
		"dingtalk": dingtalkKind(),
		"discard":  discardKind(),
		"email":    emailKind(),
		"feishu":   feishuKind(),
		"webhook":  webhookKind(),
		"wecom":    wecomKind(),
	}
}

// Build makes a channel of the named kind. The error for an unknown kind lists the known ones.
func Build(kinds map[string]Kind, name string, settings any, env Env) (Channel, error) {
	kind, ok := kinds[name]
	if !ok {
		known := slices.Sorted(maps.Keys(kinds))
		return nil, fmt.Errorf("messenger %q is not known; choose one of %s", name, strings.Join(known, ", "))
	}
	return kind.Build(settings, env)
}

// Retry is the error of a call that may be repeated: the notice was not accepted, or the
// answer was lost.
type Retry struct { //nolint:errname // an answer first: callers read notifiers.Retry
	// After is how long the messenger asks not to be called; 0: it did not say.
	After time.Duration
	// Penalty marks a penalty for exceeding the rate limit: the receiver is not called during
	// After, and its notices move to the fallback.
	Penalty bool
	Err     error // redacted
}

// Error implements error.
func (e *Retry) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Retry) Unwrap() error { return e.Err }

// Permanent is the error of a call that fails in the same way when it is repeated.
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

// Unwrap returns the cause.
func (e *Permanent) Unwrap() error { return e.Err }
