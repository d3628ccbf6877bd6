package probes

import (
	"context"
	"log/slog"
	"time"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes/sample"
)

// Probe looks at a target once. It returns by ctx's deadline; what it cannot find out is Unknown.
type Probe interface {
	Look(ctx context.Context) sample.Observation
}

// Closer is a Probe that holds something open (a database pool, idle connections).
type Closer interface{ Close() error }

// Sweeper is a Probe that may have left something behind in a crash (order_push): Sweep is
// called once, before its first look, by the guardian that holds the lease.
type Sweeper interface {
	Sweep(ctx context.Context) error
}

// Drainer is a Probe that may have something on its way when it is stopped (order_push): Drain removes it
// once it arrives, until ctx ends, and names what may be left.
type Drainer interface {
	Drain(ctx context.Context) (left []string)
}

// Kind is one kind of check: its settings, and how a probe is built from them.
type Kind struct {
	// Settings gives a pointer to the kind's settings with their defaults. They may have a method
	// Validate() error, which joins all mistakes.
	Settings func() any
	// Build makes the probe. It opens no connection or file and starts no goroutine.
	Build func(settings any, env Env) (Probe, error)
	// Active says that a look costs quota or changes something: only the guardian that holds
	// the lease looks.
	Active bool
	// Passive says that a look only reads what others have reported (heartbeat).
	Passive bool
	// Repeats reports whether a look with these settings only reads, so that it may be tried again
	// at once; nil means no. Looks that use quota or change something are never repeated.
	Repeats func(settings any) bool
	// Produces lists the series that a check with these settings can have beside the common ones; a
	// rule that reads another series is refused when the configuration is loaded.
	Produces func(settings any) []string
	// Templates lists the templates of these settings, of a check with these labels, each with the
	// names that it may use; nil: there are none.
	Templates func(settings any, labels map[string]string) []Template
}

// Measurer is settings of a kind that judges values: MeasureOnly makes every value good, so that a check
// is Up whenever it got some.
type Measurer interface{ MeasureOnly() }

// anyNumber is a condition that every number meets.
const anyNumber = ">= -Inf"

// MayRepeat reports whether a look with these settings may be tried again at once.
func (k Kind) MayRepeat(settings any) bool {
	return !k.Active && !k.Passive && k.Repeats != nil && k.Repeats(settings)
}

// always is the Repeats of kinds that only read.
func always(any) bool { return true }

// CommonSeries gives the names of the series that every check produces.
func CommonSeries() []string {
	return []string{"probe_success", "probe_unknown", "probe_duration_seconds"}
}

// Env is what a probe gets from the process that runs it.
type Env struct {
	Check    string // the check's name
	Service  string
	Labels   map[string]string
	Every    time.Duration // the mean time between looks
	Timeout  time.Duration // of one look; 0: not known
	Log      *slog.Logger
	Redactor *secret.Redactor
	// Orders records synthetic orders before they are pushed; used by order_push only.
	Orders OrderJournal
	// Heartbeats gives the last report of a job; used by heartbeat only.
	Heartbeats func(ctx context.Context, check string) (Heartbeat, bool, error)
	// Compare compares what runs of a service with what should; used by drift only.
	Compare func(ctx context.Context, service string) (Comparison, error)
	// Answered is called with each answer to an HTTP request of the check; may be nil.
	Answered  func(Answer)
	Now       func() time.Time
	UserAgent string
	// Pictures is the folder for screenshots of failures; "" keeps none. Used by page only.
	Pictures string
}

// Heartbeat is a job's report that it ran.
type Heartbeat struct {
	Check  string    `json:"check"`
	At     time.Time `json:"at"`
	OK     bool      `json:"ok"`               // whether the job succeeded, by its own account
	Reason string    `json:"reason,omitempty"` // the job's account of a failure, at most 1 KiB
}

// Order is one synthetic order in the journal.
type Order struct {
	ID    string `json:"id"` // the order's marker: unique, starts with the configured prefix
	Check string `json:"check"`
	Stage string `json:"stage"` // intended, pushed, visible, verified, cleaned, abandoned
	Ref   string `json:"ref"`   // the target's own ID of it, once known
	// Values are what the answers to its push gave, by name: what its lookup and cleanup need of them.
	Values map[string]string `json:"values,omitempty"`
	Tries  int               `json:"tries"` // attempts to clean it up
	Reason reason.Reason     `json:"reason,omitzero"`

	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

// OrderJournal stores synthetic orders. Save fails when this guardian no longer holds the lease;
// an order is pushed only after it was saved with the stage "intended".
type OrderJournal interface {
	Save(ctx context.Context, o Order) error
	// Open lists a check's orders that are neither cleaned nor abandoned, oldest first.
	Open(ctx context.Context, check string) ([]Order, error)
}

// Schedule gives the next time strictly after t; robfig/cron's Schedule is one, and so is
// Interval. cron's own "@every" rounds to whole seconds: use Interval for fixed intervals.
type Schedule interface {
	Next(t time.Time) time.Time
}

// Interval is the schedule of looks that are a fixed time apart, to the nanosecond.
type Interval time.Duration

// Next gives t plus the interval.
func (i Interval) Next(t time.Time) time.Time { return t.Add(time.Duration(i)) }

// Check is a probe with its schedule, as the runner knows it.
type Check struct {
	Name    string
	Kind    string
	Service string
	Labels  map[string]string
	// Fingerprint identifies the check's settings (see the function Fingerprint). A check whose name
	// and fingerprint stay the same keeps its goroutine, probe and state through Apply.
	Fingerprint string
	// Schedule says when to look; nil is Interval(Every).
	Schedule Schedule
	Every    time.Duration // the mean time between looks, for spreading, deadlines and grace
	Timeout  time.Duration // of one look; 0 or not under Every: nine tenths of Every, at most DefaultTimeout
	Active   bool          // the kind's Active: look only while this guardian holds the lease
	Budgeted bool          // it uses a marketplace's quota, so that the Budget is asked before each look
	Retry    Retry
	Recheck  Recheck
	Probe    Probe
}
