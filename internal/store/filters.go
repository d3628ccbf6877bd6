package store

import (
	"time"

	"guardian/actions"
	"guardian/notifiers"
	"guardian/watch"
)

// The default and the maximum number of facts that a read returns.
const (
	DefaultLimit = 1000
	MaxLimit     = 100_000
)

// DeployFilter filters Deploys; the zero value matches everything.
type DeployFilter struct {
	ID, Service, Environment, Version string
	Since, Until                      time.Time // by At: in [Since, Until)
	Limit                             int       // 0: DefaultLimit
}

// WatchFilter filters Watches; the zero value matches everything.
type WatchFilter struct {
	ID, Deploy, Service, Environment string
	State                            watch.State
	Open                             bool      // only watches that are not final
	Since, Until                     time.Time // by Started: in [Since, Until)
	Limit                            int       // 0: DefaultLimit
}

// RunFilter filters Runs; the zero value matches everything.
type RunFilter struct {
	ID, Service, Environment, Runbook string
	Deploy, Watch, Alert              string // of the trigger
	Trigger                           actions.TriggerKind
	State                             actions.State
	Open                              bool      // only runs that are not final
	Rollbacks                         bool      // only rollbacks
	Since, Until                      time.Time // by Created: in [Since, Until)
	Limit                             int       // 0: DefaultLimit
}

// DrillFilter filters Drills; the zero value matches everything.
type DrillFilter struct {
	Name, Service string
	Open          bool      // only those that are under way
	Since, Until  time.Time // by Started: in [Since, Until)
	Limit         int       // 0: DefaultLimit
}

// AlertFilter filters Alerts and AlertEpisodes; the zero value matches everything.
type AlertFilter struct {
	ID, Service  string
	Open         bool      // only pending and firing ones
	Since, Until time.Time // by ActiveAt (Alerts) or FiredAt (AlertEpisodes): in [Since, Until)
	Limit        int       // 0: DefaultLimit
}

// DeliveryFilter filters Deliveries; the zero value matches everything.
type DeliveryFilter struct {
	ID, Receiver, Key string // Key is the notice's
	Alert             string // the notice is about it
	State             notifiers.DeliveryState
	Open              bool      // only Queued and Sending ones
	Since, Until      time.Time // by the notice's Created: in [Since, Until)
	Limit             int       // 0: DefaultLimit
}

// AuditFilter filters Audit; the zero value is the newest page.
type AuditFilter struct {
	Service, Subject string
	Before           string // AuditPage.Next of the page before
	Since, Until     time.Time
	Limit            int // 0: DefaultLimit
}

// AuditPage is a page of the journal, newest first.
type AuditPage struct {
	Lines []Audit
	Next  string // for AuditFilter.Before; "" at the end
}

// DeliveryStats summarizes the outbox.
type DeliveryStats struct {
	States        map[notifiers.DeliveryState]int // deliveries that changed since, and all open ones
	OldestOpen    time.Time                       // Created of the oldest undelivered notice; zero: none
	LastDelivered time.Time                       // zero: none yet
}

// Keep says from when on facts are kept, by kind; what is older and final is removed. A zero
// time keeps everything.
type Keep struct {
	Journal    time.Time // everything that reports and pages need
	Heartbeats time.Time // heartbeats; the last one of each check is always kept
	Idempotent time.Time // idempotency keys
}
