package announce

import (
	"slices"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/watch"
)

// Plan is what a Failed verdict leads to.
type Plan struct {
	Runbook string    // "": the service has none
	To      string    // the version to roll back to, or that would be; "": none is known to be good
	Undo    bool      // an operation is undone: there is no version to go back to
	Run     string    // the run's ID, once there is one
	Until   time.Time // of the approval; zero: no end
	// QueuedBehind is the other run of the service for whose end it waits; zero for none.
	QueuedBehind reason.Reason
	// Refusals are those of the guards: with one that does not ask, nothing is rolled back; with
	// one that does, a person is asked also in mode auto.
	Refusals []actions.Refusal
}

// asks tells whether a person must approve although the mode is auto.
func (p Plan) asks() bool { return slices.ContainsFunc(p.Refusals, actions.Refusal.Asks) }

// aimless tells that there is nothing to go back to.
func (p Plan) aimless() bool { return p.To == "" && !p.Undo }

// refused tells whether a guard forbids it.
func (p Plan) refused() bool {
	return slices.ContainsFunc(p.Refusals, func(r actions.Refusal) bool { return !r.Asks() })
}

// LastDeploy is the last deploy of a service, and what became of it.
type LastDeploy struct {
	watch.Deploy
	Rollback *actions.Run // its newest rollback; nil: there is none
}

// Blind is a check that could not look for long.
type Blind struct {
	Check   string
	Service string
	Labels  map[string]string // marketplace, shop, site
	Since   time.Time
	Reason  reason.Reason // redacted
}

// Order is a synthetic order that could not be cancelled.
type Order struct {
	ID      string // its marker
	Ref     string // what the target calls it; "" when that is not known
	Check   string
	Service string
	Labels  map[string]string
	Tries   int
	Reason  reason.Reason // redacted
	Created time.Time
}

// ActionText is the text of a link by which readers acknowledge an alert, or silence it for a time.
func (t Renderer) ActionText(silence bool, length time.Duration) string {
	if silence {
		return fill(t.texts().linkSilence, "length", t.span(length))
	}
	return t.texts().linkAck
}
