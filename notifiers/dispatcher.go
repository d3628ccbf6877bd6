package notifiers

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/secret"
)

// Outbox keeps deliveries durably: the journal is one.
type Outbox interface {
	// Due lists, for one receiver, the first unfinished delivery (Queued or Sending) of each
	// notice key whose NextAt is not after now, oldest first, at most limit. A delivery that
	// is not the first of its key is never listed, whatever its NextAt.
	Due(ctx context.Context, receiver string, now time.Time, limit int) ([]Delivery, error)
	// Save writes deliveries by their ID, all or none, and has them on disk when it returns.
	// It fails when this guardian no longer holds the lease. A delivery's Receiver may change.
	Save(ctx context.Context, deliveries ...Delivery) error
}

// Receiver is a named destination, built.
type Receiver struct {
	Channel  Channel
	Budget   Budget
	Fallback string // the receiver that takes over while this one is penalized or broken; "": none
	// Fingerprint tells configurations apart: Apply keeps a receiver of the same fingerprint
	// running as it is. It must not contain a secret in clear; "" is never the same.
	Fingerprint string
}

// Options is what a Dispatcher is made of.
type Options struct {
	Receivers  map[string]Receiver
	Outbox     Outbox
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	Redactor   *secret.Redactor      // for what is kept of errors; nil: none
	Now        func() time.Time      // nil: the clock

	// GiveUpAfter is the age of a notice at which a failed attempt is the last; default 1h.
	GiveUpAfter time.Duration
	// FailOverAfter is the age of a notice at which a failed attempt moves it to the
	// receiver's fallback; default 2m. A penalty moves it at once.
	FailOverAfter time.Duration
	// Timeout bounds one call; default 15s.
	Timeout time.Duration

	// OnGiveUp puts into words that a delivery was given up. What it gives is told through
	// another receiver, once. nil: nobody is told.
	OnGiveUp func(Delivery) Notice
	// Drop says why a delivery need not be sent any more (silenced, superseded), or "". It
	// is asked right before each attempt. nil: nothing is dropped.
	Drop func(Delivery) string
}

// Dispatcher delivers what is in the outbox: one goroutine per receiver, in order per key,
// within the receiver's budget. It can be started again after Stop.
type Dispatcher struct{}

// NewDispatcher makes a dispatcher; it starts nothing. An unknown fallback is an error.
func NewDispatcher(o Options) (*Dispatcher, error) { return &Dispatcher{}, nil }

// Start begins to deliver until ctx ends or Stop is called.
func (d *Dispatcher) Start(ctx context.Context) {}

// Wake tells that there is something new for a receiver. It never blocks; a receiver that
// is not known is ignored.
func (d *Dispatcher) Wake(receiver string) {}

// Apply swaps the receivers: unchanged ones go on with their queue and penalties, removed
// ones stop. On an error nothing changes.
func (d *Dispatcher) Apply(receivers map[string]Receiver) error { return nil }

// Stop delivers what is due now, without waiting for retries, until ctx ends, and then ends
// every goroutine. What was not delivered stays in the outbox.
func (d *Dispatcher) Stop(ctx context.Context) error { return nil }

// Status is how a receiver is doing.
type Status struct {
	Receiver  string    `json:"receiver"`
	Waiting   int       `json:"waiting"`           // keys with something undelivered, at most 500
	Oldest    time.Time `json:"oldest,omitzero"`   // when the oldest of them was created
	Penalty   time.Time `json:"penalty,omitzero"`  // not called before
	LastError string    `json:"error,omitempty"`   // of the last attempt; "" when it was delivered
	LastSent  time.Time `json:"last_sent,omitzero"`
}

// Status tells how each receiver is doing, by name.
func (d *Dispatcher) Status() []Status { return nil }

