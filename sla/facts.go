package sla

import (
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// Interval is a period in which a check had one health. Intervals of one check do not overlap.
// To is exclusive. While the interval continues, To is when the next look is due: a look is
// valid until then.
type Interval struct {
	Check   string        `json:"check"`
	Service string        `json:"service"`
	Health  sample.Health `json:"health"`
	From    time.Time     `json:"from"`
	To      time.Time     `json:"to"`
	Reason  reason.Reason `json:"reason,omitzero"` // of the first sample of a Down or Unknown interval
	// Seen is when the last look in it began; zero if there was none.
	Seen time.Time `json:"seen,omitzero"`
}

// Rollup is the summary of one hour of a check.
type Rollup struct {
	Check    string        `json:"check"`
	Service  string        `json:"service"`
	Hour     time.Time     `json:"hour"` // its start, UTC
	Up       time.Duration `json:"up"`
	Down     time.Duration `json:"down"`
	Unknown  time.Duration `json:"unknown"`
	Looks    int           `json:"looks"`    // looks that were up or down
	Failures int           `json:"failures"` // looks that were down
	// Latency is the sum of the durations of the looks that were Up.
	Latency time.Duration `json:"latency"`
}

// Maintenance is one announced window.
type Maintenance struct {
	Name      string    `json:"name"`
	Service   string    `json:"service"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Announced time.Time `json:"announced"` // a window that is announced after its start counts only from then on
}

// DeployFact is a deploy with its watch and its rollback.
type DeployFact struct {
	ID, Service, Environment, Version, Author, Kind string
	At                                              time.Time
	Watch                                           string        // watch ID
	State                                           string        // the watch's state
	Reason                                          reason.Reason // the verdict's reason
	FaultSince                                      time.Time     // when failures began, of a failed watch
	DecidedAt                                       time.Time     // verdict
	Run                                             string        // run ID; "" when nothing was rolled back
	RunState                                        string
	RunStarted                                      time.Time
	RunEnded                                        time.Time
	// WatchEnds is the end of the watch, or its deadline. A downtime that begins between At and
	// WatchEnds is attributed to the deploy; if it is zero, one that begins within an hour of At.
	WatchEnds time.Time
	// PutsBack marks a deploy that restored an earlier version. It is counted separately.
	PutsBack bool
}

// RunFact is a run.
type RunFact struct {
	ID, Service, Runbook, Trigger, State string
	Rollback                             bool
	Created, Ended                       time.Time
}

// Service is a service with its objective.
type Service struct {
	Name string
	// Objective is the availability objective in (0, 1]; 0: there is none.
	Objective float64
	// Checks are the checks that count, in the order of the configuration.
	Checks []string
}

// Facts is the input of Build.
type Facts struct {
	Services    []Service
	Intervals   []Interval
	Maintenance []Maintenance
	Deploys     []DeployFact
	Runs        []RunFact
	// Known is when each check looked first. Of a check that is not in it, the whole period counts.
	Known map[string]time.Time
}
