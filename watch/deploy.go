package watch

import (
	"cmp"
	"time"
)

// Kind is what a deploy changes.
type Kind string

// The kinds of a deploy.
const (
	Code      Kind = "code"
	Config    Kind = "config"
	Operation Kind = "operation" // prices, promotions, listings
)

// SameKind tells whether versions of two kinds follow each other. A kind that is left out is code.
func SameKind(a, b Kind) bool { return cmp.Or(a, Code) == cmp.Or(b, Code) }

// Deploy is one announced change of one service. Times are UTC.
type Deploy struct {
	ID              string    `json:"id"`
	Service         string    `json:"service"`
	Environment     string    `json:"environment"`
	Version         string    `json:"version"`
	PreviousVersion string    `json:"previous_version,omitempty"`
	Shops           []string  `json:"shops,omitempty"` // empty: all
	Kind            Kind      `json:"kind"`
	KnownGood       bool      `json:"known_good,omitempty"` // declared in the announcement
	Author          string    `json:"author,omitempty"`
	Ticket          string    `json:"ticket,omitempty"`
	URL             string    `json:"url,omitempty"`
	Reversible      bool      `json:"reversible"`
	At              time.Time `json:"at"`        // when it happened, as far as is known
	Announced       time.Time `json:"announced"` // when the hook was called
	// SwitchedBy is how At is known; "" in journals of earlier builds, where the caller said it
	// or it is Announced.
	SwitchedBy SwitchBy `json:"switched_by,omitempty"`
	// FirstTried is when the hook was called first, if an earlier call was not taken.
	FirstTried time.Time `json:"first_tried,omitzero"`
	// Rollout is when it began and ended, where both are announced; nil: it was announced when it
	// had happened.
	Rollout *Rollout `json:"rollout,omitempty"`
	// Unsure: it is not known whether it happened, since its command failed or never ended.
	Unsure bool `json:"unsure,omitempty"`
	// ClockOff is how far the caller's clock was ahead of the guardian's, where that is seen.
	ClockOff time.Duration `json:"clock_off,omitempty"`
	// AtAhead is how far in the future its time was said to be; the time of the call is taken instead.
	AtAhead time.Duration `json:"at_ahead,omitempty"`
	// RollbackRun is the guardian's run that put this version back; "" when it is no rollback.
	RollbackRun string `json:"rollback_run,omitempty"`
	// GateClosed is why the gate was closed when it was announced; empty: it was open.
	GateClosed []GateReason `json:"gate_closed,omitempty"`
	// Drill is the drill whose fault the deploy stands for; "": it is a deploy.
	Drill string `json:"drill,omitempty"`
	// Void is when a drill ended that put nothing back: its version does not run. Zero: it may.
	Void time.Time `json:"void,omitzero"`
	// Asked is what the announcement sets for the watch in place of the service's settings.
	Asked *Asked `json:"asked,omitempty"`
}

// PutsVersion tells whether the deploy put a version in place: an operation did not.
func (d Deploy) PutsVersion() bool { return d.Kind != Operation }

// DeclaresGood tells whether the announcement declares a version to be good.
func (d Deploy) DeclaresGood() bool { return d.KnownGood && d.PutsVersion() }

// Asked is what an announcement sets for the watch of its deploy.
type Asked struct {
	For  time.Duration `json:"for,omitempty"`  // 0: the service's
	Mode Mode          `json:"mode,omitempty"` // "": the service's
}

// Mode is what a Failed verdict leads to.
type Mode string

// The modes of a watch.
const (
	Auto    Mode = "auto"    // the runbook runs by itself
	Approve Mode = "approve" // a person is asked first
	Observe Mode = "observe" // nothing is done; what would have been done is recorded
)

// State is the state of a watch.
type State string

// The states of a watch; all but Watching are final.
const (
	Watching     State = "watching"
	Passed       State = "passed"
	Failed       State = "failed"
	Inconclusive State = "inconclusive"
	Superseded   State = "superseded"
	Cancelled    State = "cancelled"
)

// Final reports whether a watch in this state is over.
func (s State) Final() bool { return s != Watching }
