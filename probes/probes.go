package probes

import (
	"context"
	"log/slog"
	"time"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes/sample"
)

// Probe is the code of one check: it looks once. It honours ctx's deadline, and what it
// cannot tell is Unknown.
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

// Kind is one kind of check: how its settings look and how a probe is built of them.
type Kind struct {
	// Settings gives a pointer to the kind's settings with their defaults. The settings may
	// have a method Validate() error, which joins every mistake.
	Settings func() any
	// Build makes the probe: no dial, no file, no goroutine.
	Build func(settings any, env Env) (Probe, error)
	// Active says that a look costs quota or changes something: only the guardian that holds
	// the lease looks.
	Active bool
	// Passive says that nothing is looked at on a schedule: others report (heartbeat), and
	// the look only asks what was reported.
	Passive bool
	// Repeats tells whether a look of these settings reads and nothing else, so that it may be
	// tried again at once; nil: no. What costs quota or changes something is never repeated.
	Repeats func(settings any) bool
	// Produces lists the names of the series beyond the common ones that a check of these
	// settings can ever produce; a rule that reads any other name is refused at load.
	Produces func(settings any) []string
}

// MayRepeat tells whether a look of these settings may be tried again at once.
func (k Kind) MayRepeat(settings any) bool {
	return !k.Active && !k.Passive && k.Repeats != nil && k.Repeats(settings)
}

// always is the Repeats of a kind that only ever reads.
func always(any) bool { return true }

// CommonSeries gives the names of the series that every check produces.
func CommonSeries() []string {
	return []string{"probe_success", "probe_unknown", "probe_duration_seconds"}
}

// Env is what a probe may use of the process that it lives in.
type Env struct {
	Check    string // the check's name
	Service  string
	Labels   map[string]string
	Every    time.Duration // the mean time between looks
	Timeout  time.Duration // of one look; 0: not known
	Log      *slog.Logger
	Redactor *secret.Redactor
	// Orders journals synthetic orders before they are pushed; used by order_push only.
	Orders OrderJournal
	// Heartbeats tells when a job last reported; used by heartbeat only.
	Heartbeats func(ctx context.Context, check string) (Heartbeat, bool, error)
	// Answered hears of each answer to an HTTP request of the check; nil: nobody.
	Answered  func(Answer)
	Now       func() time.Time
	UserAgent string
	// Pictures is a folder for the screenshots of failures; "" keeps none. Used by page only.
	Pictures string
}

// Heartbeat is a job's report that it ran.
type Heartbeat struct {
	Check  string    `json:"check"`
	At     time.Time `json:"at"`
	OK     bool      `json:"ok"`               // the job says whether it succeeded
	Reason string    `json:"reason,omitempty"` // what the job says about a failure, at most 1 KiB
}

// Order is one synthetic order in the journal.
type Order struct {
	ID     string        `json:"id"` // the order's marker: unique, starts with the configured prefix
	Check  string        `json:"check"`
	Stage  string        `json:"stage"` // intended, pushed, visible, verified, cleaned, abandoned
	Ref    string        `json:"ref"`   // what the target calls it, once known
	Tries  int           `json:"tries"` // cleanups tried
	Reason reason.Reason `json:"reason,omitzero"`

	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

// OrderJournal keeps synthetic orders durably. Save with stage "intended" returns before the
// order is pushed and fails when this guardian no longer holds the lease.
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
	// Fingerprint says what the check is made of (see Fingerprint, the function). A check of
	// the same name and fingerprint keeps its loop, its probe and its state through Apply.
	Fingerprint string
	// Schedule says when to look; nil is Interval(Every).
	Schedule Schedule
	Every    time.Duration // the mean time between looks, for spreading, deadlines and grace
	Timeout  time.Duration // of one look; 0 or not under Every: nine tenths of Every, at most DefaultTimeout
	Active   bool          // the kind's Active: look only while this guardian holds the lease
	Budgeted bool          // it uses a marketplace's quota: the Budget has a say
	Retry    Retry
	Recheck  Recheck
	Probe    Probe
}
